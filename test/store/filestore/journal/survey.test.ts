import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { journalText } from '../../../../src/store/filestore/journal/summary.ts';
import { workDirectory } from '../../../helpers/fixtures.ts';
import { BLOCK, journal, records, write } from './journal-builder.ts';
import { LabOsd } from './lab-osd.ts';

const work = workDirectory();
afterAll(work.dispose);

const object = { name: 'rbd_data.1.0000000000000001' };
const entry = (n: number) => records([write(object, n * 4, `n=${n} `)]);
const three = [entry(0), entry(1), entry(2)];

let osd: LabOsd;
let n = 0;
beforeEach(() => {
  osd = new LabOsd(path.join(work.path, `osd-${n++}`));
});

describe('a journal with entries that the file system lacks', () => {
  it('is replayed from the op behind commit_op_seq', () => {
    osd.journal(three);
    const { replay, damage } = osd.survey();
    expect(replay).toEqual({
      state: 'replayed',
      committed: 100,
      to: 103,
      at: BLOCK,
      broken: false,
    });
    expect(damage).toEqual([]);
    expect(journalText(replay)).toBe('journal replayed: 3 entries after op 100');
  });

  it('may have a header that lags behind', () => {
    const { at } = osd.journal([entry(7), entry(8), ...three], { firstSeq: 99 });
    expect(osd.survey().replay).toMatchObject({ state: 'replayed', to: 103, at: at[2] });
    expect(osd.text(object)).toBe('n=0 n=1 n=2 ');
  });

  it('may go round: entry, head and payload over the end of the ring', () => {
    const ring = 3 * BLOCK;
    const large = records([write(object, 0, Buffer.alloc(5000, 'x'))]);
    const start = BLOCK + ring - BLOCK;
    const { at } = osd.journal([large, entry(0)], { ring, start });
    expect(at[1]).toBe(2 * BLOCK);
    expect(osd.survey().replay).toMatchObject({ state: 'replayed', to: 102 });
    expect(osd.text(object)).toBe(`n=0 ${'x'.repeat(4996)}`);
  });

  it('ends where the numbers go down: what follows is of the lap before', () => {
    const built = journal(three);
    const old = journal([entry(5), entry(6), entry(7), entry(8), entry(9)], { firstSeq: 50 });
    old.bytes.copy(built.bytes, built.at[3], old.at[3]);
    osd.write(built.bytes);
    expect(osd.survey()).toMatchObject({ replay: { to: 103, broken: false }, damage: [] });
  });

  it.each([
    ['its payload', 60, 200],
    ['its end', 200, BLOCK],
    ['its head', 0, 40],
  ])('may end with an entry that a power cut left without %s: it never counted', (_, from, to) => {
    const { bytes, at } = journal(three);
    bytes.fill(0, at[2]! + from, at[2]! + to);
    osd.write(bytes);
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ state: 'replayed', to: 102, broken: false });
    expect(replay.reason).toMatch(/^op 103, the last one, is incomplete/);
    expect(damage).toEqual([]);
  });
});

describe('a journal without anything new', () => {
  it('is clean when all of it is committed', () => {
    osd.journal(three, { firstSeq: 98 });
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ state: 'clean', committed: 100, to: 100, broken: false });
    expect(journalText(replay)).toBe('journal clean (op 100)');
    expect(damage).toEqual([]);
  });

  it('is clean when it is empty', () => {
    osd.journal([]);
    expect(osd.survey()).toMatchObject({ replay: { state: 'clean' }, damage: [] });
  });
});

describe('a journal that cannot be replayed', () => {
  it('may be missing, which is told and no damage by itself', () => {
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ state: 'missing', committed: 100, to: 100 });
    expect(journalText(replay)).toContain(`no journal at ${osd.location.path}/journal: unless`);
    expect(damage).toEqual([]);
  });

  it('may lie elsewhere', () => {
    const elsewhere = path.join(work.path, 'elsewhere');
    writeFileSync(elsewhere, journal(three).bytes);
    const moved = new LabOsd(path.join(work.path, 'moved'));
    Object.assign(moved.location, { journal: elsewhere });
    expect(moved.survey().replay).toMatchObject({ state: 'replayed', to: 103 });
  });

  it('may belong to another OSD', () => {
    osd.journal(three, { fsid: 'ffffffff-5ed4-42cc-abf5-a5607373d5b2' });
    const { replay, damage } = osd.survey();
    expect(replay.state).toBe('unusable');
    expect(damage).toHaveLength(1);
    expect(damage[0]!.reason).toContain('it belongs to another OSD (ffffffff-');
  });

  it('may not connect to the file system', () => {
    osd.journal(three, { firstSeq: 105 });
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ state: 'unusable', to: 100 });
    expect(damage[0]!.reason).toContain('begins with op 105, the file system ends with op 100');
  });

  it('may not connect although it is empty', () => {
    osd.journal([], { firstSeq: 105 });
    expect(osd.survey().replay.state).toBe('unusable');
  });

  it.each([
    ['full of zeros', Buffer.alloc(1 << 16)],
    ['empty', Buffer.alloc(0)],
    ['of another kind', Buffer.alloc(1 << 16, 'journal')],
  ])('may be %s', (_, bytes) => {
    osd.write(bytes);
    const { replay, damage } = osd.survey();
    expect(replay.state).toBe('unusable');
    expect(damage).toHaveLength(1);
  });
});

describe('a journal that is damaged in its middle', () => {
  it.each([
    ['payload', 60],
    ['foot', 4090],
    ['head', 3],
  ])('is replayed up to there, and what follows is told (%s)', (_, offset) => {
    const { bytes, at } = journal(three);
    bytes[at[1]! + offset]! ^= 0x40;
    osd.write(bytes);
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ state: 'replayed', to: 101, broken: true });
    expect(damage).toHaveLength(1);
    expect(damage[0]!.offset).toBe(at[1]);
    expect(damage[0]!.reason).toContain('op 102 is damaged, op 103 follows');
    expect(osd.text(object)).toBe('n=0 ');
  });

  it('is told when an op is none that we know, although the checksum is right', () => {
    osd.journal([entry(0), records([{ code: 77, object }]), entry(2)]);
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ to: 101, broken: true });
    expect(damage[0]!.reason).toContain('op 77 is none that we know');
  });

  it('is told when its header knows of more', () => {
    osd.journal([entry(0)], { firstSeq: 101, committedUpTo: 140 });
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ to: 101, broken: true });
    expect(damage[0]!.reason).toContain('its header knows of op 140');
  });

  it('is told when the file is cut short', () => {
    const { bytes, at } = journal(three);
    osd.write(bytes.subarray(0, at[1]! + 2000));
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ to: 101, broken: true });
    expect(damage[0]!.reason).toContain('journal is cut short');
  });
});

describe('commit_op_seq', () => {
  it('is taken from the header where it is lost, which is told', () => {
    writeFileSync(path.join(osd.location.dataPath, 'commit_op_seq'), Buffer.alloc(8));
    osd.journal(three, { committedUpTo: 100 });
    const { replay, damage } = osd.survey();
    expect(replay).toMatchObject({ state: 'replayed', committed: 100, to: 103 });
    expect(damage).toHaveLength(1);
    expect(damage[0]!.path).toBe(path.join(osd.location.dataPath, 'commit_op_seq'));
  });

  it('must still be what it was when the replay is done', () => {
    osd.journal(three);
    const reader = osd.reader();
    writeFileSync(path.join(osd.location.dataPath, 'commit_op_seq'), '103\n');
    expect(() => reader.pgBits(Buffer.from('2.b_head'))).toThrow(
      'not the journal that was scanned',
    );
  });
});

it('refuses every object when the journal is gone since the scan', () => {
  osd.journal(three);
  const file = osd.file(object, 'old');
  const reader = osd.reader();
  rmSync(path.join(osd.location.path, 'journal'));
  const ref = { id: {} as never, directory: Buffer.from('2.b_head'), fileName: Buffer.from(file) };
  expect(() => reader.open(ref)).toThrow(expect.objectContaining({ code: 'SOURCE_IO' }));
});
