import { describe, expect, it } from 'vitest';
import { orderOfSizes } from '../../src/image/examine-headless.ts';

const MiB = 2 ** 20;
const orderOf = (sizes: number[], last: number, bytes?: number): number =>
  orderOfSizes(
    sizes,
    last,
    bytes === undefined ? undefined : { bytes, exact: false, what: 'file system' },
  ).value;

describe('the object size of an image without a header', () => {
  it('is 4 MiB where nothing speaks against it', () => {
    expect(orderOf([], 0)).toBe(22);
    expect(orderOf([4096], 7)).toBe(22);
    expect(orderOf([3 * MiB, 100], 7)).toBe(22);
  });

  it('is at least that of the largest object', () => {
    expect(orderOf([4 * MiB + 1], 0)).toBe(23);
    expect(orderOf([8 * MiB, 8 * MiB], 40)).toBe(23);
  });

  it('is what several objects have and none exceeds', () => {
    expect(orderOf([MiB, MiB, 4096, 70_000], 900)).toBe(20);
    expect(orderOf([4096, 4096], 900)).toBe(12);
    expect(orderOf([MiB, 4096, 70_000], 900)).toBe(22);
  });

  it('is not what a few blocks of a large file system have', () => {
    // Four allocation groups of XFS with 32 KiB of headers each, in objects of 4 MiB.
    const headers = [32768, 32768, 32768, 32768];
    expect(orderOf(headers, 1920, 10 * 1024 * MiB)).toBe(22);
  });

  it('is small where the disk is too small for so many objects', () => {
    expect(orderOf([300_000], 63, 64 * MiB)).toBe(20);
    expect(orderOf([300_000], 15, 64 * MiB)).toBe(22);
  });

  it('is small where objects side by side all are', () => {
    const sizes = [900_000, 1_000_000, 700_000, 500_000, 1_040_000, 200_000, 800_000];
    expect(orderOf(sizes, 7)).toBe(20);
    expect(orderOf(sizes, 700)).toBe(22);
  });
});
