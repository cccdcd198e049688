import {
  PRIME32_1,
  PRIME32_2,
  PRIME32_3,
  PRIME64_1,
  PRIME64_2,
  PRIME64_3,
  PRIME64_4,
  PRIME64_5,
  rotl64,
  u64,
} from './xxh-primes.ts';
import { xxh3Stripes } from './xxh-stripes.ts';
import { avalanche64 } from './xxh64.ts';

/** The 64-bit XXH3 with seed 0 and the default secret (xxhash.h of libxxhash 0.8), as RocksDB has it. */

const PRIME_MX1 = 0x165667919e3779f9n;
const PRIME_MX2 = 0x9fb21c651e98df25n;

/** kSecret of xxhash.h */
const SECRET = Uint8Array.from(
  Buffer.from(
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221' +
      'b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
      'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb' +
      '170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
    'hex',
  ),
);
const secret = new DataView(SECRET.buffer);
const secret64 = (at: number): bigint => secret.getBigUint64(at, true);

function foldedProduct(x: bigint, y: bigint): bigint {
  const product = x * y;
  return u64(product) ^ (product >> 64n);
}

function avalanche(hash: bigint): bigint {
  const h = u64((hash ^ (hash >> 37n)) * PRIME_MX1);
  return h ^ (h >> 32n);
}

function upTo16(view: DataView, length: number): bigint {
  const n = BigInt(length);
  if (length > 8) {
    const low = view.getBigUint64(0, true) ^ secret64(24) ^ secret64(32);
    const high = view.getBigUint64(length - 8, true) ^ secret64(40) ^ secret64(48);
    const swapped = Buffer.alloc(8);
    swapped.writeBigUInt64LE(low);
    return avalanche(u64(n + swapped.readBigUInt64BE() + high + foldedProduct(low, high)));
  }
  if (length >= 4) {
    const first = BigInt(view.getUint32(0, true));
    const last = BigInt(view.getUint32(length - 4, true));
    let h = (last + (first << 32n)) ^ secret64(8) ^ secret64(16);
    h ^= rotl64(h, 49n) ^ rotl64(h, 24n);
    h = u64(h * PRIME_MX2);
    h = u64((h ^ ((h >> 35n) + n)) * PRIME_MX2);
    return h ^ (h >> 28n);
  }
  if (length === 0) return avalanche64(secret64(56) ^ secret64(64));
  const [first, middle, last] = [0, length >> 1, length - 1].map((at) => view.getUint8(at)) as [
    number,
    number,
    number,
  ];
  const combined = ((first << 16) | (middle << 24) | last | (length << 8)) >>> 0;
  const flip = (secret.getUint32(0, true) ^ secret.getUint32(4, true)) >>> 0;
  return avalanche64(BigInt(combined) ^ BigInt(flip));
}

/** 16 bytes at `at` with those of the secret at `key` */
const mix16 = (view: DataView, at: number, key: number): bigint =>
  foldedProduct(
    view.getBigUint64(at, true) ^ secret64(key),
    view.getBigUint64(at + 8, true) ^ secret64(key + 8),
  );

function upTo128(view: DataView, length: number): bigint {
  let sum = BigInt(length) * PRIME64_1;
  for (let i = (length - 1) >> 5; i >= 0; i--) {
    sum += mix16(view, 16 * i, 32 * i) + mix16(view, length - 16 * (i + 1), 32 * i + 16);
  }
  return avalanche(u64(sum));
}

function upTo240(view: DataView, length: number): bigint {
  let sum = BigInt(length) * PRIME64_1;
  for (let i = 0; i < 8; i++) sum += mix16(view, 16 * i, 16 * i);
  sum = avalanche(u64(sum));
  for (let i = 8; i < length >> 4; i++) sum += mix16(view, 16 * i, 16 * (i - 8) + 3);
  return avalanche(u64(sum + mix16(view, length - 16, 136 - 17)));
}

const START = BigUint64Array.of(
  ...[PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3],
  ...[PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1],
);

function long(bytes: Uint8Array): bigint {
  const lanes = xxh3Stripes(bytes, START, SECRET);
  let hash = BigInt(bytes.length) * PRIME64_1;
  for (let i = 0; i < 8; i += 2) {
    const key = 11 + 8 * i;
    hash += foldedProduct(lanes[i]! ^ secret64(key), lanes[i + 1]! ^ secret64(key + 8));
  }
  return avalanche(u64(hash));
}

/** XXH3_64bits. */
export function xxh3(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  if (length <= 16) return upTo16(view, length);
  if (length <= 128) return upTo128(view, length);
  return length <= 240 ? upTo240(view, length) : long(bytes);
}
