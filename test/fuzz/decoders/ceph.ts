import { cephCrc32c } from '../../../src/bytes/crc32c.ts';
import {
  extents,
  intervalSet,
  readCompatFeatures,
  readNameText,
  readTextMap,
  snapids,
} from '../../../src/ceph/encoding.ts';
import { decodeHashInfo } from '../../../src/ceph/hinfo.ts';
import { decodeGhobject, decodeHobject } from '../../../src/ceph/hobject.ts';
import { decodeDivergentPriors, decodeMissingItem } from '../../../src/ceph/missing.ts';
import { decodeObjectInfo, flawOf } from '../../../src/ceph/object-info.ts';
import {
  decodeFileStoreSuperblock,
  decodeOsdSuperblock,
} from '../../../src/ceph/osd-superblock.ts';
import { decodeOsdMap, type OsdMap } from '../../../src/ceph/osdmap.ts';
import { readPool } from '../../../src/ceph/osdmap-pool.ts';
import { formatColl, parseColl, readColl, readPg, readSpg } from '../../../src/ceph/pg.ts';
import { decodePgFastInfo, decodePgInfo, readPgHistory } from '../../../src/ceph/pg-info.ts';
import { decodePgLogEntry } from '../../../src/ceph/pg-log.ts';
import { classifyPgMetaKey, parseInfosKey } from '../../../src/ceph/pg-meta-keys.ts';
import { objectHash } from '../../../src/ceph/placement.ts';
import { decodeSnapSet } from '../../../src/ceph/snapset.ts';
import { codeLayout } from '../../../src/ec/profile.ts';
import { type Decoders, omapEntries, reading } from '../decoder.ts';

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** u32 length, entry, u32 crc32c */
function repairLogEntry(bytes: Uint8Array): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.length < 8 ? 0 : view.readUInt32LE(0);
  if (length + 8 > view.length) return;
  view.writeUInt32LE(cephCrc32c(0, view.subarray(4, 4 + length)), 4 + length);
}

export const CEPH: Decoders = {
  'object-info': { run: (bytes) => flawOf(bytes, decodeObjectInfo(bytes)) },
  snapset: { run: decodeSnapSet },
  'hash-info': { run: decodeHashInfo },
  hobject: { run: decodeHobject },
  ghobject: { run: decodeGhobject },
  'missing-item': { run: decodeMissingItem },
  'divergent-priors': { run: decodeDivergentPriors },
  'osd-superblock': { run: decodeOsdSuperblock },
  'filestore-superblock': { run: decodeFileStoreSuperblock },
  osdmap: { run: decodeOsdMap, vouches: (map: OsdMap) => map.crcMatches === true },
  pool: { run: reading(readPool) },
  'pg-info': { run: decodePgInfo },
  'pg-fast-info': { run: decodePgFastInfo },
  'pg-history': { run: reading(readPgHistory) },
  'pg-log-entry': { run: decodePgLogEntry, repair: repairLogEntry, vouches: () => true },
  'pg-meta-key': { run: (bytes) => [classifyPgMetaKey(bytes), parseInfosKey(bytes)] },
  collection: {
    run: (bytes) => formatColl(parseColl(latin1(bytes))),
    law: (bytes) => {
      const name = latin1(bytes);
      const coll = parseColl(name);
      const again = parseColl(formatColl(coll));
      return JSON.stringify(again) === JSON.stringify(coll)
        ? undefined
        : 'is read otherwise once written';
    },
  },
  coll: { run: reading(readColl) },
  pg: { run: reading(readPg) },
  spg: { run: reading(readSpg) },
  'interval-set': { run: reading(intervalSet) },
  extents: { run: reading(extents) },
  snapids: { run: reading(snapids) },
  'text-map': { run: reading(readTextMap) },
  'name-text': { run: reading(readNameText) },
  'compat-features': { run: reading(readCompatFeatures) },
  'object-hash': { run: (bytes) => objectHash(bytes, bytes.subarray(0, 0), bytes.subarray(0, 3)) },
  // Words of a profile as an osdmap has them, as pairs.
  'erasure-profile': {
    run: (bytes) => {
      const pairs = omapEntries(bytes).map(
        ({ key, value }) => [latin1(key), latin1(value)] as const,
      );
      return codeLayout(new Map(pairs));
    },
  },
};
