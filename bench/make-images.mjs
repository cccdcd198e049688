// A synthetic FileStore cluster with data in its objects; see README.md. Prints its directory.
import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { emptyJournal, headerOmap, objectInfo, pgInfo, snapSet } from './lib/ceph-objects.mjs';
import { writeLevelDb } from './lib/leveldb.mjs';
import { omapEntries, string, u32 } from './lib/omap.mjs';
import { options, WORK } from './lib/tools.mjs';
import { setXattr } from './lib/xattr.mjs';

const POOL = 2;
const PG_NUM = 64;
const FSID = '3b0e9f52-1111-4222-8333-555566667777';
const OBJECT = 4 << 20;
const BLOCK = 4096;
const SNAP = 4;
const COMMITTED = 42;

const DEFAULTS = {
  mib: 5120,
  osds: 3,
  copies: 1,
  images: 'plain,striped,base,child,snaps,empty',
  /** size of the other images, as a share of `plain` */
  others: 0.1,
};

/** What there is to make. `share`: objects that exist. */
const IMAGES = {
  plain: { id: '10206b8b4567', share: 0.97 },
  striped: { id: '10346b8b4567', share: 1, striping: { unit: 65536, count: 8 } },
  base: { id: '10486b8b4567', share: 0.97, snapshots: [{ id: SNAP, name: 'gold' }] },
  child: { id: '105c6b8b4567', share: 0.5, parent: 'base' },
  snaps: { id: '10706b8b4567', share: 1, snapshots: [{ id: SNAP, name: 's1' }] },
  empty: { id: '10846b8b4567', share: 0 },
};

/** Objects that an image has room for, in whole sets of its stripes. */
function objectsOf(name, { mib, others }) {
  const part = { plain: 1, empty: 0 }[name] ?? others;
  return Math.max(8, Math.ceil((mib * part * 2 ** 20) / OBJECT / 8) * 8);
}

/** A small generator of its own: trees of the same options are the same but for their bytes. */
function random(seed) {
  let x = seed;
  return (below) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * below);
  };
}

const pool = randomFillSync(Buffer.alloc(32 << 20));

/**
 * Bytes of an object, and what of them is a hole: 4 of 5 are full, the others have holes or runs of
 * zeros somewhere, or end early.
 */
function content(pick, number) {
  const kind = pick(20);
  const size = kind === 0 ? (1 + pick(OBJECT / BLOCK - 1)) * BLOCK : OBJECT;
  const bytes = Buffer.alloc(OBJECT);
  pool.copy(bytes, 0, pick((pool.length - OBJECT) / BLOCK) * BLOCK);
  for (let at = 0; at < size; at += BLOCK) bytes.writeUInt32LE((number << 10) + at / BLOCK + 1, at);
  const gaps = [];
  for (let i = 0; (kind === 1 || kind === 2) && i < 3; i++) {
    const at = pick(size / BLOCK) * BLOCK;
    const length = Math.min((1 + pick(128)) * BLOCK, size - at);
    bytes.fill(0, at, at + length);
    if (kind === 1) gaps.push([at, at + length]);
  }
  return { bytes: bytes.subarray(0, size), gaps: gaps.sort((a, b) => a[0] - b[0]) };
}

function writeAround(fd, bytes, gaps) {
  fs.ftruncateSync(fd, bytes.length);
  let at = 0;
  for (const [from, to] of [...gaps, [bytes.length, bytes.length]]) {
    if (from > at) fs.writeSync(fd, bytes, at, from - at, at);
    at = Math.max(at, to);
  }
}

const hex = (n, digits) => n.toString(16).toUpperCase().padStart(digits, '0');
const fileName = ({ name, snap, hash }) =>
  `${name.replace(/_/g, '\\u')}__${snap?.toString(16) ?? 'head'}_${hex(hash, 8)}__${POOL.toString(16)}`;
const folderOf = (hash) =>
  `${POOL}.${(hash & (PG_NUM - 1)).toString(16)}_head/DIR_${hex(hash & 15, 1)}/DIR_${hex((hash >> 4) & 15, 1)}`;

/** The OSDs that hold an object: an order of its own for each PG, as CRUSH draws one. */
function osdsOf(hash, { osds, copies }) {
  const seed = hash & (PG_NUM - 1);
  const draw = (osd) => {
    const x = Math.imul((seed + 1) * 2654435761 + osd * 40503, 0x9e3779b1);
    return Math.imul(x ^ (x >>> 15), 0x85ebca6b) >>> 0;
  };
  const all = Array.from({ length: osds }, (_, osd) => osd);
  return all.sort((a, b) => draw(a) - draw(b)).slice(0, copies);
}

function setAttrs(fd, attrs) {
  setXattr(fd, 'user.cephos.spill_out', Buffer.from('0\0'));
  for (const [attr, value] of Object.entries(attrs)) {
    // FileStore cuts attributes into pieces that fit XFS inodes: docs/formats/filestore.md.
    for (let at = 0; at < value.length; at += 250) {
      const suffix = at === 0 ? '' : `@${at / 250}`;
      setXattr(fd, `user.ceph.${attr}${suffix}`, value.subarray(at, at + 250));
    }
  }
}

class Tree {
  constructor(shape, paths, { hash, crc }) {
    Object.assign(this, { shape, paths, hash, crc, version: 0 });
    this.metadata = [];
  }

  /** Writes an object to all its OSDs. `attrs` may want to know its size and checksum. */
  put(object, bytes, gaps, attrs) {
    const { name, snap } = object;
    const id = { name, hash: this.hash(name), pool: POOL, ...(snap === undefined ? {} : { snap }) };
    const given = attrs({
      ...id,
      size: bytes.length,
      digest: this.crc(0xffffffff, bytes),
      version: ++this.version,
    });
    for (const osd of osdsOf(id.hash, this.shape)) {
      const directory = path.join(this.paths[osd], 'current', folderOf(id.hash));
      fs.mkdirSync(directory, { recursive: true });
      const fd = fs.openSync(path.join(directory, fileName(id)), 'wx');
      writeAround(fd, bytes, gaps);
      setAttrs(fd, given);
      fs.closeSync(fd);
    }
  }

  image(name, objects) {
    const { id, share, striping, snapshots, parent } = IMAGES[name];
    const pick = random(name.length * 7919 + objects);
    const clones = snapshots && name !== 'base' ? [SNAP] : [];
    for (let i = 0; i < objects; i++) {
      if (pick(1000) >= share * 1000) continue;
      const object = `rbd_data.${id}.${i.toString(16).padStart(16, '0')}`;
      const { bytes, gaps } = content(pick, i);
      const older = clones.map((snap) => ({ snap, ...content(pick, i + 1) }));
      const set = older.map(({ snap, bytes: b }) => ({ id: snap, size: b.length }));
      this.put({ name: object }, bytes, gaps, (info) => ({
        _: objectInfo(info),
        snapset: snapSet(set),
      }));
      for (const clone of older) {
        const info = (about) => ({ _: objectInfo({ ...about, snaps: [clone.snap] }) });
        this.put({ name: object, snap: clone.snap }, clone.bytes, clone.gaps, info);
      }
    }
    const size = objects * OBJECT;
    const above = parent && { pool: POOL, id: IMAGES[parent].id, snap: SNAP, overlap: size };
    const omap = headerOmap({ id, size, striping, snapshots, parent: above });
    this.metadata.push({ name: `rbd_header.${id}`, omap });
  }

  directory(names) {
    const omap = {};
    for (const name of names) {
      omap[`id_${IMAGES[name].id}`] = string(name);
      omap[`name_${name}`] = string(IMAGES[name].id);
    }
    this.metadata.push({ name: 'rbd_directory', omap });
  }

  finishOsd(osd) {
    const directory = this.paths[osd];
    const write = (name, text) => fs.writeFileSync(path.join(directory, name), `${text}\n`);
    const fsid = `6c1f2a10-0000-4000-8000-${String(osd).padStart(12, '0')}`;
    write('whoami', osd);
    write('fsid', fsid);
    write('ceph_fsid', FSID);
    write('type', 'filestore');
    write('current/commit_op_seq', COMMITTED);
    fs.writeFileSync(
      path.join(directory, 'journal'),
      emptyJournal({ fsid, committed: COMMITTED, bytes: 1 << 20 }),
    );
    const pgs = Array.from({ length: PG_NUM }, (_, seed) => ({
      ...{ name: '', hash: seed, pool: POOL },
      omap: {
        _epoch: u32(42),
        _info: pgInfo({ pool: POOL, seed, version: this.version }),
        may_include_deletes_in_missing: Buffer.alloc(0),
      },
    }));
    const named = this.metadata.map((o) => ({ ...o, hash: this.hash(o.name), pool: POOL }));
    const own = [...pgs, ...named].filter(({ hash }) => osdsOf(hash, this.shape).includes(osd));
    for (const object of own) {
      const collection = path.join(
        directory,
        'current',
        `${POOL}.${(object.hash & (PG_NUM - 1)).toString(16)}_head`,
      );
      const at =
        object.name === '' ? collection : path.join(directory, 'current', folderOf(object.hash));
      fs.mkdirSync(at, { recursive: true });
      const fd = fs.openSync(collection, 'r');
      setXattr(fd, 'user.ceph.bits', u32(Math.log2(PG_NUM)));
      fs.closeSync(fd);
      const file = fs.openSync(path.join(at, fileName(object)), 'wx');
      if (object.name !== '')
        setAttrs(file, { _: objectInfo({ ...object, size: 0, version: 1 }), snapset: snapSet([]) });
      fs.closeSync(file);
    }
    writeLevelDb(path.join(directory, 'current/omap'), omapEntries(own));
  }
}

/** Files of data objects by image id, object number and `head` or clone id; of copies the first found. */
function objectFiles(paths) {
  const files = new Map();
  for (const osd of paths) {
    for (const entry of fs.readdirSync(path.join(osd, 'current'), { recursive: true })) {
      const [, id, number, snap] =
        /\\udata\.([0-9a-f]+)\.([0-9a-f]{16})__([a-z0-9]+)_/.exec(entry) ?? [];
      const key = `${id} ${parseInt(number, 16)} ${snap}`;
      if (id !== undefined && !files.has(key)) files.set(key, path.join(osd, 'current', entry));
    }
  }
  return files;
}

/** Which object serves number `i` of an image: id and `head` or clone id, in the order of trial. */
const SERVING = {
  plain: ['plain head'],
  striped: ['striped head'],
  child: ['child head', 'base head'],
  'snaps@s1': [`snaps ${SNAP}`],
};

/** @returns what the C copier must know of an image's stripes: bytes of a unit, and from one of an object to its next */
export function stripesOf(image) {
  const { unit, count } = IMAGES[image]?.striping ?? {};
  return unit && [unit, unit * count];
}

/** Where in the image object `number` begins. */
function beginOf(image, number) {
  const [unit, stride] = stripesOf(image) ?? [OBJECT, OBJECT];
  const count = stride / unit;
  return (number - (number % count)) * OBJECT + (number % count) * unit;
}

/** What the C copier is given: `IMAGE.list`, lines of OFFSET PATH. */
function writeLists(root, paths, objects) {
  const files = objectFiles(paths);
  for (const [image, serving] of Object.entries(SERVING)) {
    const count = objects[image.replace(/@.*/, '')] ?? 0;
    const lines = [];
    for (let i = 0; i < count; i++) {
      const keys = serving
        .map((from) => from.split(' '))
        .map(([of, snap]) => `${IMAGES[of].id} ${i} ${snap}`);
      const key = keys.find((k) => files.has(k));
      if (key !== undefined) lines.push(`${beginOf(image, i)} ${files.get(key)}\n`);
    }
    if (count > 0) fs.writeFileSync(path.join(root, `${image}.list`), lines.join(''));
  }
}

/**
 * Makes a tree unless it is there.
 * @param places directories for the OSDs, where they are not to be in one
 */
export async function makeImages(wanted = {}, places) {
  const { mib, osds, copies, images, others } = { ...DEFAULTS, ...wanted };
  const shape = `${mib}-${osds}x${copies}-${images.replaceAll(',', '+')}-${others}`;
  const root = path.join(WORK, `images-${shape}`);
  const paths = places ?? Array.from({ length: osds }, (_, i) => path.join(root, `osd.${i}`));
  const names = images.split(',');
  const objects = Object.fromEntries(names.map((name) => [name, objectsOf(name, { mib, others })]));
  const made = { root, paths, objects };
  const done = path.join(places === undefined ? root : paths[0], 'made.json');
  if (fs.existsSync(done)) return made;
  for (const directory of [root, ...paths]) fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(root, { recursive: true });
  for (const osd of paths) fs.mkdirSync(path.join(osd, 'current/meta'), { recursive: true });
  const { cephStrHashRjenkins } = await import('../dist/ceph/placement.js');
  const { cephCrc32c } = await import('../dist/bytes/crc32c.js');
  const hash = (name) => cephStrHashRjenkins(Buffer.from(name));
  const tree = new Tree({ osds, copies }, paths, { hash, crc: cephCrc32c });
  for (const name of names) tree.image(name, objects[name]);
  tree.directory(names);
  for (const osd of paths.keys()) tree.finishOsd(osd);
  writeLists(root, paths, objects);
  fs.writeFileSync(done, JSON.stringify({ mib, osds, copies, images, objects }));
  return made;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { root } = await makeImages(options(DEFAULTS));
  process.stdout.write(`${root}\n`);
}
