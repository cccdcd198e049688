import type { Random } from './random.ts';

/** Changes that break structures where they are weak: lengths, counts, offsets, ends. */

/** Larger inputs only cost time: what a decoder can get wrong shows in small ones. */
const MAX_BYTES = 1 << 17;

const LIES32 = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x00ffffff, 0x01000000, 0x10000000, 0x7ffffffe,
  0x7fffffff, 0x80000000, 0x80000001, 0xfffffff0, 0xfffffffe, 0xffffffff,
];
const LIES64 = [
  0n,
  1n,
  0x7fffffffn,
  0xffffffffn,
  0x100000000n,
  2n ** 40n,
  2n ** 52n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
];
/** What text formats trip over. */
const WORDS = [
  '0',
  '-1',
  '9'.repeat(20),
  '1e9',
  'NaN',
  '%n',
  '\\',
  '_',
  '.',
  '/',
  '{',
  '"',
  '[',
  '\0',
  '\xff',
];

type Mutation = (random: Random, bytes: Buffer, others: readonly Uint8Array[]) => Buffer;

const flipBit: Mutation = (random, bytes) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  return bytes;
};

const setByte: Mutation = (random, bytes) => {
  if (bytes.length > 0)
    bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
  return bytes;
};

const addToByte: Mutation = (random, bytes) => {
  if (bytes.length > 0)
    bytes[random.below(bytes.length)]! += 1 + random.small(32) * (random.chance(2) ? 1 : -1);
  return bytes;
};

const lie32: Mutation = (random, bytes) => {
  if (bytes.length < 4) return bytes;
  const at = random.below(bytes.length - 3);
  const value = random.chance(3)
    ? (bytes.length - at + random.small(16) - 8) >>> 0
    : random.pick(LIES32);
  if (random.chance(4)) bytes.writeUInt32BE(value, at);
  else bytes.writeUInt32LE(value, at);
  return bytes;
};

const lie64: Mutation = (random, bytes) => {
  if (bytes.length < 8) return bytes;
  const at = random.below(bytes.length - 7);
  if (random.chance(4)) bytes.writeBigUInt64BE(random.pick(LIES64), at);
  else bytes.writeBigUInt64LE(random.pick(LIES64), at);
  return bytes;
};

/** A varint of many digits over what is there. */
const lieVarint: Mutation = (random, bytes) => {
  const at = random.below(bytes.length + 1);
  const digits = Buffer.alloc(random.below(11), 0xff);
  return Buffer.concat([
    bytes.subarray(0, at),
    digits,
    Buffer.from([random.below(128)]),
    bytes.subarray(at + random.below(2) * (digits.length + 1)),
  ]);
};

const truncate: Mutation = (random, bytes) => bytes.subarray(0, random.below(bytes.length + 1));

const behead: Mutation = (random, bytes) => bytes.subarray(random.small(bytes.length + 1));

const stretch = (random: Random, length: number): [number, number] => {
  const from = random.below(length + 1);
  return [from, from + random.small(Math.min(length - from, 4096) + 1)];
};

const remove: Mutation = (random, bytes) => {
  const [from, to] = stretch(random, bytes.length);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const duplicate: Mutation = (random, bytes) => {
  const [from, to] = stretch(random, bytes.length);
  const times = 1 + random.small(random.chance(8) ? 64 : 3);
  const copies = Array.from({ length: times }, () => bytes.subarray(from, to));
  return Buffer.concat([bytes.subarray(0, to), ...copies, bytes.subarray(to)]);
};

const fill: Mutation = (random, bytes) => {
  const [from, to] = stretch(random, bytes.length);
  return bytes.fill(random.pick([0, 0xff, random.below(256)]), from, to);
};

const copyOver: Mutation = (random, bytes) => {
  const [from, to] = stretch(random, bytes.length);
  bytes.copy(bytes, random.below(bytes.length + 1), from, to);
  return bytes;
};

const splice: Mutation = (random, bytes, others) => {
  if (others.length === 0) return bytes;
  const other = random.pick(others);
  const [from, to] = stretch(random, other.length);
  const at = random.below(bytes.length + 1);
  const skip = random.chance(2) ? to - from : 0;
  return Buffer.concat([
    bytes.subarray(0, at),
    other.subarray(from, to),
    bytes.subarray(at + skip),
  ]);
};

const crossOver: Mutation = (random, bytes, others) => {
  if (others.length === 0) return bytes;
  const other = random.pick(others);
  return Buffer.concat([
    bytes.subarray(0, random.below(bytes.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ]);
};

const insertWord: Mutation = (random, bytes) => {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([
    bytes.subarray(0, at),
    Buffer.from(random.pick(WORDS), 'latin1'),
    bytes.subarray(at),
  ]);
};

const insertRandom: Mutation = (random, bytes) => {
  const at = random.below(bytes.length + 1);
  const added = Buffer.from(Array.from({ length: random.small(32) }, () => random.below(256)));
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
};

const append: Mutation = (random, bytes) =>
  Buffer.concat([bytes, Buffer.alloc(random.small(4096), random.pick([0, 0xff, 0x80, 1]))]);

const MUTATIONS: readonly Mutation[] = [
  ...[flipBit, flipBit, setByte, setByte, addToByte, lie32, lie32, lie32, lie64, lieVarint],
  ...[truncate, behead, remove, duplicate, fill, copyOver, splice, splice, crossOver],
  ...[insertWord, insertRandom, append],
];

/** A changed copy of an input. */
export function mutate(
  random: Random,
  input: Uint8Array,
  others: readonly Uint8Array[],
): Uint8Array {
  let bytes: Buffer = Buffer.from(input);
  for (let n = 1 + random.small(6); n > 0; n--)
    bytes = random.pick(MUTATIONS)(random, bytes, others);
  return new Uint8Array(bytes.subarray(0, MAX_BYTES));
}
