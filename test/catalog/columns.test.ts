import { expect, it } from 'vitest';
import { unpackColumn } from '../../src/catalog/columns.ts';
import { ScanKernel } from '../../src/wasm/scan-kernel.ts';

const kernel = new ScanKernel();

/** The column of object numbers as the scan kernel packs it. */
function packColumn(values: readonly number[]) {
  kernel.clear();
  for (const value of values) kernel.push(0, value, 0, 0, 0);
  const { bytes, groups } = kernel.pack(1);
  const [base, width] = groups[0]!.columns as [number, number];
  return { head: { base, width }, bytes: bytes.slice(0, values.length * width) };
}

/** xorshift32: the same values in every run. */
function numbers(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

function roundTrip(values: readonly number[]): number[] {
  const { head, bytes } = packColumn(values);
  const out: number[] = [];
  unpackColumn(head, bytes, values.length, out, 0);
  return out;
}

const TOP = 2 ** 32 - 1;

it('gives back any values', () => {
  const next = numbers(1);
  for (let run = 0; run < 400; run++) {
    const bits = next() % 33;
    const base = Math.floor((next() / 2 ** 32) * (TOP - 2 ** bits));
    const values = Array.from(
      { length: 1 + (next() % 40) },
      () => base + Math.floor((next() / 2 ** 32) * 2 ** bits),
    );
    expect(roundTrip(values)).toEqual(values);
  }
});

it('puts values where asked', () => {
  const { head, bytes } = packColumn([20, 30]);
  const out = Uint32Array.of(0, 0, 0, 0);
  unpackColumn(head, bytes, 2, out, 1);
  expect([...out]).toEqual([0, 20, 30, 0]);
});

it('reads a column that begins at an odd place', () => {
  const { head, bytes } = packColumn([1, 70000]);
  const moved = Buffer.concat([Buffer.of(9), bytes]).subarray(1);
  const out: number[] = [];
  unpackColumn(head, moved, 2, out, 0);
  expect(out).toEqual([1, 70000]);
});

it('reads a column of doubles', () => {
  const values = Float64Array.of(0, 2 ** 40);
  const out: number[] = [];
  unpackColumn({ base: 5, width: 8 }, new Uint8Array(values.buffer), 2, out, 0);
  expect(out).toEqual([5, 2 ** 40 + 5]);
});

it('refuses bytes that cannot be that column', () => {
  const corrupt = expect.objectContaining({ code: 'CORRUPT' });
  expect(() => unpackColumn({ base: 0, width: 2 }, Buffer.alloc(3), 2, [], 0)).toThrow(corrupt);
  expect(() => unpackColumn({ base: 0, width: 3 }, Buffer.alloc(6), 2, [], 0)).toThrow(corrupt);
});
