import { describe, expect, it } from 'vitest';
import {
  isIdentity,
  isSameOutput,
  keptIdentity,
  type OutputIdentity,
} from '../../src/cli/output-identity.ts';

type LayerIdentity = OutputIdentity['layers'][number];

const own: LayerIdentity = {
  ...{
    pool: 2,
    data_pools: [2],
    erasure: null,
    namespace: '',
    prefix: 'rbd_data.1',
    snapshot: null,
  },
  ...{ size: 8192, object_size: 4096, stripe_unit: 4096, stripe_count: 1, overlap: 8192 },
};
const parent: LayerIdentity = { ...own, prefix: 'rbd_data.2', snapshot: '4', overlap: 0 };

const outputOf = (...layers: LayerIdentity[]): OutputIdentity => ({
  ...{ image: 'rbd/x', id: '1', pool: 2, cluster: null, snapshot: null, size: 8192 },
  ...{ object_size: 4096, parent: true, verify: 'digest', excluded: [], problems: [], layers },
});

describe('an output', () => {
  it('is the same whether or not its parent is known', () => {
    expect(isSameOutput(outputOf(own), outputOf(own, parent))).toBe(true);
    expect(isSameOutput(outputOf(own, parent), outputOf(own))).toBe(true);
    expect(keptIdentity(outputOf(own, parent), outputOf(own)).layers).toHaveLength(2);
    expect(keptIdentity(outputOf(own), outputOf(own, parent)).layers).toHaveLength(2);
  });

  it.each<[string, Partial<LayerIdentity>]>([
    ['stripe_unit', { stripe_unit: 1024, stripe_count: 4 }],
    ['overlap', { overlap: 4096 }],
    ['data_pools', { data_pools: [3, 2] }],
    ['erasure', { erasure: [['k', '2']] }],
  ])('is another with another %s of its own, or of its parent', (_, other) => {
    const known = outputOf(own, parent);
    expect(isSameOutput(known, outputOf({ ...own, ...other }, parent))).toBe(false);
    expect(isSameOutput(known, outputOf(own, { ...parent, ...other }))).toBe(false);
    expect(isSameOutput(known, outputOf(own, parent))).toBe(true);
  });

  it('is another once what was wrong with it is set right', () => {
    const wrong = { ...outputOf(own), problems: ['its header is lost'] };
    expect(isSameOutput(wrong, outputOf(own))).toBe(false);
    expect(isSameOutput(wrong, wrong)).toBe(true);
  });

  it('is the same when more is wrong than was, and remembers what was', () => {
    const worse = { ...outputOf(own), problems: ['its header is in doubt'] };
    expect(isSameOutput(outputOf(own), worse)).toBe(true);
    expect(keptIdentity(outputOf(own), worse).problems).toEqual([]);
    expect(isIdentity({ ...worse, problems: 5 })).toBe(false);
    expect(isIdentity({ ...worse, problems: [5] })).toBe(false);
  });

  it('is none as an earlier version has noted it, without layers, or with anything in them', () => {
    const { layers: _, ...old } = outputOf(own);
    expect(isIdentity(old)).toBe(false);
    expect(isIdentity(JSON.parse(JSON.stringify(outputOf(own, parent))))).toBe(true);
    let deep: unknown = 0;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    for (const layers of [5, null, [5], [null], [deep], [own, { deep }], Array(65).fill(own)]) {
      expect(isIdentity({ ...outputOf(own), layers })).toBe(false);
    }
  });
});
