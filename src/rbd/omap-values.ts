import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import { readNameText } from '../ceph/encoding.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';

/** One key and its value, as the object store hands them out. */
export interface OmapEntry {
  key: Uint8Array;
  value: Uint8Array;
}

/**
 * Runs `decode` over one value. Damage goes to `problems` with the key's name, so that one rotten
 * value does not cost its neighbours; a bug of ours is thrown on.
 * @returns whether the value could be decoded
 */
export function tryValue(problems: string[], key: Uint8Array, decode: () => void): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    problems.push(`${nameToText(key)}: ${errorText(error)}`);
    return false;
  }
}

/** The part of `key` behind `prefix` (ASCII), or undefined when it does not start so. A view. */
export function afterPrefix(key: Uint8Array, prefix: string): Uint8Array | undefined {
  if (key.length < prefix.length) return undefined;
  for (let i = 0; i < prefix.length; i++) {
    if (key[i] !== prefix.charCodeAt(i)) return undefined;
  }
  return key.subarray(prefix.length);
}

/**
 * Digits of lower-case hex in `bytes[start, end)` as a number.
 * @returns -1 when there is anything else in between, nothing at all, or a value from 2^53 on
 */
export function hexNumber(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const c = bytes[i] as number;
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : c >= 0x61 && c <= 0x66 ? c - 0x57 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

const HEX64 = /^[0-9a-f]{16}$/;

/** A `%016x` key suffix such as a snapshot id, or undefined when it is not one. */
export function hex64(bytes: Uint8Array): bigint | undefined {
  const text = Buffer.from(bytes).toString('latin1');
  return HEX64.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** A value that is nothing but a string holding an image or group id (short ASCII, hence text). */
export const parseId = (value: Uint8Array, structure: string): string =>
  readNameText(new ByteReader(value, structure));
