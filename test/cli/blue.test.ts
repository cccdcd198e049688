import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readManifest } from '../../fixtures/unpack.mjs';
import { Catalog } from '../../src/catalog/catalog.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import type { ImageRowJson } from '../../src/cli/render/image-rows.ts';
import { openCatalogForReading } from '../../src/io/catalog-storage.ts';
import { openKvStore } from '../../src/kv/kv-store.ts';
import { blueFsDirectory } from '../../src/store/bluestore/bluefs-directory.ts';
import { DEFERRED_PREFIX, decodeDeferred } from '../../src/store/bluestore/deferred.ts';
import { ObjectExtents } from '../../src/store/bluestore/object-extents.ts';
import { encodeObjectKey } from '../../src/store/bluestore/object-key.ts';
import { decodeOnodeRecord } from '../../src/store/bluestore/onode.ts';
import { openStore } from '../../src/store/bluestore/open-store.ts';
import { readSharding, shardOf } from '../../src/store/bluestore/sharding.ts';
import type { OsdLocation } from '../../src/store/object-store.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { locate, nameOf, scanOsd } from '../helpers/osd-objects.ts';
import {
  fingerprint,
  salvage,
  salvageJson,
  scanned,
  sha256,
  sha256OfFile,
} from '../helpers/program.ts';

interface Loss {
  offset: number;
  length: number;
  object: string;
}
interface Report {
  image: string;
  snapshot: string | null;
  size: number;
  complete: boolean;
  lost: Loss[];
  doubtful: Loss[];
}

const truth = truthOf('blue');
const osds = fixtureOsds('blue');
const work = workDirectory();
afterAll(() => work.dispose());
let catalog: string;
let before: string;
beforeAll(async () => {
  before = fingerprint(osds);
  catalog = await scanned(work.path, [osds]);
});

/** Image data begins each sector with a number that has the maker's seed in its upper half. */
const isImageData = (data: Uint8Array): boolean => {
  const view = Buffer.from(data);
  for (let at = 4; at + 4 <= view.length; at += 512) {
    if (view.readUInt32LE(at) === readManifest().seed + 40) return true;
  }
  return false;
};

describe('images on BlueStore', () => {
  it.each(Object.entries(truth.images))(
    'recovers %s as rbd export gave it',
    async (spec, { sha256: wanted, size }) => {
      const out = path.join(work.path, 'out.raw');
      const { status, json } = await salvageJson<Report>('export', spec, out, '--catalog', catalog);
      const [image, snapshot = null] = spec.split('@');
      expect(json).toMatchObject({ image, snapshot, size, complete: true, lost: [], doubtful: [] });
      expect(await sha256OfFile(out)).toBe(wanted);
      expect(status).toBe(0);
      rmSync(out);
    },
  );

  it.each(Object.keys(truth.rbd))('lists pool %s as rbd ls -l did', async (pool) => {
    const { status, json } = await salvageJson<ImageRowJson[]>(
      'ls',
      '-l',
      pool,
      '--catalog',
      catalog,
    );
    expect(status).toBe(0);
    const said = truth.rbd[pool]!.ls;
    expect(json.map(({ image, snapshot }) => [image, snapshot])).toEqual(
      said.map(({ image, snapshot }) => [image, snapshot]),
    );
    for (const [i, row] of json.entries()) expect(row).toMatchObject({ ...said[i], pool });
  });

  const some = Object.entries(truth.images).filter(([spec]) => /overwr|packed|snaps/.test(spec));

  it.each(['0', '1', '2'])('recovers replicated ones from osd.%s alone', async (osd) => {
    const own = await scanned(work.path, [path.join(osds, osd)], `catalog-${osd}`);
    for (const [spec, { sha256: wanted }] of some) {
      const { stdout } = await salvage(['export', spec, '-', '--catalog', own]);
      expect([spec, sha256(stdout)]).toEqual([spec, wanted]);
    }
  });

  it('includes writes that were still pending: the device has other bytes there', () => {
    const store = openStore(locate(path.join(osds, '2')), () => {});
    const records = [...store.kv.iterate(DEFERRED_PREFIX)];
    const writes = records.flatMap(({ value }) => decodeDeferred(value));
    const ours = writes.filter(({ data }) => isImageData(data));
    expect(ours.length).toBeGreaterThan(20);
    const differing = ours.filter(({ pieces: [piece], data }) => {
      const onDevice = Buffer.alloc(piece!.length);
      store.devices.main!.read(onDevice, piece!.offset);
      return !onDevice.equals(data.subarray(0, piece!.length));
    });
    store.close();
    expect(differing.length).toBeGreaterThan(0);
  });

  it("has every key in the family that the store's own rule names", () => {
    const store = openStore(locate(path.join(osds, '0')), () => {});
    const sharding = readSharding(store.bluefs);
    const kv = openKvStore(blueFsDirectory(store.bluefs), () => {});
    const counts = { O: 0, p: 0 };
    for (const prefix of ['O', 'p'] as const) {
      const shards = sharding.get(prefix)!;
      for (let i = 0; i < shards.count; i++) {
        for (const { key } of kv.iterate({}, `${prefix}-${i}`)) {
          expect(shardOf(shards, key, key)).toBe(i);
          expect(store.kv.iterateHome(prefix, { from: key, to: key })).toBeDefined();
          counts[prefix]++;
        }
      }
    }
    kv.close();
    store.close();
    expect(counts.O).toBeGreaterThan(300);
    expect(counts.p).toBeGreaterThan(100);
  });

  it('keeps everything when nothing has changed since the last scan', async () => {
    const segmentsOf = () =>
      new Catalog(openCatalogForReading(catalog)).osds().map((osd) => osd.segments);
    const first = segmentsOf();
    const listing = (await salvage(['ls', '-l', '--catalog', catalog])).stdout.toString();
    const { status } = await salvage(['scan', '--osd', osds, '--catalog', catalog]);
    expect(status).toBe(0);
    for (const [i, segments] of segmentsOf().entries()) {
      const known = new Set(first[i]!.map(({ position }) => position));
      const added = segments.filter(({ position }) => !known.has(position));
      expect(added.flatMap(({ units }) => units)).toEqual([]);
      expect(added.flatMap((segment) => segment.kept()).length).toBeGreaterThan(8);
    }
    expect((await salvage(['ls', '-l', '--catalog', catalog])).stdout.toString()).toBe(listing);
  });

  it('leaves the sources as they were', () => {
    expect(fingerprint(osds)).toBe(before);
  });
});

/** Above the keys of an object's extent map shards. */
const BEHIND = Buffer.alloc(6, 0xff);

/** Where a byte of an object's head lies on the main device of an OSD. */
function deviceOffset(location: OsdLocation, name: string, position: number): number {
  const ref = scanOsd(location).sink.data.find(
    (at) => nameOf(at) === name && at.id.snap === NOSNAP,
  )!;
  const store = openStore(location, () => {});
  try {
    const key = encodeObjectKey(ref.id);
    const [onode, ...shards] = store.kv.iterate('O', {
      from: key,
      to: Buffer.concat([key, BEHIND]),
    });
    const shardAt = (offset: number) =>
      shards.find(({ key: k }) => Buffer.from(k).readUInt32BE(k.length - 5) === offset)?.value;
    const extents = new ObjectExtents(decodeOnodeRecord(onode!.value), shardAt);
    const [extent] = extents.inRange(position, position + 1);
    let left = extent!.blobOffset + position - extent!.offset;
    for (const { offset, length } of extent!.blob.pieces) {
      if (left < length) return offset + left;
      left -= length;
    }
    throw new Error(`${name} has no place for byte ${position}`);
  } finally {
    store.close();
  }
}

function flipByte(file: string, at: number): void {
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0]! ^= 0x10;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

/** Writes over all places in a file that hold a text. */
function replaceText(file: string, text: string, by: string): number {
  const fd = openSync(file, 'r+');
  const chunk = Buffer.alloc(1 << 20);
  let places = 0;
  for (let at = 0; readSync(fd, chunk, 0, chunk.length, at) > 0; at += chunk.length) {
    for (let i = chunk.indexOf(text); i >= 0; i = chunk.indexOf(text, i + 1)) {
      writeSync(fd, by, at + i);
      places++;
    }
  }
  closeSync(fd);
  return places;
}

describe('a flipped bit in the rule by which the database is divided', () => {
  let wrong: string;
  const scannedObjects = async (of: string) => {
    const into = path.join(work.path, `${path.basename(of)}-rule.catalog`);
    const { status, json } = await salvageJson<{ osds: { objects: number }[] }>(
      ...['scan', '--osd', of, '--catalog', into, '--jobs', '4'],
    );
    return { status, into, objects: json.osds.map((osd) => osd.objects) };
  };
  beforeAll(() => {
    wrong = copyTree(osds, path.join(work.path, 'wrong'));
    // OSD 1 is not divided at all.
    for (const osd of ['0', '2']) {
      const block = path.join(wrong, osd, 'block');
      expect(replaceText(block, 'O(3,0-13)=', 'O(3,0-03)=')).toBeGreaterThan(0);
      const store = openStore(locate(path.join(wrong, osd)), () => {});
      expect(readSharding(store.bluefs).get('O')).toEqual({ count: 3, start: 0, end: 3 });
      store.close();
    }
  });

  it('hides no object from a scan, nor from an export', async () => {
    const [right, found] = [await scannedObjects(osds), await scannedObjects(wrong)];
    expect(found.objects).toEqual(right.objects);
    expect(found.status).toBe(0);
    for (const spec of ['rbd/discarded', 'rbd/child']) {
      const out = path.join(work.path, 'rule.raw');
      const argv = ['export', spec, out, '--catalog', found.into, '--force'];
      expect((await salvage(argv)).status).toBe(0);
      expect(await sha256OfFile(out)).toBe(truth.images[spec]!.sha256);
    }
  });
});

describe('damaged object data', () => {
  const SPEC = 'rbd/discarded';
  const { id, sha256: wanted } = truth.images[SPEC]!;
  const POSITION = 300_000;
  const name = `rbd_data.${id}.0000000000000000`;
  let damaged: string;
  const flipOn = (osd: string) => {
    const location = locate(path.join(damaged, osd));
    flipByte(path.join(damaged, osd, 'block'), deviceOffset(location, name, POSITION));
  };
  const exported = async () => {
    const out = path.join(work.path, 'damaged.raw');
    const { status, json } = await salvageJson<Report>(
      'export',
      SPEC,
      out,
      '--osd',
      damaged,
      '--force',
    );
    return { status, json, out };
  };
  beforeAll(() => {
    damaged = copyTree(osds, path.join(work.path, 'damaged'));
  });

  it.each(['0', '1'])('is taken from another copy where osd.%s has it wrong too', async (osd) => {
    flipOn(osd);
    const { status, json, out } = await exported();
    expect(await sha256OfFile(out)).toBe(wanted);
    expect(json).toMatchObject({ complete: true, lost: [], doubtful: [] });
    expect(status).toBe(0);
  });

  it('is reported, and nothing else, where every copy has it wrong', async () => {
    flipOn('2');
    const { status, json, out } = await exported();
    expect([status, json.complete]).toEqual([3, false]);
    const [lost, ...more] = json.lost;
    expect(more).toEqual([]);
    expect(lost!.object).toBe(name);
    const { offset, length } = lost!;
    expect(offset).toBeLessThanOrEqual(POSITION);
    expect(offset + length).toBeGreaterThan(POSITION);
    expect(length).toBe(4096);
    expect(json.doubtful).toEqual([]);
    const intact = (await salvage(['export', SPEC, '-', '--catalog', catalog])).stdout;
    expect(sha256(intact)).toBe(wanted);
    const got = Buffer.alloc(intact.length);
    const fd = openSync(out, 'r');
    expect(readSync(fd, got, 0, got.length, 0)).toBe(intact.length);
    closeSync(fd);
    for (const image of [intact, got]) image.fill(0, offset, offset + length);
    expect(got.equals(intact)).toBe(true);
  });
});

describe('a destroyed beginning', () => {
  const SPEC = 'rbd/discarded';
  const wanted = truth.images[SPEC]!.sha256;
  let damaged: string;
  const wipe = (osd: string, from: number, to: number) => {
    const fd = openSync(path.join(damaged, osd, 'block'), 'r+');
    writeSync(fd, Buffer.alloc(to - from), 0, to - from, from);
    closeSync(fd);
  };
  beforeAll(() => {
    damaged = copyTree(osds, path.join(work.path, 'beginning'));
  });

  it('of BlueFS is made up for by a search, which is reported', async () => {
    for (const osd of ['0', '1', '2']) wipe(osd, 4096, 8192);
    const found = path.join(work.path, 'searched.catalog');
    const scan = await salvage(['scan', '--osd', damaged, '--catalog', found]);
    expect(scan.stderr).toMatch(/no BlueFS superblock on block: its log was found by searching/);
    expect(scan.status).toBe(3);
    const { status, stdout } = await salvage(['export', SPEC, '-', '--catalog', found]);
    expect([status, sha256(stdout)]).toEqual([0, wanted]);
  });

  it('with the label is too, and the database tells who the OSD is', async () => {
    wipe('0', 0, 8192);
    const block = path.join(damaged, '0', 'block');
    const found = path.join(work.path, 'nameless.catalog');
    const scan = await salvage(['scan', '--osd', block, '--catalog', found]);
    expect(scan.stderr).toMatch(/osd\.0: /);
    const [osd] = new Catalog(openCatalogForReading(found)).osds();
    expect(osd!.identity).toMatchObject({ clusterFsid: truth.fsid, whoami: 0 });
    // Nobody can say that no newer log was lost with it.
    const { status, stdout } = await salvage(['export', SPEC, '-', '--catalog', found]);
    expect([status, sha256(stdout)]).toEqual([3, wanted]);
  });

  it('in front of the device is skipped where --offset says, also by later commands', async () => {
    const file = path.join(work.path, 'disk.img');
    const at = 1_000_448;
    execFileSync('dd', [
      `if=${path.join(osds, '0', 'block')}`,
      `of=${file}`,
      'conv=sparse',
      'bs=64K',
      'oflag=seek_bytes',
      `seek=${at}`,
      'status=none',
    ]);
    const found = path.join(work.path, 'offset.catalog');
    const [plain, wrong] = [
      ['--osd', file],
      ['--offset', `${file}.gone=1`],
    ];
    expect((await salvage(['scan', ...plain, '--catalog', found])).status).toBe(1);
    expect((await salvage(['scan', ...plain, ...wrong, '--catalog', found])).status).toBe(2);
    const said = ['--offset', `${file}=${at}`];
    expect((await salvage(['scan', ...plain, ...said, '--catalog', found])).status).toBe(0);
    const { status, stdout } = await salvage(['export', SPEC, '-', '--catalog', found]);
    expect([status, sha256(stdout)]).toEqual([0, wanted]);
  });
});
