import { rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileStoreReader } from '../../../../src/store/filestore/filestore-reader.ts';
import { OP } from '../../../../src/store/filestore/journal/op-codes.ts';
import {
  GONE,
  type ObjectLog,
  type OpNode,
} from '../../../../src/store/filestore/journal/op-log.ts';
import { type Overlay, readOverlay } from '../../../../src/store/filestore/journal/overlay.ts';
import { OverlayReader } from '../../../../src/store/filestore/journal/overlay-reader.ts';
import { changesOf } from '../../../../src/store/filestore/journal/overlay-scan.ts';
import { surveyJournal } from '../../../../src/store/filestore/journal/survey.ts';
import type {
  ObjectRef,
  ObjectStoreReader,
  OsdLocation,
} from '../../../../src/store/object-store.ts';
import { copyTree, fixtureOsds, workDirectory } from '../../../helpers/fixtures.ts';

/**
 * OSDs that were killed: what their journals hold behind commit_op_seq is in the file system all the
 * same, so that the outcome of a replay is known.
 */

const work = workDirectory();
afterAll(work.dispose);

const locationOf = (osd: string): OsdLocation => {
  const location: OsdLocation = {
    kind: 'filestore',
    path: osd,
    dataPath: path.join(osd, 'current'),
  };
  return { ...location, replay: surveyJournal(location).replay };
};

function stores(location: OsdLocation) {
  const replayed = new OverlayReader(new FileStoreReader(location, () => {}), location.replay!);
  return { plain: new FileStoreReader(location, () => {}), replayed };
}

function refOf(overlay: Overlay, log: ObjectLog): ObjectRef {
  const base = overlay.states.base(log);
  const directory = Buffer.from(base?.directory ?? log.collection.name, 'latin1');
  return { id: log.object, directory, fileName: Buffer.from(base?.fileName ?? log.name, 'latin1') };
}

const allLogs = (overlay: Overlay): ObjectLog[] =>
  [...overlay.collections.values()]
    .filter(({ name }) => !name.endsWith('_TEMP'))
    .flatMap(({ objects }) => [...objects.values()]);

const ATTRS = ['_', 'snapset', '_lock.rbd_lock', 'hinfo_key'];

/** Everything that a store says of an object. */
function everything(store: ObjectStoreReader, ref: ObjectRef) {
  const object = store.open(ref);
  const data = Buffer.alloc(object.size);
  object.read(data, 0);
  const attrs = ATTRS.map((name) => {
    const value = object.attr(name);
    return value && Buffer.from(value).toString('hex');
  });
  object.close();
  const omap = [...store.omap(ref.id)].map(
    ({ key, value }) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`,
  );
  return { data: data.toString('hex'), attrs, omap };
}

describe.each([
  ['basic', '2'],
  ['basic', '0'],
  ['leveldb', '2'],
])('a killed OSD (%s, osd.%s)', (fixture, number) => {
  const osd = path.join(fixtureOsds(fixture), number);
  const location = locationOf(osd);
  const { plain, replayed } = stores(location);
  const overlay = readOverlay(location, location.replay!);
  afterAll(() => {
    plain.close();
    replayed.close();
    overlay.ring.close();
  });

  it('is not changed by a replay: what was done is not done again', () => {
    const refs = allLogs(overlay)
      .filter((log) => overlay.states.base(log) !== undefined)
      .map((log) => refOf(overlay, log));
    expect(refs.length).toBeGreaterThan(10);
    for (const ref of refs) expect(everything(replayed, ref)).toEqual(everything(plain, ref));
  });

  it('loses and gains no objects by a replay', () => {
    for (const name of overlay.collections.keys()) {
      if (name.endsWith('_TEMP')) continue;
      const { created, removed } = changesOf(overlay, name, (damage) =>
        expect(damage).toBeUndefined(),
      );
      expect(created).toEqual([]);
      expect([...removed]).toEqual([]);
    }
  });
});

/** Did the journal make the object from nothing? */
function isCreated({ last }: ObjectLog): boolean {
  let first: OpNode | undefined = last;
  const codes: number[] = [];
  for (; first !== undefined; first = first.previous) codes.unshift(first.code);
  const made: number[] = [OP.create, OP.touch];
  return made.includes(codes[0]!) && !codes.includes(OP.remove) && !codes.includes(GONE);
}

it('brings back objects whose files never reached the disk', () => {
  const original = path.join(fixtureOsds('basic'), '2');
  const { plain } = stores(locationOf(original));
  const osd = copyTree(original, path.join(work.path, 'osd'));
  const location = locationOf(osd);
  const before = readOverlay(location, location.replay!);
  const lost = allLogs(before)
    .filter((log) => isCreated(log) && before.states.base(log) !== undefined)
    .map((log) => ({ log, ref: refOf(before, log) }));
  expect(lost.length).toBeGreaterThan(5);
  for (const { ref } of lost)
    rmSync(path.join(location.dataPath, `${ref.directory}/${ref.fileName}`));

  const { replayed } = stores(location);
  for (const { ref } of lost) expect(everything(replayed, ref)).toEqual(everything(plain, ref));
  const after = readOverlay(location, location.replay!);
  const created = [...after.collections.keys()].flatMap(
    (name) => changesOf(after, name, () => {}).created,
  );
  const names = created.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(lost.map(({ log }) => log.name)));
});
