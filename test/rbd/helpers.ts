import { expect } from 'vitest';
import { SalvageError } from '../../src/errors/salvage-error.ts';
import type { OmapEntry } from '../../src/rbd/omap-values.ts';

/** Bytes of hex digits; blanks and bars are there for the reader. */
export const hex = (digits: string): Uint8Array =>
  new Uint8Array(Buffer.from(digits.replace(/[\s|]/g, ''), 'hex'));

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'));
export const text = (value: Uint8Array): string => Buffer.from(value).toString('utf8');

/** omap entries of ASCII keys and hex values. */
export const omap = (values: Record<string, string>): OmapEntry[] =>
  Object.entries(values).map(([key, value]) => ({ key: bytes(key), value: hex(value) }));

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

export function expectCorrupt(run: () => unknown, message?: RegExp): void {
  const error = thrownBy(run);
  expect(error).toBeInstanceOf(SalvageError);
  expect((error as SalvageError).code).toBe('CORRUPT');
  if (message !== undefined) expect((error as SalvageError).message).toMatch(message);
}

/** Every prefix of a good sample, from nothing on, must be refused as CORRUPT. */
export function expectTruncationsCorrupt(
  good: Uint8Array,
  parse: (b: Uint8Array) => unknown,
): void {
  expect(thrownBy(() => parse(good))).toBeUndefined();
  for (let length = 0; length < good.length; length++) {
    const error = thrownBy(() => parse(good.slice(0, length)));
    expect(error, `${length} of ${good.length} bytes`).toBeInstanceOf(SalvageError);
    expect((error as SalvageError).code, `${length} bytes`).toBe('CORRUPT');
  }
}

/** Whatever one byte becomes, a decoder answers or throws a SalvageError. */
export function expectFlipsSurvived(good: Uint8Array, parse: (b: Uint8Array) => unknown): void {
  for (let at = 0; at < good.length; at++) {
    for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
      const bad = good.slice();
      bad[at] = value;
      const error = thrownBy(() => parse(bad));
      if (error === undefined) continue;
      expect(error, `byte ${at} = ${value}`).toBeInstanceOf(SalvageError);
      expect(['CORRUPT', 'UNSUPPORTED']).toContain((error as SalvageError).code);
    }
  }
}
