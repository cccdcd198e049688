import { expect } from 'vitest';
import { SalvageError } from '../../src/errors/salvage-error.ts';
import { patched, u32 } from '../helpers/hex.ts';

type Decode = (bytes: Uint8Array) => unknown;

/** What a decoder says to damaged bytes: the error's code, or undefined when it accepts them. */
export function verdict(decode: Decode, bytes: Uint8Array): string | undefined {
  try {
    decode(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof SalvageError) return error.code;
    throw error;
  }
}

/** Every shorter prefix of a whole structure is CORRUPT. */
export function expectTruncationsCorrupt(decode: Decode, bytes: Uint8Array): void {
  expect(verdict(decode, bytes)).toBeUndefined();
  for (let length = 0; length < bytes.length; length++) {
    expect([length, verdict(decode, bytes.subarray(0, length))]).toEqual([length, 'CORRUPT']);
  }
}

/**
 * A u32 of all ones in any place, and any single byte inverted, gives a result or a source fault:
 * never another error, and never a wait.
 */
export function expectSurvivesLies(decode: Decode, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) {
    const lies = [patched(bytes, at, Uint8Array.of(bytes[at]! ^ 0xff))];
    if (at + 4 <= bytes.length) lies.push(patched(bytes, at, u32(0xffffffff)));
    for (const lie of lies) {
      expect([undefined, 'CORRUPT', 'UNSUPPORTED']).toContain(verdict(decode, lie));
    }
  }
}
