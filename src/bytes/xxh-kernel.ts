import { PRIME32_1, PRIME64_1, PRIME64_2 } from './xxh-primes.ts';

/**
 * A WebAssembly module with the loops of XXH64 and XXH3, written down instruction by instruction: JavaScript
 * has no 64-bit multiplication, and what it can do instead takes ten times as long.
 *
 *     (memory (export "memory") 2)
 *     (func (export "xxh64") (param $data i32) (param $end i32))
 *     (func (export "xxh3") (param $data i32) (param $end i32) (param $key i32))
 *     (func (export "scramble") (param $key i32))
 *
 * Lanes lie at 0, as u64. `xxh64` takes stripes of 32 bytes into four of them, `xxh3` of 64 bytes into
 * eight, each with the secret at `$key`, which advances by 8. There has to be one stripe. `scramble` is
 * what XXH3 does to its lanes after every 16 stripes.
 */

const I32 = 0x7f;
const I64 = 0x7e;
const NO_RESULT = 0x40;
const LOOP = 0x03;
const END = 0x0b;
const BR_IF = 0x0d;
const I32_CONST = 0x41;
const I64_CONST = 0x42;
const I32_LT_U = 0x49;
const I32_ADD = 0x6a;
const I32_WRAP = 0xa7;
const I64_EXTEND_U = 0xad;
const I64_ADD = 0x7c;
const I64_MUL = 0x7e;
const I64_XOR = 0x85;
const I64_SHR_U = 0x88;
const I64_ROTL = 0x89;

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
/** Signed LEB128, as constants are written. */
function leb(value: bigint): number[] {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const isLast = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
  return isLast ? [low] : [low | 0x80, ...leb(rest)];
}
const i32 = (value: number): number[] => [I32_CONST, ...leb(BigInt(value))];
const i64 = (value: bigint): number[] => [I64_CONST, ...leb(BigInt.asIntN(64, value))];
/** u64 at the address on the stack plus `offset`, which is below 128; no alignment is claimed. */
const load = (offset: number): number[] => [0x29, 0x00, offset];
const store = (offset: number): number[] => [0x37, 0x00, offset];

const DATA = 0;
const LIMIT = 1;

const advance = (local: number, by: number): number[] => [
  ...get(local),
  ...[...i32(by), I32_ADD, ...tee(local)],
];

const lanesOf = (count: number, first: number) => {
  const each = Array.from({ length: count }, (_, lane) => lane);
  return {
    /** local of a lane */
    local: (lane: number): number => first + lane,
    begin: each.flatMap((lane) => [...i32(0), ...load(lane * 8), ...set(first + lane)]),
    end: each.flatMap((lane) => [...i32(0), ...get(first + lane), ...store(lane * 8)]),
    ofEach: (make: (lane: number) => number[]): number[] => each.flatMap(make),
  };
};

function xxh64Body(prime1: bigint, prime2: bigint): number[] {
  const lanes = lanesOf(4, 2);
  const stripe = lanes.ofEach((lane) => [
    ...[...get(lanes.local(lane)), ...get(DATA), ...load(lane * 8), ...i64(prime2), I64_MUL],
    ...[I64_ADD, ...i64(31n), I64_ROTL, ...i64(prime1), I64_MUL, ...set(lanes.local(lane))],
  ]);
  return [
    ...[1, 4, I64],
    ...lanes.begin,
    ...[LOOP, NO_RESULT, ...stripe, ...advance(DATA, 32), ...get(LIMIT), I32_LT_U, BR_IF, 0, END],
    ...lanes.end,
    END,
  ];
}

const KEY = 2;

function xxh3Body(): number[] {
  const lanes = lanesOf(8, 3);
  const [word, keyed] = [11, 12];
  const stripe = lanes.ofEach((lane) => [
    ...[...get(DATA), ...load(lane * 8), ...tee(word)],
    ...[...get(KEY), ...load(lane * 8), I64_XOR, ...set(keyed)],
    ...[...get(lanes.local(lane ^ 1)), ...get(word), I64_ADD, ...set(lanes.local(lane ^ 1))],
    ...[...get(keyed), I32_WRAP, I64_EXTEND_U, ...get(keyed), ...i64(32n), I64_SHR_U, I64_MUL],
    ...[...get(lanes.local(lane)), I64_ADD, ...set(lanes.local(lane))],
  ]);
  const next = [...get(KEY), ...i32(8), I32_ADD, ...set(KEY), ...advance(DATA, 64)];
  return [
    ...[1, 10, I64],
    ...lanes.begin,
    ...[LOOP, NO_RESULT, ...stripe, ...next, ...get(LIMIT), I32_LT_U, BR_IF, 0, END],
    ...lanes.end,
    END,
  ];
}

function scrambleBody(prime: bigint): number[] {
  const lane = 1;
  const each = Array.from({ length: 8 }, (_, i) => i * 8);
  return [
    ...[1, 1, I64],
    ...each.flatMap((at) => [
      ...[...i32(0), ...i32(0), ...load(at), ...tee(lane)],
      ...[...get(lane), ...i64(47n), I64_SHR_U, I64_XOR],
      ...[...get(0), ...load(at), I64_XOR, ...i64(prime), I64_MUL, ...store(at)],
    ]),
    END,
  ];
}

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
export const kernelModule = (): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, signature(2), signature(3), signature(1)),
    ...section(3, [0], [1], [2]),
    ...section(5, [0x00, 2]),
    ...section(
      7,
      ...[exported('memory', 2, 0), exported('xxh64', 0, 0), exported('xxh3', 0, 1)],
      exported('scramble', 0, 2),
    ),
    ...section(
      10,
      ...[sized(xxh64Body(PRIME64_1, PRIME64_2)), sized(xxh3Body())],
      sized(scrambleBody(PRIME32_1)),
    ),
  ]);
