import { describe, expect, it } from 'vitest';
import {
  featureBits,
  featureNames,
  flagNames,
  opFeatureNames,
  unknownFeatures,
} from '../../src/rbd/features.ts';

// Left: header values; right: the lines `rbd info` 16.2 printed for these images.
const FEATURES: [bigint, string][] = [
  [0x13dn, 'layering, exclusive-lock, object-map, fast-diff, deep-flatten, operations'],
  [
    0x1bfn,
    'layering, striping, exclusive-lock, object-map, fast-diff, deep-flatten, data-pool, operations',
  ],
  [0x5dn, 'layering, exclusive-lock, object-map, fast-diff, journaling'],
  [0x23dn, 'layering, exclusive-lock, object-map, fast-diff, deep-flatten, migrating'],
];

describe('features', () => {
  it.each(FEATURES)('prints %d as rbd does', (bits, line) => {
    expect(featureNames(bits).join(', ')).toBe(line);
    expect(featureBits(line.split(', '))).toBe(bits);
  });
  it('names the last two bits of 16.2', () => {
    expect(featureNames(0xc00n)).toEqual(['non-primary', 'dirty-cache']);
  });
  it('refuses names that are no feature', () => {
    expect(featureBits(['layering', 'layring'])).toBeUndefined();
  });
  it('leaves over what no release defines', () => {
    expect(unknownFeatures(0x103dn)).toBe(0x1000n);
    expect(unknownFeatures(0xfffn)).toBe(0n);
  });
  it('prints operations and flags as rbd does', () => {
    expect(opFeatureNames(0xdn).join(', ')).toBe('clone-parent, group, snap-trash');
    expect(opFeatureNames(0x2n)).toEqual(['clone-child']);
    expect(flagNames(3n).join(', ')).toBe('object map invalid, fast diff invalid');
    expect(flagNames(0n)).toEqual([]);
  });
});
