import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { OP } from '../../../../src/store/filestore/journal/op-codes.ts';
import type { OsdLocation } from '../../../../src/store/object-store.ts';
import { type KnownUnit, scanShare, scanShares } from '../../../../src/store/scan-store.ts';
import { workDirectory } from '../../../helpers/fixtures.ts';
import { CollectingSink } from '../collecting-sink.ts';
import { type Name, records, type WrittenOp, write } from './journal-builder.ts';
import { LabOsd } from './lab-osd.ts';

const work = workDirectory();
afterAll(work.dispose);

const one: Name = { name: 'rbd_data.1.0000000000000001' };
const two: Name = { name: 'rbd_data.1.0000000000000002', hash: 0x1b };
const header: Name = { name: 'rbd_header.1', hash: 0x2b };

let osd: LabOsd;
let n = 0;
beforeEach(() => {
  osd = new LabOsd(path.join(work.path, `osd-${n++}`));
});

function scan(location: OsdLocation, known?: ReadonlyMap<string, KnownUnit>): CollectingSink {
  const sink = new CollectingSink();
  const report = (damage: unknown) => expect(damage).toBeUndefined();
  for (const share of scanShares(location, { readers: 2 }))
    scanShare({ location, share, sink, report, known });
  return sink;
}

const replayed = (ops: readonly WrittenOp[]): OsdLocation => {
  osd.journal(ops.map((op) => records([op])));
  return { ...osd.location, replay: osd.survey().replay };
};

const create = [write(two, 0, 'new'), { code: OP.create, object: header }];
const remove = [
  { code: OP.remove, object: one },
  { code: OP.remove, object: header },
];

describe('a scan', () => {
  it('finds objects that only the journal has, in a unit of their own', () => {
    osd.file(one, 'old');
    const { units, objects } = scan(replayed(create));
    expect(objects).toEqual([
      'rbd\\udata.1.0000000000000001__head_0000000B__2',
      'rbd\\udata.1.0000000000000002__head_0000001B__2',
      'rbd_header.1',
    ]);
    const created = units.find((unit) => unit.path === '2.b_head/.journal')!;
    expect(created.data).toHaveLength(1);
    expect(created.named).toEqual(['rbd_header.1']);
  });

  it('finds PGs that only the journal has', () => {
    const object = { name: 'rbd_data.1.0000000000000003', pool: 7 };
    const { units } = scan(replayed([write(object, 0, 'new', '7.b_head')]));
    expect(units.map((unit) => unit.path)).toContain('7.b_head/.journal');
  });

  it('does not find objects that the journal removes, nor copies under way', () => {
    osd.file(one, 'old');
    osd.file(header, '');
    osd.file(two, 'stays');
    const temporary = { ...one, pool: -4 };
    const { objects } = scan(replayed([...remove, write(temporary, 0, 'received')]));
    expect(objects).toEqual(['rbd\\udata.1.0000000000000002__head_0000001B__2']);
  });

  it('finds everything where nothing is replayed', () => {
    osd.file(one, 'old');
    expect(scan(osd.location).objects).toHaveLength(1);
  });
});

describe('the next scan', () => {
  it('lists a directory again in which the journal removes something, then and now', () => {
    osd.file(one, 'old');
    const before = new Map(scan(osd.location).units.map((unit) => [unit.path, unit]));
    const location = replayed(remove);
    expect(scan(location, before).kept).toEqual(['meta']);
    const after = new Map(scan(location).units.map((unit) => [unit.path, unit]));
    const later = scan(osd.location, after);
    expect(later.kept).toEqual(['meta']);
    expect(later.objects).toHaveLength(1);
  });

  it('keeps directories that the journal leaves alone', () => {
    osd.file(one, 'old');
    const location = replayed(create);
    const before = new Map(scan(location).units.map((unit) => [unit.path, unit]));
    const { kept, units } = scan(location, before);
    expect(kept.sort()).toEqual(['2.b_head', 'meta']);
    expect(units.map((unit) => unit.path)).toEqual(['2.b_head/.journal']);
  });
});
