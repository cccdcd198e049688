import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { OmapStates } from '../../../../src/store/filestore/journal/omap-state.ts';
import { OP } from '../../../../src/store/filestore/journal/op-codes.ts';
import { logOf, readOverlay } from '../../../../src/store/filestore/journal/overlay.ts';
import type { Position } from '../../../../src/store/filestore/journal/position.ts';
import type { ObjectId } from '../../../../src/store/object-store.ts';
import { workDirectory } from '../../../helpers/fixtures.ts';
import { blob, concat, u32 } from '../../../helpers/hex.ts';
import { map, type Name, records, type WrittenOp } from './journal-builder.ts';
import { guard, idOf, LabOsd } from './lab-osd.ts';

const work = workDirectory();
afterAll(work.dispose);

const header: Name = { name: 'rbd_header.1' };
const copy: Name = { name: 'rbd_header.2' };

let osd: LabOsd;
let n = 0;
beforeEach(() => {
  osd = new LabOsd(path.join(work.path, `osd-${n++}`));
  osd.file(header, '');
});

const keys = (...names: string[]) => concat(u32(names.length), ...names.map(blob));
const set = (entries: Record<string, string>, object = header) => ({
  ...{ code: OP.omapSetKeys, object, data: map(entries) },
});
const rm = (...names: string[]) => ({ code: OP.omapRmKeys, object: header, data: keys(...names) });
const rmRange = (first: string, last: string) => ({
  ...{ code: OP.omapRmKeyRange, object: header, data: concat(blob(first), blob(last)) },
});

/** What an object's omap has become; the database holds `entries` of the header. */
function omapOf(
  object: Name,
  entries: Record<string, string>,
  ops: readonly WrittenOp[],
  position?: Position,
): Record<string, string> {
  osd.journal(ops.map((op) => records([op])));
  const overlay = readOverlay(osd.location, osd.survey().replay);
  const base = {
    *omap(id: ObjectId) {
      if (Buffer.from(id.name).toString() !== header.name) return;
      for (const [key, value] of Object.entries(entries)) {
        yield { key: Buffer.from(key), value: Buffer.from(value) };
      }
    },
    omapPosition: (id: ObjectId) =>
      Buffer.from(id.name).toString() === header.name ? position : undefined,
  };
  const states = new OmapStates(overlay.states, overlay.ring, base);
  const log = logOf(overlay, Buffer.from('2.b_head'), idOf(object))!;
  const found = [...states.entries(log)].map(({ key, value }) => [
    Buffer.from(key).toString(),
    Buffer.from(value).toString(),
  ]);
  expect(found.map(([key]) => key)).toEqual(found.map(([key]) => key).sort());
  overlay.ring.close();
  return Object.fromEntries(found);
}

const old = { b: '1', d: '2', f: '3' };

describe('omap', () => {
  it('has new keys among the old ones, in order', () => {
    const found = omapOf(header, old, [set({ a: 'x', c: 'y', d: 'new' }), set({ z: 'z' })]);
    expect(found).toEqual({ a: 'x', b: '1', c: 'y', d: 'new', f: '3', z: 'z' });
  });

  it('lacks keys that were removed, one by one or as a range', () => {
    expect(omapOf(header, old, [rm('d', 'nothing')])).toEqual({ b: '1', f: '3' });
    // The last one stays.
    expect(omapOf(header, old, [set({ c: 'x' }), rmRange('b', 'f')])).toEqual({ f: '3' });
  });

  it('has keys that were set after they were removed', () => {
    const ops = [rmRange('a', 'c'), rmRange('c', 'z'), set({ d: 'again' }), rm('b')];
    expect(omapOf(header, old, ops)).toEqual({ d: 'again' });
  });

  it('is empty after it was cleared, and after the object was removed', () => {
    expect(omapOf(header, old, [{ code: OP.omapClear, object: header }, set({ n: '1' })])).toEqual({
      n: '1',
    });
    const ops = [
      { code: OP.remove, object: header },
      { code: OP.create, object: header },
    ];
    expect(omapOf(header, old, ops)).toEqual({});
  });

  it('goes with a clone and with a move as it is then', () => {
    const ops = [
      set({ n: 'then' }),
      { code: OP.clone, object: header, destObject: copy },
      set({ n: 'later' }),
    ];
    expect(omapOf(copy, old, ops)).toEqual({ ...old, n: 'then' });
    expect(omapOf(header, old, ops)).toEqual({ ...old, n: 'later' });
    const moved = [
      { code: OP.tryRename, object: header, destObject: copy },
      set({ n: 'there' }, copy),
    ];
    expect(omapOf(copy, old, moved)).toEqual({ ...old, n: 'there' });
    expect(omapOf(header, old, moved)).toEqual({});
  });

  it('is not changed by ops that the database has already', () => {
    const ops = [rm('b'), { code: OP.omapClear, object: header }, set({ n: '1' })];
    const at = (seq: number) => ({ seq, transaction: 0, op: 0 });
    expect(omapOf(header, old, ops, at(103))).toEqual(old);
    expect(omapOf(header, old, ops, at(102))).toEqual({ ...old, n: '1' });
    expect(omapOf(header, old, ops, at(100))).toEqual({ n: '1' });
  });

  it('is not changed by ops that the file has already', () => {
    osd.file(header, '', { 'user.cephos.seq': guard(102, 0, 0, false) });
    expect(omapOf(header, old, [rm('b'), rm('d'), rm('f')])).toEqual({ b: '1', d: '2' });
  });
});
