import { decode, encode } from '@msgpack/msgpack';
import { corruptError } from '../errors/salvage-error.ts';

/** Structured parts of the catalog are MessagePack; bigints stay bigints. */
export const pack = (value: unknown): Uint8Array =>
  encode(value, { useBigInt64: true, ignoreUndefined: true });

/**
 * What `pack` packed; byte strings are views into `bytes`. The shape is trusted after the record's
 * checksum has been verified.
 * @throws CORRUPT
 */
export function unpack<T>(bytes: Uint8Array, what: string): T {
  try {
    return decode(bytes, { useBigInt64: true }) as T;
  } catch (error) {
    throw corruptError(`catalog: ${what}: ${(error as Error).message}`);
  }
}
