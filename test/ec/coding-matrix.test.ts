import { describe, expect, it } from 'vitest';
import {
  isaCauchy,
  isaVandermonde,
  jerasureCauchyGood,
  jerasureVandermonde,
  raid6,
} from '../../src/ec/coding-matrix.ts';
import { galoisField } from '../../src/ec/galois.ts';

const WIDTHS = Array.from({ length: 31 }, (_, i) => i + 2);
const bytes = galoisField(8)!;

function primeFactors(n: number): number[] {
  const out: number[] = [];
  for (let p = 2, rest = n; rest > 1; p = p * p > rest ? rest : p + 1) {
    while (rest % p === 0) {
      out.push(p);
      rest /= p;
    }
  }
  return [...new Set(out)];
}

describe.each(WIDTHS)('the field of 2^%i elements', (w) => {
  const { multiply, invert } = galoisField(w)!;
  const power = (base: number, exponent: number): number => {
    let result = 1;
    for (let e = exponent, square = base; e > 0; e = Math.floor(e / 2)) {
      if (e % 2 === 1) result = multiply(result, square);
      square = multiply(square, square);
    }
    return result;
  };

  it('has a primitive polynomial', () => {
    const order = 2 ** w - 1;
    expect(power(2, order)).toBe(1);
    for (const p of primeFactors(order)) expect(p === 1 || power(2, order / p) !== 1).toBe(true);
  });

  it('inverts', () => {
    for (const a of [1, 2, 3, 2 ** w - 1, 2 ** (w - 1)]) expect(multiply(a, invert(a))).toBe(1);
  });
});

it('has no field of other widths', () => {
  for (const w of [0, 1, 33, 8.5]) expect(galoisField(w)).toBeUndefined();
});

// isa-l's own definitions, and the head of jerasure's table for w = 8.
it('makes the matrices that the libraries document', () => {
  expect(isaVandermonde(bytes, 4, 3)).toEqual([
    [1, 1, 1, 1],
    [1, 2, 4, 8],
    [1, 4, 16, 64],
  ]);
  expect(raid6(bytes, 9)[1]).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 0x1d]);
  expect(jerasureCauchyGood(bytes, 10, 2)[1]).toEqual([1, 2, 142, 4, 71, 8, 70, 173, 3, 35]);
  expect(isaCauchy(bytes, 2, 2)).toEqual([
    [bytes.invert(2), bytes.invert(3)],
    [bytes.invert(3), bytes.invert(2)],
  ]);
});

it('gives reed_sol_van a first row and a first column of ones', () => {
  const [first, ...others] = jerasureVandermonde(bytes, 6, 4);
  expect(first).toEqual([1, 1, 1, 1, 1, 1]);
  expect(others.map(([head]) => head)).toEqual([1, 1, 1]);
});
