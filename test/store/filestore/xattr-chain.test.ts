import { describe, expect, it } from 'vitest';
import { readChained, xattrName } from '../../../src/store/filestore/xattr-chain.ts';

/** A file's xattrs, each filled with its own letter. */
function file(lengths: Record<string, number>) {
  const values = new Map(
    Object.entries(lengths).map(([name, n], i) => [name, Buffer.alloc(n, 'abcdef'[i])]),
  );
  return (name: string) => values.get(name);
}
const lengthOf = (attr: string, lengths: Record<string, number>) =>
  readChained(attr, file(lengths))?.length;

describe('names', () => {
  it('doubles every @', () => {
    expect(xattrName('_')).toBe('user.ceph._');
    expect(xattrName('_a@1')).toBe('user.ceph._a@@1');
    expect(xattrName('@@')).toBe('user.ceph.@@@@');
  });

  it('does not take a continuation for an attribute of its own', () => {
    expect(lengthOf('_@1', { 'user.ceph._': 250, 'user.ceph._@1': 43 })).toBeUndefined();
  });
});

describe('chunks', () => {
  it.each([
    // as real files have them
    ['object_info of 293 bytes', { 'user.ceph._': 250, 'user.ceph._@1': 43 }, 293],
    ['510 bytes', { 'user.ceph._': 250, 'user.ceph._@1': 250, 'user.ceph._@2': 10 }, 510],
    ['one chunk', { 'user.ceph._': 31 }, 31],
    ['exactly 250 bytes', { 'user.ceph._': 250 }, 250],
    ['500 bytes', { 'user.ceph._': 250, 'user.ceph._@1': 250 }, 500],
    ['1001 bytes, in chunks of 2048', { 'user.ceph._': 1001 }, 1001],
    ['2048 bytes', { 'user.ceph._': 2048 }, 2048],
    ['4096 and 4 bytes', { 'user.ceph._': 2048, 'user.ceph._@1': 2048, 'user.ceph._@2': 4 }, 4100],
    ['leftovers behind a short chunk', { 'user.ceph._': 43, 'user.ceph._@1': 250 }, 43],
    ['leftovers behind a gap', { 'user.ceph._': 250, 'user.ceph._@2': 250 }, 250],
    ['an empty value', { 'user.ceph._': 0 }, 0],
  ] as [string, Record<string, number>, number][])('%s', (_, lengths, expected) => {
    expect(lengthOf('_', lengths)).toBe(expected);
  });

  it('joins them in order', () => {
    const value = readChained('x', file({ 'user.ceph.x': 250, 'user.ceph.x@1': 2 }));
    expect(Buffer.from(value!).toString('latin1', 248)).toBe('aabb');
  });

  it('is undefined for an attribute that is not there', () => {
    expect(readChained('x', file({}))).toBeUndefined();
  });
});
