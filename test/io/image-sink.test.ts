import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { openSink } from '../../src/io/image-sink.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'rbd-salvage-sink-'));
afterAll(() => rmSync(directory, { recursive: true }));
const file = path.join(directory, 'out');

/** The same ranges, with and without fallocate: edges on and off blocks, sectors and buffers. */
const RANGES: [number, number][] = [
  [0, 0],
  [0, 1],
  [0, 4096],
  [4096, 4096],
  [1, 4094],
  [4095, 2],
  [4095, 4098],
  [100, 1_000_000],
  [8192, 2_500_000],
  [2_999_999, 1],
  [0, 3_000_000],
];

function zeroed([from, length]: [number, number]): Buffer {
  const bytes = Buffer.alloc(3_000_000, 0xff);
  bytes.fill(0, from, from + length);
  return bytes;
}

describe('a file as target', () => {
  it('gets part of a buffer where it belongs, beyond its end too', () => {
    writeFileSync(file, 'abcdef');
    const sink = openSink({ kind: 'file', path: file });
    sink.write(Buffer.from('0123456789'), 3, 5, 1);
    sink.write(Buffer.from('xyz'), 0, 3, 8);
    sink.write(Buffer.from('none'), 2, 2, 0);
    sink.close();
    expect(readFileSync(file).toString('latin1')).toBe('a34def\0\0xyz');
  });

  it.each(RANGES)('is zeroed from %i for %i bytes and nowhere else, its size kept', (...range) => {
    writeFileSync(file, Buffer.alloc(3_000_000, 0xff));
    const sink = openSink({ kind: 'file', path: file });
    sink.zero(...range);
    sink.close();
    expect(readFileSync(file).equals(zeroed(range))).toBe(true);
  });

  it.each(RANGES)(
    'is zeroed by writing from %i for %i bytes without native calls',
    async (...range) => {
      vi.stubEnv('RBD_SALVAGE_NO_NATIVE', '1');
      vi.resetModules();
      try {
        const plain = await import('../../src/io/image-sink.ts');
        expect((await import('../../src/io/native.ts')).native).toBeUndefined();
        writeFileSync(file, Buffer.alloc(3_000_000, 0xff));
        const sink = plain.openSink({ kind: 'file', path: file });
        sink.zero(...range);
        sink.close();
        expect(readFileSync(file).equals(zeroed(range))).toBe(true);
      } finally {
        vi.unstubAllEnvs();
        vi.resetModules();
      }
    },
  );

  it('gives its blocks back where it is zeroed', () => {
    writeFileSync(file, Buffer.alloc(1 << 20, 0xff));
    const sink = openSink({ kind: 'file', path: file });
    sink.zero(0, 1 << 20);
    sink.close();
    expect(statSync(file).size).toBe(1 << 20);
    expect(statSync(file).blocks).toBe(0);
  });

  it('is not made where it is not there', () => {
    const missing = path.join(directory, 'missing');
    expect(() => openSink({ kind: 'file', path: missing })).toThrow(
      expect.objectContaining({ code: 'DESTINATION', data: { path: missing, errno: 'ENOENT' } }),
    );
  });

  it('reports a device that is full', () => {
    const sink = openSink({ kind: 'file', path: '/dev/full' });
    expect(() => sink.write(Buffer.from('x'), 0, 1, 0)).toThrow(
      expect.objectContaining({
        code: 'DESTINATION',
        data: { path: '/dev/full', errno: 'ENOSPC' },
      }),
    );
    sink.close();
  });

  it('takes offsets beyond 4 GiB', () => {
    const fd = openSync(file, 'w');
    ftruncateSync(fd, 2 ** 33);
    closeSync(fd);
    const sink = openSink({ kind: 'file', path: file });
    sink.write(Buffer.from('far'), 0, 3, 2 ** 33 - 3);
    sink.zero(2 ** 32, 2 ** 32 - 3);
    sink.close();
    const check = openSync(file, 'r');
    expect(statSync(file).size).toBe(2 ** 33);
    closeSync(check);
    expect(statSync(file).blocks).toBeLessThan(64);
  });
});

describe('shared memory as target', () => {
  it('gets its bytes relative to the image offset that it begins at', () => {
    const buffer = new SharedArrayBuffer(8);
    const sink = openSink({ kind: 'memory', buffer, base: 2 ** 40 });
    sink.write(Buffer.from('abcdef'), 1, 4, 2 ** 40 + 2);
    sink.write(Buffer.from('zz'), 0, 2, 2 ** 40 + 6);
    sink.zero(2 ** 40 + 3, 1);
    sink.close();
    expect(Buffer.from(new Uint8Array(buffer)).toString('latin1')).toBe('\0\0b\0d\0zz');
  });
});
