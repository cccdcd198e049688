import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { belongsTo, fullName, isShortened } from '../../../src/store/filestore/long-filename.ts';

/** Written by a real OSD for the object `z` x 255 of pool 3. */
const SHORT = Buffer.from(`${'z'.repeat(227)}_275b2343369222bfbf43_0_long`);
const FULL = Buffer.from(`${'z'.repeat(255)}__head_5B147C79__3`);
const OTHER = Buffer.from(`${'z'.repeat(256)}__head_00000001__3`);

const xattrs = (values: Record<string, Uint8Array>) => (name: string) => values[name];

describe('shortened names', () => {
  it('are told by length and end', () => {
    expect(SHORT.length).toBe(255);
    expect(isShortened(Buffer.concat([Buffer.from('ab'), SHORT]), 2, 257)).toBe(true);
    expect(isShortened(SHORT, 1, 255)).toBe(false);
    expect(isShortened(Buffer.alloc(255, 'x'), 0, 255)).toBe(false);
  });

  it('belong to the full name whose SHA-1 they carry', () => {
    expect(belongsTo(SHORT, FULL)).toBe(true);
    expect(belongsTo(SHORT, OTHER)).toBe(false);
    expect(belongsTo(Buffer.alloc(255, 'x'), FULL)).toBe(false);
  });
});

describe('the full name', () => {
  it.each(['user.cephos.lfn3', 'user.cephos.lfn2', 'user.cephos.lfn'])(
    'is read from %s',
    (name) => {
      expect(fullName(SHORT, xattrs({ [name]: FULL }), 1)).toEqual(FULL);
    },
  );

  it('is the alternative one only where that is this file’s and there are more links', () => {
    const both = xattrs({ 'user.cephos.lfn3': OTHER, 'user.cephos.lfn3-alt': FULL });
    expect(fullName(SHORT, both, 2)).toEqual(FULL);
    expect(fullName(SHORT, both, 1)).not.toEqual(FULL);
  });

  it('passes over an alternative that belongs to another file', () => {
    const both = xattrs({ 'user.cephos.lfn3': FULL, 'user.cephos.lfn3-alt': OTHER });
    expect(fullName(SHORT, both, 2)).toEqual(FULL);
  });

  it('is unknown without xattrs', () => {
    expect(fullName(SHORT, xattrs({}), 2)).toBeUndefined();
  });

  it('hashes the whole escaped name', () => {
    const name = Buffer.from(`a\\ub${'c'.repeat(300)}__head_00000000__2`);
    const sha = createHash('sha1').update(name).digest('hex').slice(0, 20);
    expect(belongsTo(Buffer.from(`whatever_${sha}_12_long`), name)).toBe(true);
  });
});
