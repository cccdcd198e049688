/**
 * WebAssembly written down instruction by instruction: there is no other way to the processor's
 * vectors of 16 bytes, and no tool is needed to build a few short loops.
 */

const I32 = 0x7f;
export const V128 = 0x7b;
const NO_RESULT = 0x40;

export const LOOP = [0x03, NO_RESULT];
export const END = 0x0b;
export const BR_IF = 0x0d;
export const I32_ADD = 0x6a;
export const I32_SUB = 0x6b;

/** LEB128: seven bits in a byte, the lowest first. */
const unsigned = (n: number): number[] =>
  n < 128 ? [n] : [(n & 127) | 128, ...unsigned(Math.floor(n / 128))];

export const get = (local: number): number[] => [0x20, local];
export const set = (local: number): number[] => [0x21, local];
export const tee = (local: number): number[] => [0x22, local];
/** i32.const of a number that is not negative: the last byte's bit 6 is the sign */
export const constant = (value: number): number[] =>
  value % 128 === value && value >= 64 ? [0x41, value | 128, 0] : [0x41, ...unsigned(value)];
/** v128.load and v128.store, `offset` bytes behind the address on the stack */
export const load = (offset = 0): number[] => [0xfd, 0x00, 0x00, ...unsigned(offset)];
export const store = (offset = 0): number[] => [0xfd, 0x0b, 0x00, ...unsigned(offset)];
/** v128.xor */
export const XOR = [0xfd, 0x51];

export const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];

const section = (id: number, ...entries: number[][]): number[] => [
  id,
  ...sized([...unsigned(entries.length), ...entries.flat()]),
];
const signature = (parameters: number): number[] => [
  ...[0x60, parameters, ...new Array<number>(parameters).fill(I32)],
  0,
];
const exported = (name: string, kind: number, index: number): number[] => [
  ...sized([...Buffer.from(name)]),
  ...[kind, index],
];

/** A function without result. */
export interface WasmFunction {
  name: string;
  /** how many; all are i32 */
  parameters: number;
  /** locals and instructions, the last END included */
  body: readonly number[];
}

/** The bytes of a module that exports some functions, and a memory of at least one page as `memory`. */
export const wasmModule = (...functions: readonly WasmFunction[]): Uint8Array =>
  Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, ...functions.map(({ parameters }) => signature(parameters))),
    ...section(3, ...functions.map((_, i) => [i])),
    ...section(5, [0x00, 1]),
    ...section(
      7,
      exported('memory', 2, 0),
      ...functions.map(({ name }, i) => exported(name, 0, i)),
    ),
    ...section(10, ...functions.map(({ body }) => sized(body))),
  ]);

interface WebAssemblyNamespace {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
}

export interface WasmMemory {
  /** another one after `grow` */
  readonly buffer: ArrayBuffer;
  /** by pages of 64 KiB */
  grow(pages: number): number;
}

export const WASM_PAGE = 65536;

/**
 * What a module exports; undefined where the processor or the runtime lacks what it uses, or address
 * space is limited: a memory wants gigabytes of that, however small it is.
 */
export function instantiate<Exports>(
  bytes: Uint8Array,
): (Exports & { memory: WasmMemory }) | undefined {
  // Node has WebAssembly, but its types for it come with the DOM's only.
  const { WebAssembly } = globalThis as unknown as { WebAssembly?: WebAssemblyNamespace };
  if (WebAssembly?.validate(bytes) !== true) return undefined;
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return exports as Exports & { memory: WasmMemory };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
