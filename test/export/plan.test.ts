import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LossMap } from '../../src/export/loss-map.ts';
import { type ImageRange, joinRanges, planRanges } from '../../src/export/plan.ts';
import type { Layer, LayerParent } from '../../src/image/layer.ts';
import type { AttrsReader } from '../../src/image/object-candidates.ts';
import type { Resolution } from '../../src/image/resolution.ts';
import { makeGeometry } from '../../src/rbd/striping.ts';

/** What each layer's objects are, by the name of the layer; an object that is not there is absent. */
const resolutions = new Map<string, Map<number, Resolution>>();
const asked: string[] = [];

vi.mock('../../src/image/resolve-objects.ts', () => ({
  resolveObjects: async (layer: Layer, objectNos: readonly number[]) => {
    const name = Buffer.from(layer.image.name).toString();
    asked.push(`${name}: ${objectNos.join(' ')}`);
    const known = resolutions.get(name);
    return new Map(
      objectNos.map((no) => [no, known?.get(no) ?? { state: 'absent', doubt: undefined }]),
    );
  },
}));

beforeEach(() => {
  resolutions.clear();
  asked.length = 0;
});

interface LayerParts {
  order?: number;
  unit?: number;
  count?: number;
  size?: number;
  format?: 1 | 2;
  parent?: LayerParent;
}

function layerOf(name: string, parts: LayerParts = {}): Layer {
  const { order = 12, unit, count, size = 1 << 20, format = 2, parent } = parts;
  return {
    image: {
      name: Buffer.from(name),
      namespace: new Uint8Array(0),
      pool: 2,
      format,
      cluster: { poolName: () => 'rbd' },
      header: { objectPrefix: Buffer.from(format === 1 ? 'rb.0.1.2' : `rbd_data.${name}`) },
    },
    size,
    geometry: makeGeometry(order, unit, count),
    parent,
  } as unknown as Layer;
}

const present: Resolution = {
  ...{
    state: 'present',
    copies: [],
    lastResort: [],
    erasure: undefined,
    unexamined: false,
    size: 4096,
    digest: 7,
  },
  ...{ version: "1'2", doubt: undefined },
} as Resolution;

const set = (name: string, objects: Record<number, Resolution>) =>
  resolutions.set(name, new Map(Object.entries(objects).map(([no, r]) => [Number(no), r])));

const noReader: AttrsReader = async () => [];

async function plan(layer: Layer, ...ranges: ImageRange[]) {
  const losses = { lost: new LossMap(), doubtful: new LossMap() };
  const plans = await planRanges(layer, ranges, noReader, losses);
  return {
    plans: plans.map(({ object, pieces }) => [object, pieces]),
    all: plans,
    lost: losses.lost.ranges(),
    doubtful: losses.doubtful.ranges(),
  };
}

describe('planRanges', () => {
  it('plans what is there and nothing for what is not', async () => {
    set('a', { 0: present, 2: present });
    const { plans, all, lost, doubtful } = await plan(layerOf('a'), { offset: 0, length: 12_800 });
    expect(plans).toEqual([
      ['rbd_data.a.0000000000000000', [0, 4096, 0]],
      ['rbd_data.a.0000000000000002', [0, 4096, 8192]],
    ]);
    expect(all[0]).toMatchObject({ size: 4096, digest: 7, version: "1'2", doubt: undefined });
    expect(all[0]).not.toHaveProperty('state');
    expect([lost, doubtful]).toEqual([[], []]);
  });

  it('plans parts of objects at both ends of a range', async () => {
    set('a', { 0: present, 1: present });
    const { plans } = await plan(layerOf('a'), { offset: 4000, length: 100 });
    expect(plans).toEqual([
      ['rbd_data.a.0000000000000000', [4000, 96, 4000]],
      ['rbd_data.a.0000000000000001', [0, 4, 4096]],
    ]);
  });

  it('names objects of format 1 with twelve digits', async () => {
    set('old', { 31: present });
    const range = { offset: 31 * 4096, length: 4096 };
    const { plans } = await plan(layerOf('old', { format: 1 }), range);
    expect(plans).toEqual([['rb.0.1.2.00000000001f', [0, 4096, 31 * 4096]]]);
  });

  it('gathers the stripes of an object into one plan', async () => {
    set('s', { 0: present, 1: present });
    // stripe unit 1024, count 2, objects of 4096
    const layer = layerOf('s', { unit: 1024, count: 2 });
    const { plans } = await plan(layer, { offset: 0, length: 8192 });
    const stripes = (first: number) =>
      [0, 1, 2, 3].flatMap((i) => [i * 1024, 1024, first + i * 2048]);
    expect(plans).toEqual([
      ['rbd_data.s.0000000000000000', stripes(0)],
      ['rbd_data.s.0000000000000001', stripes(1024)],
    ]);
  });

  it('notes what is lost, and plans around it', async () => {
    set('a', { 0: present, 1: { state: 'lost', reason: 'no copy' } });
    const { plans, lost } = await plan(layerOf('a'), { offset: 0, length: 6000 });
    expect(plans).toHaveLength(1);
    expect(lost).toEqual([
      {
        offset: 4096,
        length: 6000 - 4096,
        object: 'rbd_data.a.0000000000000001',
        reason: 'no copy',
      },
    ]);
  });

  it('notes an absence that cannot be proven', async () => {
    set('a', { 0: { state: 'absent', doubt: 'stale PG' } });
    const { plans, doubtful } = await plan(layerOf('a'), { offset: 0, length: 4096 });
    expect(plans).toEqual([]);
    expect(doubtful).toEqual([
      { offset: 0, length: 4096, object: 'rbd_data.a.0000000000000000', reason: 'stale PG' },
    ]);
  });

  it('reads the parent where the child has no object, up to the overlap', async () => {
    set('parent', { 0: present, 1: present, 2: present, 3: present });
    set('child', { 1: present });
    const parent = { layer: layerOf('parent'), overlap: 3 * 4096 - 100, reason: '' };
    const { plans, lost, doubtful } = await plan(layerOf('child', { parent }), {
      offset: 0,
      length: 5 * 4096,
    });
    expect(plans).toEqual([
      ['rbd_data.child.0000000000000001', [0, 4096, 4096]],
      ['rbd_data.parent.0000000000000000', [0, 4096, 0]],
      ['rbd_data.parent.0000000000000002', [0, 3996, 8192]],
    ]);
    expect([lost, doubtful]).toEqual([[], []]);
    expect(asked).toEqual(['child: 0 1 2 3 4', 'parent: 0 2']);
  });

  it('does not ask the parent where nothing shows through', async () => {
    set('child', { 0: present });
    const parent = { layer: layerOf('parent'), overlap: 4096, reason: '' };
    await plan(layerOf('child', { parent }), { offset: 0, length: 8192 });
    expect(asked).toEqual(['child: 0 1']);
  });

  it('reads small objects of a child from large ones of its parent in one piece', async () => {
    set('parent', { 0: present });
    set('child', { 2: present });
    const parent = { layer: layerOf('parent', { order: 14 }), overlap: 16384, reason: '' };
    const { plans } = await plan(layerOf('child', { parent }), { offset: 0, length: 16384 });
    expect(plans).toEqual([
      ['rbd_data.child.0000000000000002', [0, 4096, 8192]],
      ['rbd_data.parent.0000000000000000', [0, 8192, 0, 12288, 4096, 12288]],
    ]);
  });

  it('keeps image offsets through differently striped layers', async () => {
    set('parent', { 0: present, 1: present });
    const striped = layerOf('parent', { unit: 1024, count: 2 });
    const parent = { layer: striped, overlap: 4096, reason: '' };
    const { plans } = await plan(layerOf('child', { parent }), { offset: 512, length: 2048 });
    expect(plans).toEqual([
      ['rbd_data.parent.0000000000000000', [512, 512, 512, 1024, 512, 2048]],
      ['rbd_data.parent.0000000000000001', [0, 1024, 1024]],
    ]);
  });

  it('follows a chain of parents, each with its own overlap', async () => {
    set('root', { 0: present, 1: present, 2: present });
    set('middle', { 1: present });
    const root = { layer: layerOf('root'), overlap: 2 * 4096 + 1, reason: '' };
    const middle = { layer: layerOf('middle', { parent: root }), overlap: 3 * 4096, reason: '' };
    const { plans } = await plan(layerOf('child', { parent: middle }), {
      offset: 0,
      length: 16384,
    });
    expect(plans).toEqual([
      ['rbd_data.middle.0000000000000001', [0, 4096, 4096]],
      ['rbd_data.root.0000000000000000', [0, 4096, 0]],
      ['rbd_data.root.0000000000000002', [0, 1, 8192]],
    ]);
  });

  it('reports what a parent that cannot be found would have shown, and no more', async () => {
    set('child', { 1: present });
    const parent = { layer: undefined, overlap: 10_000, reason: 'parent rbd/abc@4 was not found' };
    const { plans, lost, doubtful } = await plan(layerOf('child', { parent }), {
      offset: 0,
      length: 16384,
    });
    expect(plans).toHaveLength(1);
    const told = [...lost, ...doubtful].map(({ offset, length, reason }) => [
      offset,
      length,
      reason,
    ]);
    expect(told).toEqual([
      [0, 4096, parent.reason],
      [8192, 10_000 - 8192, parent.reason],
    ]);
  });

  it('plans ranges beyond 4 GiB', async () => {
    const order = 22;
    set('big', { [2 ** 20]: present });
    const range = { offset: 2 ** 42, length: 4096 };
    const { plans } = await plan(layerOf('big', { order, size: 2 ** 43 }), range);
    expect(plans).toEqual([['rbd_data.big.0000000000100000', [0, 4096, 2 ** 42]]]);
  });
});

describe('joinRanges', () => {
  const range = (offset: number, length: number) => ({ offset, length });

  it.each([
    ['nothing', [], []],
    ['one range', [range(5, 5)], [range(5, 5)]],
    ['neighbours', [range(0, 5), range(5, 5), range(10, 1)], [range(0, 11)]],
    ['neighbours out of order', [range(10, 1), range(0, 5), range(5, 5)], [range(0, 11)]],
    ['ranges with a gap', [range(6, 1), range(0, 5)], [range(0, 5), range(6, 1)]],
  ])('joins %s', (_, ranges, wanted) => {
    expect(joinRanges(ranges)).toEqual(wanted);
  });

  it('leaves what it was given alone', () => {
    const ranges = [range(5, 5), range(0, 5)];
    joinRanges(ranges);
    expect(ranges).toEqual([range(5, 5), range(0, 5)]);
  });
});
