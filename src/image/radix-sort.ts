/** Bits of a pass, so that counting digits does not take longer than the keys: most images are small. */
const FEW = { keys: 8192, bits: 8 };
const BITS = 16;

/** The order that sorts non-negative whole numbers below 2^53 ascending; stable, no comparisons. */
export function sortedOrder(keys: Float64Array, n: number): Uint32Array {
  let top = 0;
  for (let i = 0; i < n; i++) if (keys[i]! > top) top = keys[i]!;
  let order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  let other = new Uint32Array(n);
  const digits = 2 ** (n < FEW.keys ? FEW.bits : BITS);
  for (let divisor = 1; divisor <= top; divisor *= digits) {
    scatter(keys, { divisor, digits }, order, other);
    [order, other] = [other, order];
  }
  return order;
}

/** One pass over one digit of the keys. */
function scatter(
  keys: Float64Array,
  { divisor, digits }: { divisor: number; digits: number },
  from: Uint32Array,
  to: Uint32Array,
): void {
  const next = new Uint32Array(digits + 1);
  const digit = (i: number) => Math.floor(keys[i]! / divisor) % digits;
  for (const i of from) next[digit(i) + 1]!++;
  for (let d = 0; d < digits; d++) next[d + 1]! += next[d]!;
  for (const i of from) to[next[digit(i)]!++] = i;
}
