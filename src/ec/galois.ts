/** Arithmetic in GF(2^w), as jerasure and isa-l do it. See docs/formats/erasure-code.md, "Fields". */

export interface Field {
  /** bits of an element, 2 to 32 */
  readonly w: number;
  /** Elements are u32 numbers below 2^w. */
  multiply(a: number, b: number): number;
  /** @param a not 0 */
  invert(a: number): number;
}

/**
 * What x^w is equal to, by w: the primitive polynomial without its highest term.
 * (gf-complete's defaults; isa-l has w = 8 only and the same polynomial there.)
 */
const FEEDBACK: Readonly<Record<number, number>> = {
  2: 0x3,
  3: 0x3,
  4: 0x3,
  5: 0x5,
  6: 0x3,
  7: 0x9,
  8: 0x1d,
  9: 0x11,
  10: 0x9,
  11: 0x5,
  12: 0x53,
  13: 0x1b,
  14: 0x443,
  15: 0x3,
  16: 0x100b,
  17: 0x9,
  18: 0x81,
  19: 0x27,
  20: 0x9,
  21: 0x5,
  22: 0x3,
  23: 0x21,
  24: 0x87,
  25: 0x9,
  26: 0x47,
  27: 0x27,
  28: 0x9,
  29: 0x5,
  30: 0x800007,
  31: 0x9,
  32: 0x400007,
};

/** Undefined when there is no such field here. */
export function galoisField(w: number): Field | undefined {
  const feedback = FEEDBACK[w];
  if (feedback === undefined) return undefined;
  const highest = 2 ** (w - 1);
  const mask = 2 ** w - 1;

  const double = (a: number): number => ((a << 1) & mask) ^ ((a & highest) === 0 ? 0 : feedback);

  const multiply = (a: number, b: number): number => {
    let product = 0;
    for (let factor = b, term = a; factor !== 0; factor >>>= 1, term = double(term)) {
      if ((factor & 1) !== 0) product ^= term;
    }
    return product >>> 0;
  };

  // a^(2^w - 2): the product of all squares a^2, a^4, ... a^(2^(w-1)).
  const invert = (a: number): number => {
    let square = a;
    let product = 1;
    for (let i = 1; i < w; i++) {
      square = multiply(square, square);
      product = multiply(product, square);
    }
    return product;
  };

  return { w, multiply, invert };
}
