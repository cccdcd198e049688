import { describe, expect, it } from 'vitest';
import { compareReplicas } from '../../src/export/compare-replicas.ts';
import type { ObjectPlan } from '../../src/export/plan.ts';
import type { CopyDigest, ReadLanes } from '../../src/export/read-lanes.ts';
import type { ObjectCopy } from '../../src/image/object-candidates.ts';

/** A copy for each OSD, and what its bytes come to. */
interface Held {
  osd: number;
  crc?: number;
  size?: number;
  expected?: number;
  error?: string;
}

const digests = new Map<ObjectCopy, CopyDigest>();

function copyOf({ osd, crc = 0, size = 4096, expected, error }: Held): ObjectCopy {
  const copy = { osd: { index: osd, name: `osd.${osd}` }, ref: {} } as unknown as ObjectCopy;
  const more = {
    ...(expected === undefined ? {} : { expected }),
    ...(error === undefined ? {} : { error }),
  };
  digests.set(copy, { size, crc, ...more });
  return copy;
}

function planOf(held: Held[], parts: Partial<ObjectPlan> = {}): ObjectPlan {
  const plan = { object: 'rbd_data.1.0', pieces: [0, 4096, 0], erasure: undefined };
  const unknown = { lastResort: [], digest: undefined, doubt: undefined, version: "60'1" };
  return { ...plan, ...unknown, copies: held.map(copyOf), ...parts } as unknown as ObjectPlan;
}

let asked: ObjectCopy[] = [];
const lanes = {
  digestCopies: async (copies: readonly ObjectCopy[]) => {
    asked = [...copies];
    return copies.map((copy) => digests.get(copy)!);
  },
} as unknown as ReadLanes;

const compare = async (held: Held[], parts: Partial<ObjectPlan> = {}) =>
  (await compareReplicas([planOf(held, parts)], lanes))[0]!;

const names = (copies: readonly ObjectCopy[]) => copies.map(({ osd }) => osd.index);

describe('compareReplicas', () => {
  it('changes nothing where all copies hold the same bytes', async () => {
    const plan = planOf([
      { osd: 0, crc: 7 },
      { osd: 1, crc: 7 },
      { osd: 2, crc: 7 },
    ]);
    expect(await compareReplicas([plan], lanes)).toEqual([plan]);
  });

  it('takes the majority, without doubt, the rest last', async () => {
    const other = copyOf({ osd: 9 });
    const plan = await compare(
      [
        { osd: 0, crc: 8 },
        { osd: 1, crc: 7 },
        { osd: 2, crc: 7 },
      ],
      { lastResort: [other] },
    );
    expect(names(plan.copies)).toEqual([1, 2]);
    expect(names(plan.lastResort)).toEqual([0, 9]);
    expect(plan.doubt).toBeUndefined();
  });

  it('lets the stored checksum win over the majority', async () => {
    const held = [
      { osd: 0, crc: 8, expected: 8 },
      { osd: 1, crc: 7, expected: 8 },
      { osd: 2, crc: 7, expected: 8 },
    ];
    const plan = await compare(held);
    expect(names(plan.copies)).toEqual([0]);
    expect(names(plan.lastResort)).toEqual([1, 2]);
    expect(plan.doubt).toBeUndefined();
  });

  it("goes by the object's checksum that the plan knows where no copy tells one", async () => {
    const plan = await compare(
      [
        { osd: 0, crc: 8 },
        { osd: 1, crc: 7 },
      ],
      { digest: 7 },
    );
    expect(names(plan.copies)).toEqual([1]);
    expect(plan.doubt).toBeUndefined();
  });

  it('stays in doubt, naming the others, where nothing tells which is right', async () => {
    const plan = await compare([
      { osd: 0, crc: 8 },
      { osd: 1, crc: 7 },
    ]);
    expect(names(plan.copies)).toEqual([0]);
    expect(names(plan.lastResort)).toEqual([1]);
    expect(plan.doubt).toContain('osd.1');
    const three = await compare([
      { osd: 0, crc: 1 },
      { osd: 1, crc: 2 },
      { osd: 2, crc: 3 },
    ]);
    expect(three.doubt).toContain('osd.1, osd.2');
  });

  it('stays in doubt where the checksum fits none, and keeps an older doubt', async () => {
    const held = [
      { osd: 0, crc: 8, expected: 9 },
      { osd: 1, crc: 7, expected: 9 },
    ];
    expect((await compare(held)).doubt).toContain('differ');
    expect((await compare(held, { doubt: 'older' })).doubt).toBe('older');
  });

  it('tells copies of other sizes apart, whatever their checksums', async () => {
    const plan = await compare([
      { osd: 0, crc: 7, size: 512 },
      { osd: 1, crc: 7 },
      { osd: 2, crc: 7 },
    ]);
    expect(names(plan.copies)).toEqual([1, 2]);
  });

  it('does not count copies that cannot be read', async () => {
    const held = [
      { osd: 0, error: 'EIO' },
      { osd: 1, crc: 7 },
      { osd: 2, error: 'EIO' },
    ];
    expect(names((await compare(held)).copies)).toContain(1);
    const differing = [
      { osd: 0, error: 'EIO' },
      { osd: 1, crc: 7 },
      { osd: 2, crc: 8 },
      { osd: 3, crc: 8 },
    ];
    const plan = await compare(differing);
    expect(names(plan.copies)).toEqual([2, 3]);
    expect(plan.doubt).toBeUndefined();
  });

  it('reads nothing of erasure-coded objects and of single copies, and keeps the order of plans', async () => {
    const coded = planOf(
      [
        { osd: 0, crc: 1 },
        { osd: 1, crc: 2 },
      ],
      { erasure: { profile: [], stripeWidth: 1 } },
    );
    const single = planOf([{ osd: 0, crc: 1 }]);
    const differing = planOf([
      { osd: 0, crc: 1 },
      { osd: 1, crc: 2 },
      { osd: 2, crc: 2 },
    ]);
    const [first, second, third] = await compareReplicas([coded, differing, single], lanes);
    expect(asked).toEqual(differing.copies);
    expect([first, third]).toEqual([coded, single]);
    expect(names(second!.copies)).toEqual([1, 2]);
  });

  it('gives each of many plans its own digests', async () => {
    const plans = [1, 2, 3].map((n) =>
      planOf([
        { osd: n, crc: 9 },
        { osd: n + 10, crc: n },
        { osd: n + 20, crc: n },
      ]),
    );
    const compared = await compareReplicas(plans, lanes);
    expect(compared.map(({ copies }) => names(copies))).toEqual([
      [11, 21],
      [12, 22],
      [13, 23],
    ]);
  });
});
