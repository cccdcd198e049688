import fs from 'node:fs';
import path from 'node:path';
import { string, u64 } from './omap.mjs';

/** A catalog of made-up objects, written by the program's own modules: no files needed for it. */

const FOLDER = 200;
const OSDS = 3;
const POOL = 2;
const FSID = '3b0e9f52-1111-4222-8333-444455556666';
const hex = (n, digits) => n.toString(16).padStart(digits, '0');
const imageId = (i) => `${(0x10200 + i * 7).toString(16)}6b8b4567`;

function headerObject(i, objects) {
  const omap = {
    features: u64(1),
    object_prefix: string(`rbd_data.${imageId(i)}`),
    order: Buffer.from([22]),
    size: u64(objects * (1 << 22)),
    snap_seq: u64(0),
  };
  const id = {
    ...{ pool: POOL, namespace: Buffer.alloc(0), name: Buffer.from(`rbd_header.${imageId(i)}`) },
    ...{ key: Buffer.alloc(0), snap: 0xfffffffffffffffen, hash: i, shard: -1 },
  };
  return {
    ref: { id, directory: Buffer.from('2.0_head'), fileName: Buffer.from(`header${i}`) },
    ...{ size: 0, mtimeMs: 0 },
    omap: Object.entries(omap).map(([key, value]) => [Buffer.from(key), value]),
  };
}

/** Hands the rows of one OSD to `sink`, as a scan of folders in hash order would. */
function scanOsd(sink, osd, rows, images, clock) {
  const tail = Buffer.from('__2');
  const prefixes = Array.from({ length: images }, (_, i) => `rbd\\udata.${imageId(i)}`);
  const buffer = Buffer.concat([Buffer.from(prefixes.join('')), tail]);
  const starts = [];
  let start = 0;
  for (const prefix of prefixes) {
    starts.push(start);
    start += prefix.length;
  }
  const tailStart = buffer.length - tail.length;
  let state = osd * 0x9e3779b9 + 1;
  for (let row = 0; row < rows; ) {
    const unit = row / FOLDER;
    sink.beginUnit(
      Buffer.from(
        `2.${hex(unit >> 4, 1)}_head/DIR_${hex(unit & 15, 1)}/DIR_${hex((unit >> 4) & 15, 1)}`,
      ),
    );
    const from = performance.now();
    for (let i = 0; i < FOLDER && row < rows; i++, row++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      const image = (state >>> 8) % images;
      const snap = row % 33 === 0 ? 4 + (image % 28) : -2;
      sink.dataObject(
        buffer,
        starts[image],
        starts[image] + prefixes[image].length,
        (row / images) | 0,
        snap,
        state >>> 0,
        tailStart,
        buffer.length,
      );
    }
    const mtimeNs = 1700000000000000000n + BigInt(row);
    sink.endUnit({ ino: BigInt(unit | 0), mtimeNs, ctimeNs: mtimeNs }, []);
    clock.seconds += (performance.now() - from) / 1000;
  }
}

/**
 * @param headers how many of the images have one
 * @returns bytes of the file, and seconds spent gathering, packing and writing rows
 */
export async function makeCatalog(program, file, { rows, images, headers: count = images }) {
  const load = (module) => import(path.join(program, 'dist', module));
  const { SegmentBuilder } = await load('catalog/segment-builder.js');
  const { Catalog, owned } = await load('catalog/catalog.js');
  const { RECORD } = await load('catalog/record-log.js');
  const { packMetadata } = await load('catalog/metadata-record.js');
  const { pack } = await load('catalog/packing.js');
  const { openCatalogForWriting } = await load('io/catalog-storage.js');
  fs.rmSync(file, { force: true });
  const { log } = new Catalog(openCatalogForWriting(file));
  log.prepareToAppend();
  const keys = Array.from(
    { length: OSDS },
    (_, i) => `6c1f2a10-0000-4000-8000-${String(i).padStart(12, '0')}`,
  );
  log.append(RECORD.scanBegin, pack({ at: 1, osds: keys }));
  const headers = Array.from({ length: count }, (_, i) =>
    headerObject(i, Math.ceil(rows / OSDS / images)),
  );
  const clock = { seconds: 0 };
  let writing = 0;
  for (const [osd, key] of keys.entries()) {
    const identity = { clusterFsid: FSID, whoami: osd, osdFsid: key };
    const location = {
      kind: 'filestore',
      path: `/nowhere/osd.${osd}`,
      dataPath: `/nowhere/osd.${osd}/current`,
    };
    log.append(RECORD.osdBegin, pack({ key, identity, location, at: 1 }));
    const builder = new SegmentBuilder((segment) => {
      const from = performance.now();
      log.append(RECORD.segment, owned(key, segment));
      writing += (performance.now() - from) / 1000;
    });
    scanOsd(builder, osd, Math.round(rows / OSDS), images, clock);
    builder.finish();
    log.append(RECORD.rbdMetadata, owned(key, packMetadata(headers)));
    log.append(RECORD.pgMetadata, owned(key, packMetadata([])));
    log.append(RECORD.osdEnd, pack({ key, at: 2, dead: [], damage: [], damageCount: 0 }));
  }
  log.append(RECORD.scanEnd, pack({ at: 2 }));
  log.storage.sync();
  const bytes = log.storage.size();
  log.storage.close();
  return { bytes, gatherAndPack: clock.seconds - writing, write: writing };
}

/** Seconds that an open catalog takes to bring up the rows of its first images. */
export async function loadImages(program, file, count) {
  const load = (module) => import(path.join(program, 'dist', module));
  const { Catalog } = await load('catalog/catalog.js');
  const { openCatalogForReading } = await load('io/catalog-storage.js');
  const { clustersOf } = await load('image/clusters-of.js');
  const { ObjectTable } = await load('image/object-table.js');
  const from = performance.now();
  const catalog = new Catalog(openCatalogForReading(file));
  const [cluster] = clustersOf([catalog]);
  const prefixes = [...cluster.dataPrefixes()].slice(0, count);
  const opened = (performance.now() - from) / 1000;
  const loads = prefixes.map((prefix) => {
    const start = performance.now();
    const table = new ObjectTable(prefix);
    return { rows: table.length, seconds: (performance.now() - start) / 1000 };
  });
  catalog.close();
  return { opened, loads };
}
