import { describe, expect, it } from 'vitest';
import { corruptError } from '../../src/errors/salvage-error.ts';
import { afterPrefix, hex64, hexNumber, tryValue } from '../../src/rbd/omap-values.ts';
import { bytes, hex } from './helpers.ts';

describe('tryValue', () => {
  it('turns damage into one line with the key', () => {
    const problems: string[] = [];
    const good = tryValue(problems, hex('61ff'), () => {
      throw corruptError('rotten', { offset: 4 });
    });
    expect(good).toBe(false);
    expect(problems).toEqual(['a\\xff: rotten at 0x4']);
  });
  it('does not hide bugs', () => {
    const run = () =>
      tryValue([], bytes('a'), () => {
        throw new RangeError('ours');
      });
    expect(run).toThrow(RangeError);
  });
});

describe('keys', () => {
  it('are taken apart as bytes', () => {
    expect(afterPrefix(bytes('name_x'), 'name_')).toEqual(bytes('x'));
    expect(afterPrefix(bytes('nam'), 'name_')).toBeUndefined();
    expect(afterPrefix(bytes('Name_x'), 'name_')).toBeUndefined();
  });
  it('hold hex in lower case only', () => {
    expect(hexNumber(bytes('0a1f'), 0, 4)).toBe(0xa1f);
    for (const bad of ['', 'g', '0A', '0x1', ' 1', '40000000000000']) {
      expect(hexNumber(bytes(bad), 0, bad.length)).toBe(-1);
    }
    expect(hex64(bytes('fffffffffffffffe'))).toBe(2n ** 64n - 2n);
    expect(hex64(bytes('ffe'))).toBeUndefined();
    expect(hex64(bytes('00000000000000FE'))).toBeUndefined();
  });
});
