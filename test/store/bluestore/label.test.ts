import { describe, expect, it } from 'vitest';
import { bestLabel, decodeLabel, isLabel } from '../../../src/store/bluestore/label.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from '../../ceph/damage.ts';
import { patched } from '../../helpers/hex.ts';
import { DB_LABEL, MAIN_LABEL } from './samples.ts';

describe('device label', () => {
  it("reads a main device's", () => {
    const label = decodeLabel(MAIN_LABEL);
    expect(label).toMatchObject({
      osdFsid: 'c980efe9-09eb-4394-a7ee-3c0d878b9229',
      deviceSize: 2 ** 30,
      role: 'main',
      intact: true,
    });
    expect(label.meta.get('whoami')).toBe('0');
    expect(label.meta.get('ceph_fsid')).toBe('d9a56bcd-2510-453a-993f-41e1fc746bce');
  });

  it("reads a block.db's, which has no map", () => {
    expect(decodeLabel(DB_LABEL)).toMatchObject({ role: 'db', intact: true, deviceSize: 2 ** 26 });
    expect(decodeLabel(DB_LABEL).meta.size).toBe(0);
  });

  it('tells a label that fails its checksum', () => {
    const bad = patched(MAIN_LABEL, 90, Uint8Array.of(1));
    expect(decodeLabel(bad)).toMatchObject({ role: 'main', intact: false });
  });

  it('is told from other bytes by its text', () => {
    expect(isLabel(MAIN_LABEL)).toBe(true);
    expect(isLabel(MAIN_LABEL.subarray(1))).toBe(false);
    expect(isLabel(new Uint8Array(4))).toBe(false);
  });

  it('of several copies takes the intact one with the highest epoch', () => {
    const label = decodeLabel(MAIN_LABEL);
    const copy = (epoch: string, intact: boolean) => ({
      ...label,
      intact,
      meta: new Map([['epoch', epoch]]),
    });
    const newest = copy('10', true);
    expect(bestLabel([copy('9', true), newest, copy('11', false), label])).toBe(newest);
  });

  it('survives every truncation and every lie', () => {
    expectTruncationsCorrupt(decodeLabel, MAIN_LABEL);
    expectSurvivesLies(decodeLabel, MAIN_LABEL);
  });
});
