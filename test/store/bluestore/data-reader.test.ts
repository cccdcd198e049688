import { describe, expect, it } from 'vitest';
import { crc32cInJavaScript } from '../../../src/bytes/crc32c-table.ts';
import { crc32cZeros } from '../../../src/bytes/crc32c-zeros.ts';
import type { Blob, BlobChecksums } from '../../../src/store/bluestore/blob.ts';
import { CHECKSUM, isAlike, verifyRanges } from '../../../src/store/bluestore/checksum.ts';
import { DataReader } from '../../../src/store/bluestore/data-reader.ts';
import { DeferredOverlay } from '../../../src/store/bluestore/deferred.ts';
import type { BlobExtent } from '../../../src/store/bluestore/extent-map.ts';
import { UNALLOCATED } from '../../../src/store/bluestore/packed-numbers.ts';
import { verdict } from '../../ceph/damage.ts';
import { concat, hex } from '../../helpers/hex.ts';
import { MemoryDevice } from './memory-device.ts';
import { COMPRESSED } from './samples.ts';

const CHUNK = 4096;

/** Of 4096 zeros, and of "123456789": as the formats define them. */
const OF_ZEROS = {
  crc32c: hex('76be0667'),
  xxhash32: hex('5f77bc2a'),
  xxhash64: hex('03114493931269f4'),
  crc32c_16: hex('76be'),
  crc32c_8: hex('76'),
};

const checksums = (values: Uint8Array, type: number = CHECKSUM.crc32c) => ({
  type,
  order: 12,
  values,
});

const verifyChunks = (own: BlobChecksums, bytes: Uint8Array, offset: number) =>
  verifyRanges([{ checksums: own, offset, length: bytes.length }], bytes);

const blob = (pieces: Blob['pieces'], over: Partial<Blob> = {}): Blob => ({
  pieces,
  length: pieces.reduce((sum, { length }) => sum + length, 0),
  checksums: undefined,
  compressed: undefined,
  ...over,
});

const extent = (offset: number, length: number, of: Blob, blobOffset = 0): BlobExtent => ({
  offset,
  length,
  blob: of,
  blobOffset,
});

/** A device whose every 4 KiB hold their own number. */
function numbered(chunks: number): MemoryDevice {
  const device = new MemoryDevice(chunks * CHUNK);
  for (let i = 0; i < chunks; i++) device.bytes.fill(i + 1, i * CHUNK, (i + 1) * CHUNK);
  return device;
}

function read(
  device: MemoryDevice,
  extents: BlobExtent[],
  from: number,
  length: number,
  { overlay = new DeferredOverlay(), verify = true } = {},
): Buffer {
  const out = Buffer.alloc(length, 0xee);
  new DataReader(() => ({ device, overlay, verify })).read(extents, out, from);
  return out;
}

describe('checksums', () => {
  it.each([
    ['crc32c', '7c6df91c'],
    ['xxhash32', '11220c50'],
    ['xxhash64', 'bddc2dc970f1f152'],
    ['crc32c_16', '7c6d'],
    ['crc32c_8', '7c'],
  ] as const)('%s', (name, values) => {
    const nine = Buffer.from('123456789');
    const type = CHECKSUM[name];
    expect(verifyChunks({ type, order: 12, values: hex(values) }, nine, 0)).toBeUndefined();
    const wrong = hex(values);
    wrong[0]! ^= 1;
    expect(verifyChunks({ type, order: 12, values: wrong }, nine, 0)).toMatchObject({ offset: 0 });
    const zeros = new Uint8Array(CHUNK);
    expect(verifyChunks(checksums(OF_ZEROS[name], type), zeros, 0)).toBeUndefined();
  });

  it('names the chunk that is wrong, and one that has no value', () => {
    const values = concat(OF_ZEROS.crc32c, hex('00000000'));
    const bytes = new Uint8Array(2 * CHUNK);
    expect(verifyChunks(checksums(values), bytes, 0)?.offset).toBe(CHUNK);
    expect(verifyChunks(checksums(values), bytes, 4 * CHUNK)?.reason).toContain('no crc32c');
    expect(verdict(() => verifyChunks(checksums(values, 9), bytes, 0), bytes)).toBe('UNSUPPORTED');
  });
});

describe('checksums of many chunks', () => {
  const MANY = 20;
  const bytes = Buffer.alloc(MANY * CHUNK);
  for (let i = 0; i < bytes.length; i += 4)
    bytes.writeUInt32LE(Math.imul(i + 1, 0x9e3779b1) >>> 0, i);
  const crcOf = (chunk: Uint8Array) => ~crc32cInJavaScript(chunk) >>> 0;
  const values = Buffer.alloc(4 * MANY);
  for (let i = 0; i < MANY; i++)
    values.writeUInt32LE(crcOf(bytes.subarray(i * CHUNK, (i + 1) * CHUNK)), 4 * i);

  it('are right where all are, from the beginning of a blob or from within', () => {
    expect(verifyChunks(checksums(values), bytes, 0)).toBeUndefined();
    const later = bytes.subarray(8 * CHUNK);
    expect(verifyChunks(checksums(values), later, 8 * CHUNK)).toBeUndefined();
    expect(verifyChunks(checksums(values), later, 7 * CHUNK)?.offset).toBe(7 * CHUNK);
  });

  it('name the one that is wrong, and the first of several', () => {
    for (let i = 0; i < MANY; i++) {
      bytes[i * CHUNK + 77]! ^= 4;
      expect(verifyChunks(checksums(values), bytes, 0)?.offset).toBe(i * CHUNK);
      if (i > 3) {
        bytes[3 * CHUNK]! ^= 1;
        expect(verifyChunks(checksums(values), bytes, 0)?.offset).toBe(3 * CHUNK);
        bytes[3 * CHUNK]! ^= 1;
      }
      bytes[i * CHUNK + 77]! ^= 4;
      const wrong = Buffer.from(values);
      wrong[4 * i + 3]! ^= 0x80;
      expect(verifyChunks(checksums(wrong), bytes, 0)?.offset).toBe(i * CHUNK);
    }
  });

  it('are wrong where two have changed places', () => {
    const swapped = Buffer.from(bytes);
    bytes.copy(swapped, 5 * CHUNK, 6 * CHUNK, 7 * CHUNK);
    bytes.copy(swapped, 6 * CHUNK, 5 * CHUNK, 6 * CHUNK);
    expect(verifyChunks(checksums(values), swapped, 0)?.offset).toBe(5 * CHUNK);
  });

  it('are not right where values are missing', () => {
    const short = checksums(values.subarray(0, -1));
    expect(verifyChunks(short, bytes, 0)).toMatchObject({ offset: (MANY - 1) * CHUNK });
  });
});

describe('blobs that follow each other', () => {
  const BLOBS = 5;
  const EACH = 16;
  const device = new MemoryDevice(BLOBS * EACH * CHUNK);
  for (let i = 0; i < device.bytes.length; i += 4)
    device.bytes.writeUInt32LE(Math.imul(i + 1, 0x9e3779b1) >>> 0, i);
  const valuesOf = (first: number, chunks: number) => {
    const values = Buffer.alloc(4 * chunks);
    for (let i = 0; i < chunks; i++) {
      const chunk = device.bytes.subarray((first + i) * CHUNK, (first + i + 1) * CHUNK);
      values.writeUInt32LE(~crc32cInJavaScript(chunk) >>> 0, 4 * i);
    }
    return values;
  };
  const whole = (i: number) =>
    blob([{ offset: i * EACH * CHUNK, length: EACH * CHUNK }], {
      checksums: checksums(valuesOf(i * EACH, EACH)),
    });
  const extents = Array.from({ length: BLOBS }, (_, i) =>
    extent(i * EACH * CHUNK, EACH * CHUNK, whole(i)),
  );
  const everything = () => read(device, extents, 0, BLOBS * EACH * CHUNK);

  it('are read and checked together, from wherever they are read', () => {
    expect(everything()).toEqual(device.bytes);
    const part = read(device, extents, 3 * CHUNK, 70 * CHUNK);
    expect(part).toEqual(device.bytes.subarray(3 * CHUNK, 73 * CHUNK));
  });

  it('have one checksum for all: errors that cancel out there are those that it misses', () => {
    const [a, b] = [0, 1].map((i) => Buffer.from(valuesOf(i * EACH, EACH)));
    const error = 0x1234567;
    a!.writeUInt32LE((a!.readUInt32LE(4 * (EACH - 1)) ^ error) >>> 0, 4 * (EACH - 1));
    b!.writeUInt32LE((b!.readUInt32LE() ^ crc32cZeros(error, CHUNK)) >>> 0);
    const withValues = (i: number, values: Uint8Array) => ({
      ...extents[i]!,
      blob: { ...extents[i]!.blob, checksums: checksums(values) },
    });
    const both = [withValues(0, a!), withValues(1, b!)];
    expect(read(device, both, 0, 2 * EACH * CHUNK)).toEqual(
      device.bytes.subarray(0, 2 * EACH * CHUNK),
    );
    expect(() => read(device, both, 0, EACH * CHUNK)).toThrow(/crc32c is/);
  });

  it('are no neighbours where they only seem so, in memory of their own', () => {
    // Of the first only a part is wanted: its chunk is read elsewhere, and ends where the next one goes.
    const first = { ...extents[0]!, length: CHUNK - 96 };
    const next = { ...extents[0]!, offset: CHUNK, length: 15 * CHUNK, blobOffset: CHUNK };
    const out = read(device, [first, next], 0, EACH * CHUNK);
    expect(out.subarray(0, CHUNK - 96)).toEqual(device.bytes.subarray(0, CHUNK - 96));
    expect(out.subarray(CHUNK - 96, CHUNK)).toEqual(Buffer.alloc(96));
    expect(out.subarray(CHUNK)).toEqual(device.bytes.subarray(CHUNK, EACH * CHUNK));
  });

  it.each([
    ['chunks', { ...checksums(hex('')), order: 13 }],
    ['types', checksums(hex(''), CHECKSUM.crc32c_16)],
  ])('are not alike where %s differ', (_, other) => {
    const own = checksums(hex(''));
    expect([isAlike(own, own), isAlike(own, other), isAlike(other, own)]).toEqual([
      ...[true, false, false],
    ]);
    expect(
      isAlike(checksums(hex(''), CHECKSUM.xxhash32), checksums(hex(''), CHECKSUM.xxhash32)),
    ).toBe(false);
  });

  it('name the chunk that is wrong, whichever blob has it', () => {
    for (const chunk of [0, 15, 16, 47, 79]) {
      device.bytes[chunk * CHUNK + 99]! ^= 2;
      expect(everything).toThrow(
        expect.objectContaining({
          code: 'CORRUPT',
          data: expect.objectContaining({ offset: chunk * CHUNK }),
        }),
      );
      device.bytes[chunk * CHUNK + 99]! ^= 2;
    }
  });

  it('are found to have changed places', () => {
    const swapped = [...extents];
    swapped[1] = { ...extents[1]!, blob: extents[2]!.blob };
    swapped[2] = { ...extents[2]!, blob: extents[1]!.blob };
    const out = read(device, swapped, 0, BLOBS * EACH * CHUNK);
    expect(out.subarray(EACH * CHUNK, 2 * EACH * CHUNK)).toEqual(
      device.bytes.subarray(2 * EACH * CHUNK, 3 * EACH * CHUNK),
    );
    const [, b, c] = extents;
    const mixed = { ...b!.blob, pieces: c!.blob.pieces };
    const wrong = [extents[0]!, { ...b!, blob: mixed }, ...extents.slice(2)];
    expect(() => read(device, wrong, 0, BLOBS * EACH * CHUNK)).toThrow(/crc32c is/);
  });

  it('are checked apart where their chunks or checksums differ', () => {
    const plain = { ...extents[1]!, blob: { ...extents[1]!.blob, checksums: undefined } };
    const other = {
      ...extents[3]!,
      blob: { ...extents[3]!.blob, checksums: { ...checksums(hex('00')), type: 9 } },
    };
    const mixed = [extents[0]!, plain, extents[2]!];
    expect(read(device, mixed, 0, 3 * EACH * CHUNK)).toEqual(
      device.bytes.subarray(0, 3 * EACH * CHUNK),
    );
    const unknown = [...extents.slice(0, 3), other, extents[4]!];
    expect(() => read(device, unknown, 0, BLOBS * EACH * CHUNK)).toThrow(/checksum type 9/);
  });
});

describe('reading data', () => {
  it('assembles pieces of several blobs; what nothing covers is zeros', () => {
    const a = blob([
      { offset: 2 * CHUNK, length: CHUNK },
      { offset: 5 * CHUNK, length: CHUNK },
    ]);
    const b = blob([{ offset: 7 * CHUNK, length: CHUNK }]);
    const extents = [extent(0, 2 * CHUNK, a), extent(3 * CHUNK, 100, b, 50)];
    const out = read(numbered(8), extents, 0, 4 * CHUNK);
    expect([out[0], out[CHUNK], out[2 * CHUNK], out[3 * CHUNK]]).toEqual([3, 6, 0, 8]);
    expect([out[3 * CHUNK + 99], out[3 * CHUNK + 100], out.at(-1)]).toEqual([8, 0, 0]);
  });

  it('reads what is adjacent on the device at once, in device order', () => {
    const device = numbered(8);
    const a = blob([{ offset: 4 * CHUNK, length: 2 * CHUNK }]);
    const b = blob([{ offset: 6 * CHUNK, length: CHUNK }]);
    const c = blob([{ offset: 0, length: CHUNK }]);
    const extents = [
      extent(0, 2 * CHUNK, a),
      extent(2 * CHUNK, CHUNK, b),
      extent(3 * CHUNK, CHUNK, c),
    ];
    const out = read(device, extents, 0, 4 * CHUNK);
    expect(device.reads).toEqual([
      [0, CHUNK],
      [4 * CHUNK, 3 * CHUNK],
    ]);
    expect([0, 1, 2, 3].map((i) => out[i * CHUNK])).toEqual([5, 6, 7, 1]);
  });

  it('checks whole chunks even where only a few bytes are wanted', () => {
    const device = new MemoryDevice(4 * CHUNK);
    const good = blob([{ offset: CHUNK, length: CHUNK }], {
      checksums: checksums(OF_ZEROS.crc32c),
    });
    expect(read(device, [extent(0, 10, good, 100)], 2, 5)).toEqual(Buffer.alloc(5));
    expect(device.reads).toEqual([[CHUNK, CHUNK]]);
    device.bytes[2 * CHUNK - 1] = 1;
    const fails = () => read(device, [extent(0, 10, good, 100)], 2, 5);
    expect(fails).toThrow(
      expect.objectContaining({
        code: 'CORRUPT',
        data: expect.objectContaining({ path: '/dev/test', offset: CHUNK }),
      }),
    );
    expect(read(device, [extent(0, 10, good, 100)], 2, 5, { verify: false })).toEqual(
      Buffer.alloc(5),
    );
  });

  it('skips the checksums of pieces without a place', () => {
    const values = concat(hex('00000000 00000000'), OF_ZEROS.crc32c);
    const pieces = [
      { offset: UNALLOCATED, length: 2 * CHUNK },
      { offset: 0, length: CHUNK },
    ];
    const holed = blob(pieces, { checksums: checksums(values) });
    const out = read(new MemoryDevice(CHUNK), [extent(0, 3 * CHUNK, holed)], 0, 3 * CHUNK);
    expect(out).toEqual(Buffer.alloc(3 * CHUNK));
  });

  it('lays deferred writes over the device before it checks', () => {
    const device = numbered(2);
    const overlay = new DeferredOverlay();
    overlay.addOlder({ pieces: [{ offset: CHUNK, length: CHUNK }], data: Buffer.alloc(CHUNK) });
    const one = blob([{ offset: CHUNK, length: CHUNK }], { checksums: checksums(OF_ZEROS.crc32c) });
    expect(read(device, [extent(0, CHUNK, one)], 0, CHUNK, { overlay })).toEqual(
      Buffer.alloc(CHUNK),
    );
    expect(() => read(device, [extent(0, CHUNK, one)], 0, CHUNK)).toThrow(/crc32c is/);
  });

  it('decompresses a blob once for all reads of an object', () => {
    const { length, bytes } = COMPRESSED.lz4;
    const device = new MemoryDevice(CHUNK).put(0, bytes);
    const compressed = { logical: length, stored: bytes.length };
    const packed = blob([{ offset: 0, length: CHUNK }], { compressed });
    const reader = new DataReader(() => ({
      device,
      overlay: new DeferredOverlay(),
      verify: true,
    }));
    const out = Buffer.alloc(16, 0xee);
    reader.read([extent(0, 8192, packed)], out, 0);
    reader.read([extent(0, 8192, packed)], out, 5000);
    expect(out).toEqual(Buffer.alloc(16));
    expect(device.reads.length).toBe(1);
  });

  it('checks compressed blobs before it decompresses them, padding included', () => {
    const { length, bytes } = COMPRESSED.zlib;
    const device = new MemoryDevice(CHUNK).put(0, bytes);
    const packed = blob([{ offset: 0, length: CHUNK }], {
      compressed: { logical: length, stored: bytes.length },
      checksums: checksums(OF_ZEROS.crc32c),
    });
    expect(() => read(device, [extent(0, 8192, packed)], 0, 16)).toThrow(/crc32c is/);
  });

  it.each([
    ['an extent beyond its blob', blob([{ offset: 0, length: CHUNK }]), CHUNK, 'CORRUPT'],
    ['a piece beyond the device', blob([{ offset: 1 << 30, length: CHUNK }]), 0, 'SOURCE_IO'],
  ])('reports %s', (_, one, blobOffset, code) => {
    const work = () => read(new MemoryDevice(CHUNK), [extent(0, CHUNK, one, blobOffset)], 0, CHUNK);
    expect(work).toThrow(expect.objectContaining({ code }));
  });
});
