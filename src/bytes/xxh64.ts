import { addTo, multiplyBy, rotl64, u64, wordAt, wordsOf } from './words64.ts';

export const PRIME64_1 = 0x9e3779b185ebca87n;
export const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
export const PRIME64_3 = 0x165667b19e3779f9n;
export const PRIME64_4 = 0x85ebca77c2b2ae63n;
export const PRIME64_5 = 0x27d4eb2f165667c5n;

const STRIPE = 32;
const [P1_LOW, P1_HIGH, P2_LOW, P2_HIGH] = wordsOf(PRIME64_1, PRIME64_2) as unknown as [
  number,
  number,
  number,
  number,
];

/** One word in, by halves: the hot loop. */
function roundInto(lanes: Int32Array, i: number, word: Int32Array): void {
  multiplyBy(word, 0, P2_LOW, P2_HIGH);
  addTo(lanes, i, word[0]!, word[1]!);
  const low = lanes[i]!;
  const high = lanes[i + 1]!;
  // rotl 31
  lanes[i] = (low << 31) | (high >>> 1);
  lanes[i + 1] = (high << 31) | (low >>> 1);
  multiplyBy(lanes, i, P1_LOW, P1_HIGH);
}

const round = (acc: bigint, word: bigint): bigint =>
  u64(rotl64(u64(acc + word * PRIME64_2), 31n) * PRIME64_1);

/** The four lanes, mixed into one; `end` is a multiple of 32. */
function lanesOf(view: DataView, end: number, seed: bigint): bigint {
  const lanes = wordsOf(
    u64(seed + PRIME64_1 + PRIME64_2),
    u64(seed + PRIME64_2),
    seed,
    u64(seed - PRIME64_1),
  );
  const word = new Int32Array(2);
  for (let at = 0; at < end; at += STRIPE) {
    for (let lane = 0; lane < 8; lane += 2) {
      word[0] = view.getInt32(at + lane * 4, true);
      word[1] = view.getInt32(at + lane * 4 + 4, true);
      roundInto(lanes, lane, word);
    }
  }
  const [a, b, c, d] = [0, 2, 4, 6].map((i) => wordAt(lanes, i)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  let hash = u64(rotl64(a, 1n) + rotl64(b, 7n) + rotl64(c, 12n) + rotl64(d, 18n));
  for (const lane of [a, b, c, d]) hash = u64((hash ^ round(0n, lane)) * PRIME64_1 + PRIME64_4);
  return hash;
}

/** What XXH64 ends with. */
export function avalanche64(hash: bigint): bigint {
  let h = u64((hash ^ (hash >> 33n)) * PRIME64_2);
  h = u64((h ^ (h >> 29n)) * PRIME64_3);
  return h ^ (h >> 32n);
}

/** XXH64 of xxHash's specification (doc/xxhash_spec.md). */
export function xxh64(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  let at = length - (length % STRIPE);
  let hash = length < STRIPE ? u64(seed + PRIME64_5) : lanesOf(view, at, seed);
  hash = u64(hash + BigInt(length));
  for (; at + 8 <= length; at += 8) {
    hash ^= round(0n, view.getBigUint64(at, true));
    hash = u64(rotl64(hash, 27n) * PRIME64_1 + PRIME64_4);
  }
  if (at + 4 <= length) {
    hash ^= u64(BigInt(view.getUint32(at, true)) * PRIME64_1);
    hash = u64(rotl64(hash, 23n) * PRIME64_2 + PRIME64_3);
    at += 4;
  }
  for (; at < length; at++) {
    hash ^= u64(BigInt(bytes[at]!) * PRIME64_5);
    hash = u64(rotl64(hash, 11n) * PRIME64_1);
  }
  return avalanche64(hash);
}
