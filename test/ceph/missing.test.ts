import { describe, expect, it } from 'vitest';
import { decodeDivergentPriors, decodeMissingItem } from '../../src/ceph/missing.ts';
import { concat, hex, u8 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { MISSING_STALE } from './samples.ts';
import { hobject, list, opaque, version } from './structures.ts';

const object = hobject({ name: 'keep', hash: 9, pool: 3 });
const zero = version(0, 0);
const max = hex('ffffffffffffffff ffffffff');
const item = (...parts: Uint8Array[]) => concat(object, ...parts);

describe('missing items', () => {
  it('reads a real one of an object that is there in an older version', () => {
    const missing = decodeMissingItem(MISSING_STALE);
    expect(missing).toMatchObject({
      object: { hash: 0x722e8dfa, pool: 2 },
      need: { epoch: 26, version: 61n },
      have: { epoch: 23, version: 45n },
      isDelete: false,
    });
    expect(Buffer.from(missing.object.name).toString()).toBe('rbd_header.1027df3284bb');
  });

  const expected = { need: { epoch: 66, version: 28n }, have: { epoch: 52, version: 24n } };

  it('reads the layout without deletions', () => {
    const bytes = item(version(66, 28), version(52, 24));
    expect(decodeMissingItem(bytes)).toMatchObject({ ...expected, isDelete: false });
    expectTruncationsCorrupt(decodeMissingItem, bytes);
  });

  it.each([0, 1])('reads the layout of Luminous to Nautilus with flags %i', (flags) => {
    const bytes = item(zero, version(66, 28), version(52, 24), u8(flags));
    expect(decodeMissingItem(bytes)).toMatchObject({ ...expected, isDelete: flags === 1 });
    expectTruncationsCorrupt(decodeMissingItem, bytes);
  });

  it.each([0, 1])('reads the layout of Octopus and later with flags %i', (flags) => {
    const bytes = item(zero, max, version(66, 28), version(52, 24), u8(flags), opaque);
    expect(decodeMissingItem(bytes)).toMatchObject({ ...expected, isDelete: flags === 1 });
    expectTruncationsCorrupt(decodeMissingItem, bytes);
  });

  it('calls every truncation and lie damage', () => {
    expectTruncationsCorrupt(decodeMissingItem, MISSING_STALE);
    expectSurvivesLies(decodeMissingItem, MISSING_STALE);
  });
});

it('reads divergent priors', () => {
  const bytes = list(concat(version(66, 28), object), concat(version(66, 29), object));
  expect(decodeDivergentPriors(bytes)).toMatchObject([
    { version: { epoch: 66, version: 28n }, object: { hash: 9 } },
    { version: { epoch: 66, version: 29n }, object: { hash: 9 } },
  ]);
  expectTruncationsCorrupt(decodeDivergentPriors, bytes);
  expectSurvivesLies(decodeDivergentPriors, bytes);
});
