/**
 * A WebAssembly module with two loops over 16 bytes at a time, written down instruction by
 * instruction: there is no other way to the processor's byte shuffle, which looks up 16 bytes at once.
 *
 *     (memory (export "memory") 1)
 *     (func (export "xor") (param $target i32) (param $source i32) (param $length i32))
 *     (func (export "map") (param $target i32) (param $source i32) (param $length i32) (param $table i32))
 */

const I32 = 0x7f;
const V128 = 0x7b;
const NO_RESULT = 0x40;
const LOOP = 0x03;
const END = 0x0b;
const BR_IF = 0x0d;
const I32_CONST = 0x41;
const I32_ADD = 0x6a;
const I32_SUB = 0x6b;

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
/** i32.const of a number from 0 to 63 */
const constant = (value: number): number[] => [I32_CONST, value];

const load = (offset = 0): number[] => [0xfd, 0x00, 0x00, offset];
const STORE = [0xfd, 0x0b, 0x00, 0x00];
const SPLAT_I8 = [0xfd, 0x0f];
const SWIZZLE = [0xfd, 0x0e];
const AND = [0xfd, 0x4e];
const XOR = [0xfd, 0x51];
const SHIFT_RIGHT_U16 = [0xfd, 0x8d, 0x01];

// Parameters come first among the locals.
const TARGET = 0;
const SOURCE = 1;
const LENGTH = 2;

const advance = (local: number): number[] => [
  ...get(local),
  ...constant(16),
  I32_ADD,
  ...set(local),
];

/** Repeats `body` for each 16 bytes; the length must not be 0. */
const forEach16 = (body: number[]): number[] => [
  LOOP,
  NO_RESULT,
  ...body,
  ...advance(TARGET),
  ...advance(SOURCE),
  ...[...get(LENGTH), ...constant(16), I32_SUB, ...tee(LENGTH), BR_IF, 0],
  END,
];

const xorBody = [
  ...[0], // no further locals
  ...forEach16([
    ...[...get(TARGET), ...get(TARGET), ...load()],
    ...[...get(SOURCE), ...load(), ...XOR, ...STORE],
  ]),
  END,
];

const TABLE = 3;
const LOW = 4;
const HIGH = 5;
const BYTES = 6;
const NIBBLE = 7;

const mapBody = [
  ...[1, 4, V128],
  ...[...get(TABLE), ...load(0), ...set(LOW), ...get(TABLE), ...load(16), ...set(HIGH)],
  ...[...constant(15), ...SPLAT_I8, ...set(NIBBLE)],
  ...forEach16([
    ...[...get(TARGET), ...get(TARGET), ...load()],
    ...[...get(LOW), ...get(SOURCE), ...load(), ...tee(BYTES), ...get(NIBBLE), ...AND],
    ...[...SWIZZLE, ...XOR],
    ...[...get(HIGH), ...get(BYTES), ...constant(4), ...SHIFT_RIGHT_U16, ...get(NIBBLE), ...AND],
    ...[...SWIZZLE, ...XOR, ...STORE],
  ]),
  END,
];

/** Lengths here stay below 128 or are written in two bytes. */
const length = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
const sized = (bytes: number[]): number[] => [...length(bytes.length), ...bytes];
const section = (id: number, ...entries: number[][]): number[] => [
  id,
  ...sized([entries.length, ...entries.flat()]),
];
const signature = (parameters: number): number[] => [
  ...[0x60, parameters, ...new Array<number>(parameters).fill(I32)],
  0,
];
const exported = (name: string, kind: number, index: number): number[] => [
  ...sized([...Buffer.from(name)]),
  ...[kind, index],
];

/** The module's bytes. */
export const KERNEL_MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...section(1, signature(3), signature(4)),
  ...section(3, [0], [1]),
  ...section(5, [0x00, 1]),
  ...section(7, exported('memory', 2, 0), exported('xor', 0, 0), exported('map', 0, 1)),
  ...section(10, sized(xorBody), sized(mapBody)),
]);
