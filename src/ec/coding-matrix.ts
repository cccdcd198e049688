import type { Field } from './galois.ts';

/**
 * The coding matrices: one row for each parity chunk, one column for each data chunk;
 * parity = sum of coefficient * data. See docs/formats/erasure-code.md, "Matrices".
 */
export type Matrix = readonly (readonly number[])[];

const matrix = (k: number, m: number, at: (row: number, column: number) => number): Matrix =>
  Array.from({ length: m }, (_, row) => Array.from({ length: k }, (_, column) => at(row, column)));

const xorRow = (k: number): Matrix => matrix(k, 1, () => 1);

/**
 * jerasure reed_sol_van. The library starts from an extended Vandermonde matrix (points 0, 1, ... and
 * infinity), makes its top the identity, then the first parity row and the first column all ones.
 * Lagrange's formula gives the same numbers at once.
 */
export function jerasureVandermonde({ multiply, invert }: Field, k: number, m: number): Matrix {
  const quotient = (a: number, b: number): number => multiply(a, invert(b));
  return matrix(k, m, (row, j) => {
    if (row === 0) return 1;
    const numerator = quotient(k ^ j, k);
    const x = k + row;
    return row === m - 1 ? numerator : multiply(numerator, quotient(x, x ^ j));
  });
}

function powers({ multiply }: Field, base: number, count: number): number[] {
  const out = [1];
  while (out.length < count) out.push(multiply(out[out.length - 1]!, base));
  return out;
}

/** jerasure reed_sol_r6_op: P is the exclusive or, Q has the powers of 2 (m is always 2). */
export const raid6 = (field: Field, k: number): Matrix => [...xorRow(k), powers(field, 2, k)];

/** jerasure cauchy_orig. */
export const jerasureCauchy = ({ invert }: Field, k: number, m: number): Matrix =>
  matrix(k, m, (row, j) => invert(row ^ (m + j)));

/** Ones in the bit matrix of the multiplication by `element`: what jerasure takes for its cost. */
function countOnes({ w, multiply }: Field, element: number): number {
  let ones = 0;
  for (let x = 0; x < w; x++) {
    for (let bits = multiply(element, 2 ** x); bits !== 0; bits &= bits - 1) ones++;
  }
  return ones;
}

/** For m = 2 and w up to 11 jerasure has tables of second rows: the cheapest elements first. */
const LARGEST_TABLE_W = 11;

function cheapestElements(field: Field, count: number): number[] {
  const all = Array.from({ length: 2 ** field.w - 1 }, (_, i) => ({
    element: i + 1,
    ones: countOnes(field, i + 1),
  }));
  all.sort((a, b) => a.ones - b.ones || a.element - b.element);
  return all.slice(0, count).map(({ element }) => element);
}

/** The multiple of `row` with the fewest ones that has a 1 somewhere; the earliest of equals. */
function cheapestMultiple(field: Field, row: readonly number[]): readonly number[] {
  const cost = (candidate: readonly number[]): number =>
    candidate.reduce((sum, element) => sum + countOnes(field, element), 0);
  let best = row;
  let least = cost(row);
  for (const element of row) {
    if (element === 1) continue;
    const inverse = field.invert(element);
    const candidate = row.map((other) => field.multiply(other, inverse));
    const ones = cost(candidate);
    if (ones < least) [best, least] = [candidate, ones];
  }
  return best;
}

/** jerasure cauchy_good: columns scaled so that the first row is ones, then the rows made cheap. */
export function jerasureCauchyGood(field: Field, k: number, m: number): Matrix {
  const { w, multiply, invert } = field;
  if (m === 2 && w <= LARGEST_TABLE_W && k < 2 ** w) {
    return [...xorRow(k), cheapestElements(field, k)];
  }
  const original = jerasureCauchy(field, k, m);
  const scale = original[0]!.map(invert);
  return original.map((row, i) => {
    const scaled = row.map((element, j) => multiply(element, scale[j]!));
    return i === 0 ? scaled : cheapestMultiple(field, scaled);
  });
}

/** isa reed_sol_van: powers of 1, 2, 4, 8, ... Not every choice of rows can be inverted. */
export const isaVandermonde = (field: Field, k: number, m: number): Matrix =>
  powers(field, 2, m).map((base) => powers(field, base, k));

/** isa cauchy; a single parity is the exclusive or, whatever the technique. */
export const isaCauchy = ({ invert }: Field, k: number, m: number): Matrix =>
  m === 1 ? xorRow(k) : matrix(k, m, (row, j) => invert((k + row) ^ j));
