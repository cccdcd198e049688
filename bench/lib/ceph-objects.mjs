/** What a healthy Octopus or Pacific cluster stores about objects: docs/formats/ceph.md. */
import { string, u8, u32, u64, versioned } from './omap.mjs';

const HEAD = -2;
const list = (items) => Buffer.concat([u32(items.length), ...items]);
const eversion = (version) => Buffer.concat([u64(version), u32(EPOCH)]);
const utime = Buffer.concat([u32(1_760_000_000), u32(0)]);
const reqid = versioned(2, 2, Buffer.concat([u8(8), u64(4241), u64(1), u32(0)]));
const EPOCH = 40;

function hobject({ name, snap = HEAD, hash, pool, max = 0 }) {
  const parts = [string(''), string(name), u64(snap), u32(hash), u8(max), string(''), u64(pool)];
  return versioned(4, 3, Buffer.concat(parts));
}

const MAX_HOBJECT = hobject({ name: '', snap: 0, hash: 0, pool: -(2n ** 63n), max: 1 });

/** Flags: has a checksum. */
const DATA_DIGEST = 1 << 4;

/** object_info_t v17, the attribute `_`. */
export function objectInfo({ size, version, digest, snaps, ...id }) {
  const locator = [u64(id.pool), u32(-1 >>> 0), string(''), string(''), u64(-1)];
  const parts = [
    hobject(id),
    versioned(6, 3, Buffer.concat(locator)),
    string(''), // category
    eversion(version),
    eversion(0),
    reqid,
    u64(size),
    utime,
    id.snap === undefined ? reqid : list(snaps.map(u64)),
    ...[u64(0), u64(0)], // truncate_seq, truncate_size
    u8(digest === undefined ? 0 : DATA_DIGEST),
    u32(0), // watchers
    eversion(version),
    u8(0),
    u32(0), // watchers
    u32(digest === undefined ? 0 : DATA_DIGEST),
    utime,
    u32(digest ?? 0xffffffff),
    u32(0xffffffff),
    ...[u64(1 << 22), u64(1 << 22), u32(0)], // expected sizes, allocation hints
  ];
  return versioned(17, 8, Buffer.concat(parts));
}

/** SnapSet v3. `clones`: {id, size}, oldest first; none shares bytes with the next. */
export function snapSet(clones) {
  const newest = clones.at(-1)?.id ?? 0;
  const perClone = (value) =>
    list(clones.map((clone) => Buffer.concat([u64(clone.id), value(clone)])));
  const parts = [
    ...[u64(newest), u8(1), u32(0)],
    list(clones.map(({ id }) => u64(id))),
    perClone(() => u32(0)),
    perClone(({ size }) => u64(size)),
    perClone(({ id }) => list([u64(id)])),
  ];
  return versioned(3, 2, Buffer.concat(parts));
}

/** pg_info_t v32 of a copy that has everything up to `version`. */
export function pgInfo({ pool, seed, version }) {
  const epochs = [EPOCH - 20, EPOCH, EPOCH, 0, EPOCH - 1, EPOCH - 1, EPOCH - 1].map(u32);
  const scrubs = [eversion(0), utime, eversion(0), utime, utime, u32(EPOCH)];
  const parts = [
    ...[u8(1), u64(pool), u32(seed), u32(-1 >>> 0)],
    ...[eversion(version), eversion(version), eversion(0)],
    MAX_HOBJECT,
    versioned(26, 22, Buffer.alloc(0)), // statistics
    versioned(10, 4, Buffer.concat([...epochs, ...scrubs])),
    u32(0), // purged snapshots
    ...[u32(EPOCH), u64(version)],
    versioned(1, 1, Buffer.alloc(0)), // hit sets
    u8(0xff),
    MAX_HOBJECT,
    u8(1),
  ];
  return versioned(32, 26, Buffer.concat(parts));
}

/** Journal with nothing in it that the file system lacks. */
export function emptyJournal({ fsid, committed, bytes }) {
  const uuid = Buffer.from(fsid.replaceAll('-', ''), 'hex');
  const body = [
    u64(1),
    uuid,
    u32(4096),
    u32(4096),
    u64(bytes),
    u64(4096),
    u64(committed),
    u64(committed + 1),
  ];
  const fields = Buffer.concat(body);
  const journal = Buffer.alloc(bytes);
  Buffer.concat([u32(4), u32(fields.length), fields]).copy(journal);
  return journal;
}

/** Omap of `rbd_header.<id>`. */
export function headerOmap({ id, size, order = 22, striping, snapshots = [], parent }) {
  const omap = {
    features: u64(1 | (striping ? 2 : 0)),
    object_prefix: string(`rbd_data.${id}`),
    order: u8(order),
    size: u64(size),
    snap_seq: u64(snapshots.at(-1)?.id ?? 0),
  };
  if (striping)
    Object.assign(omap, { stripe_unit: u64(striping.unit), stripe_count: u64(striping.count) });
  if (parent) omap.parent = parentRecord(parent);
  for (const snapshot of snapshots) {
    omap[`snapshot_${snapshot.id.toString(16).padStart(16, '0')}`] = snapshotRecord(snapshot, size);
  }
  return omap;
}

function parentRecord({ pool, id, snap, overlap }) {
  return versioned(1, 1, Buffer.concat([u64(pool), string(id), u64(snap), u64(overlap)]));
}

/** Version 4: the last without namespaces and times. */
function snapshotRecord({ id, name }, size) {
  const none = versioned(1, 1, Buffer.concat([u64(-1), string(''), u64(HEAD), u64(0)]));
  const parts = [u64(id), string(name), u64(size), u64(1), none, u8(0), u64(0)];
  return versioned(4, 1, Buffer.concat(parts));
}
