import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import { headerOmap, objectInfo, pgInfo, snapSet } from './ceph-objects.mjs';
import { logFile } from './leveldb.mjs';

/** Writes a BlueStore device with as many objects as wanted: docs/formats/bluestore.md, kv.md. */

const FSID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const OSD = Buffer.from('0f0e0d0c0b0a09080706050403020100', 'hex');
const BLOCK = 4096;
const OBJECT = 4 << 20;
const BLOB = 64 << 10;
const PG_BITS = 7;
/** Reversed hashes that are of one PG. */
const PG_SPAN = 2 ** (32 - PG_BITS);
const POOL = 2;
const FAMILIES = ['default', 'O-0', 'O-1', 'O-2'];
const SHARDING = 'O(3,0-13)';
/** Each PG has some, and room for a header between two. */
const MIN_ONODES = 1000;
/** What of an object's key tells its family: shard, pool and hash. */
const KEY_HEAD = 13;
const TABLE_BYTES = 64 << 20;
/** Room for a table: it ends with its last block and its index. */
const TABLE_ROOM = TABLE_BYTES + (4 << 20);
const RESTART_INTERVAL = 16;

const num = (bytes, n) => {
  const b = Buffer.alloc(bytes);
  if (bytes === 8) b.writeBigUInt64LE(BigInt(n));
  else b.writeUIntLE(n, 0, bytes);
  return b;
};
const u8 = (n) => num(1, n);
const u32 = (n) => num(4, n);
const u64 = (n) => num(8, n);
const blob = (bytes) => Buffer.concat([u32(bytes.length), Buffer.from(bytes)]);
const framed = (v, c, ...parts) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u8(v), u8(c), u32(body.length), body]);
};
function varint(n) {
  const bytes = [];
  for (; n > 0x7f; n = Math.floor(n / 128)) bytes.push((n % 128) | 0x80);
  return Buffer.from([...bytes, n]);
}
/** A multiple of 4 KiB. */
const lowz = (n) => varint((n / 4096) * 4 + 3);
/** A multiple of 4 KiB below 4 TiB. */
const lba = (n) => u32(n / 2048);
const sized = (bytes) => Buffer.concat([varint(bytes.length), Buffer.from(bytes)]);
const cephCrc = (bytes) => ~crc32c(bytes) >>> 0;
const masked = (bytes) => {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** One table, written block by block. */
class TableWriter {
  #out;
  #block = Buffer.allocUnsafe(64 << 10);
  #used = 0;
  #restarts = [];
  #count = 0;
  #last = Buffer.alloc(0);
  #index = [];
  size = 0;
  smallest;

  constructor(write) {
    this.#out = write;
  }

  get largest() {
    return this.#last;
  }

  add(key, value) {
    this.smallest ??= Buffer.from(key);
    let shared = 0;
    if (this.#count % RESTART_INTERVAL === 0) this.#restarts.push(this.#used);
    else {
      const limit = Math.min(key.length, this.#last.length);
      while (shared < limit && key[shared] === this.#last[shared]) shared++;
    }
    const head = Buffer.concat([varint(shared), varint(key.length - shared), varint(value.length)]);
    for (const part of [head, key.subarray(shared), value]) {
      part.copy(this.#block, this.#used);
      this.#used += part.length;
    }
    this.#last = Buffer.from(key);
    this.#count++;
    if (this.#used >= BLOCK) this.#flush();
  }

  #put(bytes) {
    const handle = Buffer.concat([varint(this.size), varint(bytes.length)]);
    const typed = Buffer.concat([bytes, u8(0)]);
    this.#out(Buffer.concat([typed, u32(masked(typed))]), this.size);
    this.size += bytes.length + 5;
    return handle;
  }

  #flush() {
    if (this.#used === 0) return;
    const ends = [...this.#restarts, this.#restarts.length].map(u32);
    const bytes = Buffer.concat([this.#block.subarray(0, this.#used), ...ends]);
    this.#index.push([this.#last, this.#put(bytes)]);
    this.#used = 0;
    this.#restarts = [];
    this.#count = 0;
  }

  finish() {
    this.#flush();
    const restarts = [];
    let at = 0;
    const entries = this.#index.map(([key, handle]) => {
      restarts.push(u32(at));
      const entry = Buffer.concat([
        varint(0),
        varint(key.length),
        varint(handle.length),
        key,
        handle,
      ]);
      at += entry.length;
      return entry;
    });
    const index = this.#put(Buffer.concat([...entries, ...restarts, u32(restarts.length)]));
    const meta = this.#put(Buffer.concat([u32(0), u32(1)]));
    const handles = Buffer.concat([u8(1), meta, index]);
    const footer = Buffer.concat([
      handles,
      Buffer.alloc(41 - handles.length),
      u32(2),
      Buffer.from('f7cff485b741e288', 'hex'),
    ]);
    this.#out(footer, this.size);
    this.size += footer.length;
    // There are many tables: only their ends and sizes are asked for later.
    this.#index = [];
    this.#block = undefined;
  }
}

/** The tables of one column family. */
class Family {
  tables = [];
  #current;
  #device;

  constructor(device) {
    this.#device = device;
  }

  add(key, value) {
    const full = this.#current !== undefined && this.#current.writer.size > TABLE_BYTES;
    if (full) this.finish();
    if (this.#current === undefined) {
      const { number, offset } = this.#device.room();
      const writer = new TableWriter((bytes, at) =>
        fs.writeSync(this.#device.fd, bytes, 0, bytes.length, offset + at),
      );
      this.#current = { number, offset, writer };
    }
    // sequence 0, as compaction leaves it; type 1: a value
    this.#current.writer.add(Buffer.concat([key, u64(1)]), value);
  }

  finish() {
    if (this.#current === undefined) return;
    this.#current.writer.finish();
    this.tables.push(this.#current);
    this.#current = undefined;
  }
}

function onodeKey(reversedHash, name) {
  const key = Buffer.alloc(13 + 1 + name.length + 2 + 17);
  key[0] = 0x7f;
  key.writeBigUInt64BE(2n ** 63n + BigInt(POOL), 1);
  key.writeUInt32BE(reversedHash, 9);
  key[13] = 0x21;
  key.write(name, 14, 'latin1');
  let at = 14 + name.length;
  key[at++] = 0x21;
  key[at++] = 0x3d;
  key.writeBigUInt64BE(2n ** 64n - 2n, at);
  key.fill(0xff, at + 8, at + 16);
  key[at + 16] = 0x6f;
  return key;
}

/** The version of every object, and of the PGs that hold them. */
const VERSION = 1000;
const NO_SNAPSET = snapSet([]);
/** bluestore_onode_t::flags: omap, and where it lies */
const OMAP = { none: 0, pgMeta: 1 | 2, perPg: 1 | 8 };

const attrsOf = (name, hash, size) => ({
  _: objectInfo({ name, hash, pool: POOL, size, version: VERSION }),
  snapset: NO_SNAPSET,
});

const NOTHING = Buffer.alloc(0);
const u32be = (n) => u32(n).swap32();
const u64be = (n) => u64(n).swap64();
/** Numbers of their onodes; those of objects are above. */
const pgNid = (place) => 1 + place;
const headerNid = (image) => 1000 + image;

const onode = ({ nid, size, attrs, flags = OMAP.none, shards = [], rest = NOTHING }) => {
  const pairs = Object.entries(attrs).flatMap((pair) => pair.map(blob));
  const list = shards.flatMap(({ offset, bytes }) => [varint(offset), varint(bytes)]);
  const fields = [
    varint(nid),
    varint(size),
    u32(pairs.length / 2),
    ...pairs,
    u8(flags),
    u32(shards.length),
    ...list,
    varint(0),
    varint(0),
    varint(0),
  ];
  return Buffer.concat([framed(1, 1, ...fields), Buffer.from([2, 0]), rest]);
};

/** An extent map of whole blobs that follow each other on the device. */
function extentMap(deviceOffset, blobs, checksum) {
  const extents = [];
  for (let i = 0; i < blobs; i++) {
    // contiguous, at the blob's beginning; the first says the length
    extents.push(varint(i === 0 ? 3 : 7), ...(i === 0 ? [lowz(BLOB)] : []));
    extents.push(varint(1), lba(deviceOffset + i * BLOB), lowz(BLOB), varint(4));
    extents.push(u8(4), u8(12), sized(Buffer.concat(Array(BLOB / BLOCK).fill(checksum))));
  }
  return Buffer.concat([u8(2), varint(blobs), ...extents]);
}

/** Omap of PGs and headers: `pgs` of them, `headers` by image with their reversed hash, ascending. */
function addOmap(family, { pgs, headers, size, reverseBits32 }) {
  const put = (head, omap) => {
    for (const key of Object.keys(omap).sort())
      family.add(Buffer.concat([head, Buffer.from(`.${key}`)]), omap[key]);
  };
  for (let place = 0; place < pgs; place++) {
    const seed = reverseBits32(place * PG_SPAN);
    const omap = {
      _epoch: u32(42),
      _info: pgInfo({ pool: POOL, seed, version: VERSION }),
      may_include_deletes_in_missing: NOTHING,
    };
    put(Buffer.concat([Buffer.from('P\0'), u64be(pgNid(place))]), omap);
  }
  for (const [image, reversedHash] of headers) {
    const place = [u64be(POOL), u32be(reversedHash), u64be(headerNid(image))];
    put(Buffer.concat([Buffer.from('p\0'), ...place]), headerOmap({ id: imageId(image), size }));
  }
}

/** name, number, size and place of a file in BlueFS, as operations of its log */
function fileOps(directory, name, ino, size, offset) {
  const length = Math.ceil(size / BLOB) * BLOB;
  const extent = framed(1, 1, lba(offset), lowz(length), u8(1));
  const node = framed(1, 1, varint(ino), varint(size), Buffer.alloc(9), u32(1), extent);
  return [u8(8), node, u8(4), blob(directory), blob(name), u64(ino)];
}

function label(size) {
  const text = '0f0e0d0c-0b0a-0908-0706-050403020100';
  const meta = [
    ['whoami', '0'],
    ['ceph_fsid', '00000000-0000-0000-0000-000000000001'],
  ];
  const map = [u32(meta.length), ...meta.flatMap((pair) => pair.map(blob))];
  const body = framed(2, 1, OSD, u64(size), Buffer.alloc(8), blob('main'), ...map);
  const bytes = Buffer.concat([Buffer.from(`bluestore block device\n${text}\n`), body]);
  return Buffer.concat([bytes, u32(cephCrc(bytes))]);
}

const LOG_AT = 8192;
const LOG_BYTES = 4 << 20;
const FILES_AT = 16 << 20;

const imageId = (image) => (0x10000 + image).toString(16);
const objectName = (image, no) => `rbd_data.${imageId(image)}.${no.toString(16).padStart(16, '0')}`;

/**
 * @param onodes objects of 4 MiB, 256 to an image or as many as have data, each with a record and a shard of its extent map
 * @param dataObjects how many of image 0 have data (the same 4 KiB again and again)
 * @param hash Ceph's string hash
 * @param reverseBits32 of an object's hash, for its key
 */
export function makeDevice(file, { onodes, dataObjects, hash, reverseBits32 }) {
  if (onodes < dataObjects) throw new Error('more objects with data than objects');
  if (onodes < MIN_ONODES) throw new Error(`fewer than ${MIN_ONODES} objects`);
  const fd = fs.openSync(file, 'w');
  let next = FILES_AT;
  let number = 10;
  const device = {
    fd,
    room() {
      const offset = next;
      next += TABLE_ROOM;
      return { number: number++, offset };
    },
  };
  const dataAt = FILES_AT + Math.ceil((onodes * 1100) / TABLE_BYTES + 4) * 2 * TABLE_ROOM;
  const pattern = randomBytes(BLOCK);
  const checksum = u32(cephCrc(pattern));
  const page = Buffer.concat(Array(OBJECT / BLOCK).fill(pattern));
  const [main, ...objects] = FAMILIES.map(() => new Family(device));
  const collections = Array.from(
    { length: 1 << PG_BITS },
    (_, i) => `${POOL}.${i.toString(16)}_head`,
  );
  for (const name of collections.sort())
    main.add(Buffer.from(`C\0${name}`), framed(1, 1, u32(PG_BITS)));
  const shard = extentMap(dataAt, 5, checksum).subarray(0, 452);
  // Image 0 has its objects evenly among the others.
  // Rounded down, so that image 0 has that many.
  const images = Math.max(1, Math.floor(onodes / Math.max(256, dataObjects)));
  const start = u32(0);
  const headers = new Map();
  const add = (reversedHash, name, record) => {
    const key = onodeKey(reversedHash, name);
    const family = objects[hash(key, 0, KEY_HEAD) % objects.length];
    family.add(key, onode(record));
    return (suffix, value) => family.add(Buffer.concat([key, suffix]), value);
  };
  const spacing = Math.floor(onodes / images);
  for (let i = 0, nid = onodes, pgs = 0; i < onodes; i++) {
    const reversedHash = Math.floor((i * 2 ** 32) / onodes);
    // Names of PGs are empty: they come first of their hash. Headers lie between two objects.
    for (; pgs * PG_SPAN <= reversedHash; pgs++) {
      const pg = { nid: pgNid(pgs), size: 0, attrs: {}, flags: OMAP.pgMeta };
      add(pgs * PG_SPAN, '', pg);
    }
    if (i % spacing === 1 && headers.size < images) {
      const about = headers.size;
      const name = `rbd_header.${imageId(about)}`;
      const attrs = attrsOf(name, reverseBits32(reversedHash - 1), 0);
      add(reversedHash - 1, name, { nid: headerNid(about), size: 0, attrs, flags: OMAP.perPg });
      headers.set(about, reversedHash - 1);
    }
    const image = i % images;
    const no = Math.floor(i / images);
    const name = objectName(image, no);
    const hasData = image === 0 && no < dataObjects;
    const record = {
      nid: ++nid,
      size: OBJECT,
      attrs: attrsOf(name, reverseBits32(reversedHash), OBJECT),
    };
    if (hasData) {
      const at = dataAt + no * OBJECT;
      fs.writeSync(fd, page, 0, page.length, at);
      add(reversedHash, name, { ...record, rest: blob(extentMap(at, OBJECT / BLOB, checksum)) });
      continue;
    }
    const also = add(reversedHash, name, {
      ...record,
      shards: [{ offset: 0, bytes: shard.length }],
    });
    also(Buffer.concat([start, Buffer.from('x')]), shard);
  }
  addOmap(main, {
    pgs: collections.length,
    headers,
    reverseBits32,
    size: (dataObjects || Math.floor(onodes / images)) * OBJECT,
  });
  const size = dataAt + dataObjects * OBJECT;
  writeRest(device, [main, ...objects], size);
  fs.ftruncateSync(fd, size);
  fs.closeSync(fd);
  const tables = [main, ...objects].flatMap((family) => family.tables);
  return { databaseBytes: tables.reduce((sum, { writer }) => sum + writer.size, 0), dataAt };
}

function writeRest(device, families, size) {
  const { fd } = device;
  const ops = [u8(1), u8(6), blob('db'), u8(6), blob('sharding')];
  let ino = 2;
  const put = (name, bytes, directory = 'db') => {
    const { offset } = device.room();
    fs.writeSync(fd, bytes, 0, bytes.length, offset);
    ops.push(...fileOps(directory, name, ino++, bytes.length, offset));
  };
  const edits = [];
  for (const [id, family] of families.entries()) {
    family.finish();
    const about = [varint(200), varint(id)];
    if (id > 0) edits.push(Buffer.concat([...about, varint(201), sized(FAMILIES[id])]));
    const files = family.tables.flatMap(({ number, offset, writer }) => {
      ops.push(
        ...fileOps('db', `${String(number).padStart(6, '0')}.sst`, ino++, writer.size, offset),
      );
      const keys = [sized(writer.smallest), sized(writer.largest)];
      return [
        varint(103),
        varint(6),
        varint(number),
        varint(writer.size),
        ...keys,
        varint(0),
        varint(0),
        varint(1),
      ];
    });
    edits.push(Buffer.concat([...about, varint(2), varint(0), ...files]));
  }
  const first = Buffer.concat([
    varint(2),
    varint(6),
    varint(1),
    sized('leveldb.BytewiseComparator'),
    varint(3),
    varint(100000),
    varint(4),
    varint(1),
  ]);
  put('MANIFEST-000005', logFile([first, ...edits]));
  put('000006.log', logFile([Buffer.concat([u64(1), u32(0)])]));
  put('CURRENT', Buffer.from('MANIFEST-000005\n'));
  put('def', Buffer.from(SHARDING), 'sharding');
  const bytes = Buffer.concat(ops);
  const transaction = framed(1, 1, FSID, u64(1), blob(bytes), u32(cephCrc(bytes)));
  fs.writeSync(fd, transaction, 0, transaction.length, LOG_AT);
  const log = framed(
    1,
    1,
    varint(1),
    varint(0),
    Buffer.alloc(9),
    u32(1),
    framed(1, 1, lba(LOG_AT), lowz(LOG_BYTES), u8(1)),
  );
  const layout = Buffer.concat([u8(1), framed(1, 1, u32(1), u8(0), u8(0))]);
  const superblock = framed(2, 1, FSID, OSD, u64(1), u32(BLOCK), log, layout);
  fs.writeSync(
    fd,
    Buffer.concat([superblock, u32(cephCrc(superblock))]),
    0,
    superblock.length + 4,
    4096,
  );
  const head = label(size);
  fs.writeSync(fd, head, 0, head.length, 0);
}
