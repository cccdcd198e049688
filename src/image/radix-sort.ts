/** The order that sorts non-negative whole numbers below 2^53 ascending; stable, no comparisons. */
export function sortedOrder(keys: Float64Array, n: number): Uint32Array {
  let top = 0;
  for (let i = 0; i < n; i++) if (keys[i]! > top) top = keys[i]!;
  let order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  let other = new Uint32Array(n);
  for (let divisor = 1; divisor <= top; divisor *= 0x10000) {
    scatter(keys, divisor, order, other);
    [order, other] = [other, order];
  }
  return order;
}

/** One pass over 16 bits of the keys. */
function scatter(keys: Float64Array, divisor: number, from: Uint32Array, to: Uint32Array): void {
  const next = new Uint32Array(0x10001);
  const digit = (i: number) => Math.floor(keys[i]! / divisor) % 0x10000;
  for (const i of from) next[digit(i) + 1]!++;
  for (let d = 0; d < 0x10000; d++) next[d + 1]! += next[d]!;
  for (const i of from) to[next[digit(i)]!++] = i;
}
