import { describe, expect, it } from 'vitest';
import { parseNamespaces } from '../../src/rbd/namespaces.ts';
import { bytes, omap } from './helpers.ts';

describe('parseNamespaces', () => {
  it('lists the names in the keys, whose values are empty', () => {
    expect(parseNamespaces(omap({ name_tenant: '', name_ns1: '', other: '', name_: '' }))).toEqual([
      bytes('tenant'),
      bytes('ns1'),
    ]);
  });
});
