import { describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../src/bytes/crc32c.ts';
import { corruptError, usageError } from '../../src/errors/salvage-error.ts';
import type { Decoder } from './decoder.ts';
import { Fuzzer } from './fuzz.ts';
import { flipEach, judge } from './judge.ts';

const INPUT = Uint8Array.of(1, 2, 3, 4);

const failureOf = (run: Decoder['run'], more: Partial<Decoder> = {}): string | undefined =>
  judge({ run, ...more }, INPUT).failure;

describe('a verdict', () => {
  it('lets pass what decodes, and what is refused as damaged', () => {
    expect(failureOf((bytes) => bytes.length)).toBeUndefined();
    const refuse = () => {
      throw corruptError('no');
    };
    expect(judge({ run: refuse }, INPUT)).toEqual({ accepted: false, failure: undefined });
  });

  it('finds errors that are bugs', () => {
    expect(failureOf((bytes) => (bytes as unknown as number[][])[9]!.length)).toMatch(/TypeError/);
    expect(
      failureOf(() => {
        throw usageError('not the operator');
      }),
    ).toMatch(/USAGE/);
  });

  it('finds memory that the input does not account for', () => {
    const kept: unknown[] = [];
    expect(failureOf(() => kept.push(new Uint8Array(40 << 20)))).toMatch(/takes \d+ bytes for 4/);
    const more = { fixedBytes: 64 << 20 };
    expect(failureOf(() => kept.push(new Uint8Array(40 << 20)), more)).toBeUndefined();
  });

  it('finds what takes long', () => {
    const slow = () => {
      for (const end = performance.now() + 450; performance.now() < end; );
    };
    expect(failureOf(slow)).toMatch(/takes \d+ ms/);
  });

  it('finds writes to the input, and broken laws', () => {
    expect(failureOf((bytes) => bytes.fill(0))).toBe('writes to its input');
    expect(failureOf(() => 0, { law: () => 'is written otherwise' })).toBe('is written otherwise');
  });
});

describe('flipped bits', () => {
  const sum = (bytes: Uint8Array) => cephCrc32c(0, bytes.subarray(0, 3)) & 0xff;
  const whole = Uint8Array.of(1, 2, 3, sum(INPUT));
  const decoder = (check: (bytes: Uint8Array) => boolean): Decoder => ({
    run: (bytes) => ({ value: bytes.slice(0, 3), right: check(bytes) }),
    vouches: (({ right }: { right: boolean }) => right) as (result: never) => boolean,
  });

  it('are noticed by a checksum that is looked at', () => {
    expect(
      flipEach(
        decoder((bytes) => bytes[3] === sum(bytes)),
        whole,
      ),
    ).toEqual({ noticed: 32 });
  });

  it('are found out by one that is not', () => {
    expect(
      flipEach(
        decoder(() => true),
        whole,
      ),
    ).toHaveProperty('failure');
  });
});

describe('a fuzzer', () => {
  it('finds the one length that a decoder believes, the same one each time', () => {
    const trusting: Decoder = {
      run: (bytes) => {
        if (bytes.length > 4 && bytes[0] === 0xff && bytes[1] === 0xff) throw new RangeError('bug');
      },
    };
    const findings = [1, 2].map(() => {
      const fuzzer = new Fuzzer({
        name: 'x',
        decoder: trusting,
        seeds: [new Uint8Array(16)],
        seed: 3,
      });
      for (let n = 0; n < 60; n++) fuzzer.runBatch();
      return fuzzer.findings;
    });
    expect(findings[0]).toHaveLength(1);
    expect(findings[0]![0]!.failure).toMatch(/RangeError: bug/);
    expect(findings[1]).toEqual(findings[0]);
  });
});
