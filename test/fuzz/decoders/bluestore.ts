import { cephCrc32c } from '../../../src/bytes/crc32c.ts';
import { NOSNAP, SNAPDIR } from '../../../src/ceph/encoding.ts';
import { NO_GENERATION } from '../../../src/ceph/hobject.ts';
import { formatColl } from '../../../src/ceph/pg.ts';
import { compareKeys } from '../../../src/kv/key-order.ts';
import type { KvStore } from '../../../src/kv/kv-store.ts';
import { type Blob, readBlob, readSpanningBlobs } from '../../../src/store/bluestore/blob.ts';
import { BlueFs, readBlueFsSuperblock } from '../../../src/store/bluestore/bluefs.ts';
import { unwrapEnvelopes } from '../../../src/store/bluestore/bluefs-envelope.ts';
import { decodeBlueFsOps } from '../../../src/store/bluestore/bluefs-ops.ts';
import {
  type BlueFsSuperblock,
  decodeBlueFsSuperblock,
  NODE_ENCODING,
} from '../../../src/store/bluestore/bluefs-superblock.ts';
import { verifyRanges } from '../../../src/store/bluestore/checksum.ts';
import {
  collectionRange,
  decodeCnodeBits,
  readCollections,
} from '../../../src/store/bluestore/collections.ts';
import { decompressBlob } from '../../../src/store/bluestore/compressed-blob.ts';
import { DataObjectKeyParser } from '../../../src/store/bluestore/data-object-key.ts';
import {
  DeferredOverlay,
  decodeDeferred,
  readDeferred,
} from '../../../src/store/bluestore/deferred.ts';
import { decodeExtentMap } from '../../../src/store/bluestore/extent-map.ts';
import { readPartitions } from '../../../src/store/bluestore/gpt.ts';
import {
  type DeviceLabel,
  decodeLabel,
  isLabel,
  labelEpoch,
} from '../../../src/store/bluestore/label.ts';
import { searchLabels } from '../../../src/store/bluestore/label-search.ts';
import { readPhysicalVolume } from '../../../src/store/bluestore/lvm.ts';
import { ObjectExtents } from '../../../src/store/bluestore/object-extents.ts';
import { decodeObjectKey, encodeObjectKey } from '../../../src/store/bluestore/object-key.ts';
import { omapEntries as storedOmap } from '../../../src/store/bluestore/omap.ts';
import { decodeOnodeRecord } from '../../../src/store/bluestore/onode.ts';
import { PrefixedKv } from '../../../src/store/bluestore/prefixed-kv.ts';
import { parseSharding, shardOf } from '../../../src/store/bluestore/sharding.ts';
import { unescapeField } from '../../../src/store/escaped-field.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../../../src/store/row-snap.ts';
import { type Decoders, deviceOf, omapEntries, prefixed, reading, sourceOf } from '../decoder.ts';

/** Versioned structures with their crc32c behind them. */
const repairBehind = (start: number) => (bytes: Uint8Array) => {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < start + 6) return;
  const end = start + 6 + view.readUInt32LE(start + 2);
  if (end + 4 > view.length) return;
  view.writeUInt32LE(cephCrc32c(0xffffffff, view.subarray(0, end)), end);
};

const LABEL_STRUCT = 60;
const DEVICE_BYTES = 2 ** 34;
const MAX_LENGTH = 1 << 20;

/** The parser for nearly all keys must read what the one for all reads. */
function sameKey(bytes: Uint8Array): string | undefined {
  const fast = new DataObjectKeyParser();
  if (!fast.parse(bytes)) return undefined;
  const full = decodeObjectKey(bytes);
  const snap =
    fast.snap === ROW_HEAD ? NOSNAP : fast.snap === ROW_SNAPDIR ? SNAPDIR : BigInt(fast.snap);
  if (full.hash !== fast.hash || full.snap !== snap) return 'other hash or snap';
  if (full.generation !== NO_GENERATION || full.key.length > 0) return 'not canonical';
  const prefix = Buffer.from(unescapeField(fast.buffer.subarray(0, fast.prefixEnd)));
  if (!prefix.equals(full.name.subarray(0, prefix.length))) return 'other prefix';
  return encodeObjectKey(full).equals(bytes) ? undefined : 'is written otherwise';
}

/** Everything that reading an object would decode, its map in shards too. */
function wholeRecord(bytes: Uint8Array): unknown {
  const record = decodeOnodeRecord(bytes);
  const extents = new ObjectExtents(record, () => undefined);
  const found = extents.inRange(0, 1 << 22);
  extents.nextData(0, 1 << 22);
  extents.nextData(12345, 1 << 30);
  return [record.onode, found.length];
}

/** A database of a few entries: pairs, keys with their prefix. */
function kvOf(bytes: Uint8Array): PrefixedKv {
  const entries = omapEntries(bytes).sort((a, b) => compareKeys(a.key, b.key));
  const store: KvStore = {
    families: ['default'],
    get: (key) => entries.find((entry) => compareKeys(entry.key, key) === 0)?.value,
    iterate: ({ from, to } = {}) =>
      entries
        .filter(({ key }) => from === undefined || compareKeys(key, from) >= 0)
        .filter(({ key }) => to === undefined || compareKeys(key, to) < 0)
        [Symbol.iterator](),
    close() {},
  };
  return new PrefixedKv(store, '/fuzz');
}

/** Collections, pending writes and omap of such a database. */
function readDatabase(bytes: Uint8Array): unknown {
  const kv = kvOf(bytes);
  const damages: string[] = [];
  const report = ({ reason }: { reason: string }) => damages.push(reason);
  const ranges = readCollections(kv, report);
  const pending = readDeferred(kv, report).bytes;
  const place = { prefix: 'M', head: Buffer.alloc(8) };
  return [ranges.map(({ name }) => name), pending, [...storedOmap(kv, place)].length, damages];
}

/** Lengths of envelopes are read where they stand: first byte of an input is the node's encoding. */
function readEnvelopes(bytes: Uint8Array): unknown {
  const content = bytes.subarray(1);
  const encoding = (bytes[0] ?? 0) % 2 === 0 ? NODE_ENCODING.open : NODE_ENCODING.closed;
  const node = { ino: 2, size: content.length, extents: [], encoding };
  const file = unwrapEnvelopes(sourceOf(content), node);
  if (file.size > content.length) throw new Error('more bytes than the file has');
  const out = Buffer.alloc(file.size + 1);
  if (file.read(out, 0) !== file.size) throw new Error('cannot be read to its end');
  return out.toString('latin1');
}

const NO_BLOBS = new Map<number, Blob>();

export const BLUESTORE: Decoders = {
  'bluestore-label': {
    run: (bytes) => {
      const label = decodeLabel(bytes);
      return [label, labelEpoch(label), isLabel(bytes)];
    },
    repair: repairBehind(LABEL_STRUCT),
    vouches: ([label]: [DeviceLabel]) => label.intact,
  },
  // An image file of a disk, with labels anywhere in it.
  'label-search': { run: (bytes) => searchLabels(sourceOf(bytes)), fixedBytes: 16 << 20 },
  'bluefs-superblock': {
    run: decodeBlueFsSuperblock,
    repair: repairBehind(0),
    vouches: (superblock: BlueFsSuperblock) => superblock.intact,
  },
  'bluefs-operations': { run: (bytes) => decodeBlueFsOps(bytes, 0) },
  bluefs: {
    run: (bytes) => {
      const damages: string[] = [];
      const main = deviceOf(bytes, DEVICE_BYTES);
      readBlueFsSuperblock(main);
      const report = ({ reason }: { reason: string }) => damages.push(reason);
      const bluefs = new BlueFs({ main, db: undefined, wal: undefined }, report);
      const files = bluefs.directories.map((directory) => bluefs.list(directory).length);
      return [bluefs.sequence, files, damages];
    },
    fixedBytes: 32 << 20,
  },
  onode: { run: wholeRecord },
  'extent-map': { run: (bytes) => decodeExtentMap(bytes, NO_BLOBS) },
  blob: {
    run: (record) => {
      const blob = reading(readBlob)(record) as Blob;
      const { checksums } = blob;
      if (checksums === undefined) return blob;
      try {
        // Whole chunks, as many as are checked in one go.
        const chunk = 2 ** Math.min(checksums.order, 16);
        const bytes = new Uint8Array(2 * chunk * Math.ceil(16384 / chunk));
        const own = { ...checksums, order: Math.min(checksums.order, 16) };
        const twice = [0, 0].map((offset) => ({
          ...{ checksums: own, offset, length: bytes.length / 2 },
        }));
        const whole = { checksums: own, offset: 0, length: bytes.length };
        return [blob, verifyRanges([whole], bytes), verifyRanges(twice, bytes)];
      } catch (error) {
        return [blob, String(error)];
      }
    },
  },
  'spanning-blobs': { run: reading(readSpanningBlobs) },
  deferred: {
    run: (bytes) => {
      const writes = decodeDeferred(bytes);
      const overlay = new DeferredOverlay();
      for (const write of writes.toReversed()) overlay.addOlder(write);
      overlay.apply(new Uint8Array(4096), 8192);
      if (overlay.bytes > bytes.length) throw new Error('more bytes than were written');
      return overlay.bytes;
    },
  },
  sharding: {
    run: (bytes) => {
      const sharding = parseSharding(Buffer.from(bytes).toString('latin1'));
      const key = Buffer.alloc(32, 7);
      return [...sharding].map(([prefix, shards]) => [prefix, shards, shardOf(shards, key, key)]);
    },
  },
  'collection-node': { run: decodeCnodeBits },
  'collection-range': {
    run: (bytes) => {
      const [bits, name] = prefixed(bytes);
      const range = collectionRange(Buffer.from(name).toString('latin1'), bits % 33);
      return range ?? formatColl({ kind: 'meta' });
    },
  },
  'object-key': {
    run: (bytes) => [new DataObjectKeyParser().parse(bytes), decodeObjectKey(bytes)],
    law: sameKey,
  },
  'compressed-blob': {
    run: (bytes) => {
      const [length, stored] = prefixed(bytes);
      return decompressBlob(stored, length % MAX_LENGTH).length;
    },
    fixedBytes: 16 << 20,
  },
  'bluestore-database': { run: readDatabase },
  'bluefs-envelopes': { run: readEnvelopes },
  gpt: { run: (bytes) => readPartitions(deviceOf(bytes, DEVICE_BYTES)), fixedBytes: 8 << 20 },
  lvm: { run: (bytes) => readPhysicalVolume(deviceOf(bytes, DEVICE_BYTES)), fixedBytes: 64 << 20 },
};
