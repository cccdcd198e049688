import { ByteReader } from '../../src/bytes/byte-reader.ts';
import type { ByteSource } from '../../src/io/ports.ts';

/** Something that makes sense of bytes that nobody vouches for. */
export interface Decoder {
  /**
   * Decodes all of an input, lazy parts too. May throw source faults, nothing else.
   * @returns what tells two readings apart
   */
  run: (bytes: Uint8Array) => unknown;
  /** Makes the checksums of a changed input right again, so that what they guard is reached. */
  repair?: (bytes: Uint8Array) => void;
  /**
   * Does the result claim that a checksum was right? Then a reading with one bit changed must not
   * claim that and be another.
   */
  vouches?: (result: never) => boolean;
  /** What has to hold for every input; says what does not. */
  law?: (bytes: Uint8Array) => string | undefined;
  /** bytes beyond the usual that it may take, whatever the input (fixed windows, tables) */
  fixedBytes?: number;
}

export type Decoders = Record<string, Decoder>;

/** A decoder that takes a reader. */
export const reading =
  (decode: (reader: ByteReader) => unknown) =>
  (bytes: Uint8Array): unknown =>
    decode(new ByteReader(bytes, 'fuzz'));

/** Pairs of blobs (u32 length, bytes): how inputs of decoders of omap entries are kept. */
export function omapEntries(bytes: Uint8Array): { key: Uint8Array; value: Uint8Array }[] {
  const reader = new ByteReader(bytes, 'entries');
  const entries: { key: Uint8Array; value: Uint8Array }[] = [];
  const blob = (): Uint8Array => reader.take(Math.min(reader.u32(), reader.remaining));
  while (reader.remaining >= 8) {
    const key = blob();
    if (reader.remaining < 4) break;
    entries.push({ key, value: blob() });
  }
  return entries;
}

/** A source of one stretch of bytes. */
export const sourceOf = (bytes: Uint8Array, path = '/fuzz'): ByteSource => ({
  path,
  size: bytes.length,
  read(target, position) {
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  },
  close() {},
});

/**
 * A device of which only some stretches are not zero, as inputs keep it: u48 offset, u32 length,
 * bytes; again and again.
 */
export function deviceOf(bytes: Uint8Array, size: number): ByteSource {
  const reader = new ByteReader(bytes, 'device');
  const stretches: { at: number; data: Uint8Array }[] = [];
  while (reader.remaining >= 10) {
    const at = reader.u32() + reader.u16() * 2 ** 32;
    stretches.push({ at, data: reader.take(Math.min(reader.u32(), reader.remaining)) });
  }
  return {
    path: '/fuzz',
    size,
    read(target, position) {
      const n = Math.max(0, Math.min(target.length, size - position));
      target.fill(0, 0, n);
      for (const { at, data } of stretches) {
        const from = Math.max(at, position);
        const to = Math.min(at + data.length, position + n);
        if (from < to) target.set(data.subarray(from - at, to - at), from - position);
      }
      return n;
    },
    close() {},
  };
}

/** Number and rest of inputs that begin with a u32. */
export function prefixed(bytes: Uint8Array): [number, Uint8Array] {
  const reader = new ByteReader(bytes, 'fuzz');
  return [reader.u32(), reader.rest()];
}
