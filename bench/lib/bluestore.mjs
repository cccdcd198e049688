import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import { logFile } from './leveldb.mjs';

/** Writes a BlueStore device with as many objects as wanted: docs/formats/bluestore.md, kv.md. */

const FSID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const OSD = Buffer.from('0f0e0d0c0b0a09080706050403020100', 'hex');
const BLOCK = 4096;
const OBJECT = 4 << 20;
const BLOB = 64 << 10;
const PG_BITS = 7;
const POOL = 2;
const FAMILIES = ['default', 'O-0', 'O-1', 'O-2'];
const TABLE_BYTES = 64 << 20;
/** Room for a table: it ends with its last block and its index. */
const TABLE_ROOM = TABLE_BYTES + (4 << 20);
const RESTART_INTERVAL = 16;

/** `_` of a 4 MiB object and an empty `snapset`, as Ceph 16.2 wrote them. */
const OBJECT_INFO = Buffer.from(
  '11081f01000004034700000000000000260000007262645f646174612e3130326234326139633138362e303030303030' +
    '30303030303030303062feffffffffffffffc03968f20000000000020000000000000006031c0000000200000000000000' +
    'ffffffff0000000000000000ffffffffffffffff00000000dd0000000000000033000000d90000000000000033000000' +
    '020215000000082b10000000000000f7060000000000000000000000004000000000004be0006b685192070202150000' +
    '00000000000000000000000000000000000000000000000000000000000000000000dd00000000000000000000000000' +
    '000000040000004be0006b4a90a107ffffffffffffffff0000400000000000000040000000000000000000',
  'hex',
);
const SNAPSET = Buffer.from(
  '03021d0000000000000000000000010000000000000000000000000000000000000000',
  'hex',
);

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

const onode = (nid, shards, rest) => {
  const attrs = [u32(2), blob('_'), blob(OBJECT_INFO), blob('snapset'), blob(SNAPSET)];
  const list = shards.flatMap(({ offset, bytes }) => [varint(offset), varint(bytes)]);
  const fields = [
    varint(nid),
    varint(OBJECT),
    ...attrs,
    u8(0),
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

/** name, number, size and place of a file in BlueFS, as operations of its log */
function fileOps(name, ino, size, offset) {
  const length = Math.ceil(size / BLOB) * BLOB;
  const extent = framed(1, 1, lba(offset), lowz(length), u8(1));
  const node = framed(1, 1, varint(ino), varint(size), Buffer.alloc(9), u32(1), extent);
  return [u8(8), node, u8(4), blob('db'), blob(name), u64(ino)];
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

export const objectName = (image, no) =>
  `rbd_data.${(0x10000 + image).toString(16)}.${no.toString(16).padStart(16, '0')}`;

/**
 * @param onodes objects of 4 MiB, 256 to an image or as many as have data, each with a record and a shard of its extent map
 * @param dataObjects how many of image 0 have data (the same 4 KiB again and again)
 */
export function makeDevice(file, { onodes, dataObjects }) {
  if (onodes < dataObjects) throw new Error('more objects with data than objects');
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
  for (let i = 0; i < onodes; i++) {
    const image = i % images;
    const no = Math.floor(i / images);
    const key = onodeKey(Math.floor((i * 2 ** 32) / onodes), objectName(image, no));
    const family = objects[Math.floor((i * 2 ** 11) / onodes) % objects.length];
    const hasData = image === 0 && no < dataObjects;
    if (hasData) {
      const at = dataAt + no * OBJECT;
      fs.writeSync(fd, page, 0, page.length, at);
      family.add(key, onode(i + 1, [], blob(extentMap(at, OBJECT / BLOB, checksum))));
      continue;
    }
    family.add(key, onode(i + 1, [{ offset: 0, bytes: shard.length }], Buffer.alloc(0)));
    family.add(Buffer.concat([key, start, Buffer.from('x')]), shard);
  }
  const size = dataAt + dataObjects * OBJECT;
  writeRest(device, [main, ...objects], size);
  fs.ftruncateSync(fd, size);
  fs.closeSync(fd);
  const tables = [main, ...objects].flatMap((family) => family.tables);
  return { databaseBytes: tables.reduce((sum, { writer }) => sum + writer.size, 0), dataAt };
}

function writeRest(device, families, size) {
  const { fd } = device;
  const ops = [u8(1), u8(6), blob('db')];
  let ino = 2;
  const put = (name, bytes) => {
    const { offset } = device.room();
    fs.writeSync(fd, bytes, 0, bytes.length, offset);
    ops.push(...fileOps(name, ino++, bytes.length, offset));
  };
  const edits = [];
  for (const [id, family] of families.entries()) {
    family.finish();
    const about = [varint(200), varint(id)];
    if (id > 0) edits.push(Buffer.concat([...about, varint(201), sized(FAMILIES[id])]));
    const files = family.tables.flatMap(({ number, offset, writer }) => {
      ops.push(...fileOps(`${String(number).padStart(6, '0')}.sst`, ino++, writer.size, offset));
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
