import { describe, expect, it, vi } from 'vitest';
import { sourceIoError } from '../../src/errors/salvage-error.ts';
import { type CopyJob, copyObjects } from '../../src/export/copy-objects.ts';
import { doneSoFar, startProgress } from '../../src/export/copy-progress.ts';
import type { ObjectRef, ObjectStoreReader, OpenObject } from '../../src/store/object-store.ts';
import { OBJECT_INFO_WHITEOUT } from '../ceph/samples.ts';

const MIB = 1 << 20;

/** An object in memory; what is not in `data` is a hole. */
interface Content {
  bytes: Buffer;
  data?: [start: number, end: number][];
  /** reads from here on fail */
  bad?: number;
  /** reads end here, whatever `bytes` has */
  short?: number;
}

function storeOf(objects: Record<string, Content>) {
  const reads: [position: number, length: number][] = [];
  let open = 0;
  const left: string[] = [];
  const store = {
    open(ref: ObjectRef): OpenObject {
      const name = Buffer.from(ref.id.name).toString();
      const content = objects[name];
      if (content === undefined)
        throw sourceIoError(`${name}: gone`, { path: name, errno: 'ENOENT' });
      open++;
      return {
        ...opened(name, content, reads, () => open--),
        leaveCache: () => left.push(name),
      };
    },
  } as unknown as ObjectStoreReader;
  return { store, reads, left, openObjects: () => open };
}

function opened(
  path: string,
  content: Content,
  reads: [number, number][],
  close: () => void,
): OpenObject {
  const { bytes, bad = Number.POSITIVE_INFINITY, short = bytes.length } = content;
  const ranges = content.data ?? [[0, bytes.length]];
  return {
    path,
    size: bytes.length,
    mtimeMs: 0,
    attr: () => undefined,
    read(target, position) {
      reads.push([position, target.length]);
      if (position + target.length > bad)
        throw sourceIoError(`${path}: bad sector`, { path, errno: 'EIO' });
      return Math.max(
        0,
        bytes.copy(target, 0, position, Math.min(position + target.length, short)),
      );
    },
    nextData(from, to) {
      for (const [start, end] of ranges) {
        if (from < to && end > from && start < to)
          return [Math.max(start, from), Math.min(end, to)];
      }
      return undefined;
    },
    close,
  };
}

const job = (name: string, pieces: number[], rest: Partial<CopyJob> = {}): CopyJob => ({
  ref: { id: { name: Buffer.from(name) } } as unknown as ObjectRef,
  ec: undefined,
  examine: false,
  salvage: false,
  size: undefined,
  digest: undefined,
  pieces,
  overwrite: false,
  lenient: false,
  ...rest,
});

/** Copies into memory that held 0xee before, from image offset 1000 on. */
function copied(objects: Record<string, Content>, jobs: CopyJob[], length = 64) {
  const buffer = new SharedArrayBuffer(length);
  const out = Buffer.from(buffer).fill(0xee);
  const fake = storeOf(objects);
  const results = copyObjects(fake.store, jobs, { kind: 'memory', buffer, base: 1000 });
  expect(fake.openObjects()).toBe(0);
  return { results, out, reads: fake.reads, left: fake.left };
}

const text = (out: Buffer) => out.toString('latin1').replaceAll('\xee', '.');
const nine = { bytes: Buffer.from('123456789') };
/** crc32c of "123456789" is e3069283 (RFC 3720); Ceph's is not inverted at the end. */
const NINE_DIGEST = ~0xe3069283 >>> 0;

describe('copyObjects', () => {
  it('leaves nothing in the page cache of what is read whole and for the last time', () => {
    const objects = { a: nine, b: nine, c: nine };
    const { left } = copied(objects, [
      job('a', [0, 9, 1000], { lastUse: true }),
      job('b', [0, 4, 1010], { lastUse: true }),
      job('c', [0, 9, 1020], { lastUse: false }),
    ]);
    expect(left).toEqual(['a']);
  });

  it('puts pieces of objects where they belong in the image', () => {
    const objects = { a: { bytes: Buffer.from('abcdef') }, b: { bytes: Buffer.from('uvwxyz') } };
    const jobs = [job('a', [0, 2, 1000, 2, 2, 1004]), job('b', [0, 2, 1002, 4, 2, 1006])];
    const { results, out } = copied(objects, jobs, 12);
    expect(text(out)).toBe('abuvcdyz....');
    expect(results).toEqual([
      { ok: true, read: 4, written: 4, bad: [] },
      { ok: true, read: 4, written: 4, bad: [] },
    ]);
  });

  it('reads stripe units that follow each other in the object as one, and no gaps', () => {
    const bytes = Buffer.from('abcdefghijklmnop');
    const { results, out, reads } = copied({ a: { bytes } }, [
      job('a', [0, 2, 1010, 2, 2, 1000, 4, 2, 1020, 9, 3, 1004, 12, 9, 1030]),
    ]);
    expect(text(out).slice(0, 40)).toBe('cd..jkl...ab........ef........mnop......');
    expect(reads).toEqual([
      [0, 6],
      [9, 7],
    ]);
    expect(results).toEqual([{ ok: true, read: 13, written: 13, bad: [] }]);
  });

  it('cuts pieces where a large read ends', () => {
    const bytes = Buffer.alloc(2 * MIB + 8192, 1);
    for (let i = 0; i < bytes.length; i += 4096) bytes.writeUInt32LE(i, i);
    // Units of 4096 + 512 that alternate between two halves of the image.
    const unit = 4608;
    const pieces: number[] = [];
    for (let at = 0, i = 0; at < bytes.length; at += unit, i++)
      pieces.push(at, unit, 1000 + (i % 2) * 2 * MIB + (i >> 1) * unit);
    const { out, results } = copied({ a: { bytes } }, [job('a', pieces)], 4 * MIB);
    for (let i = 0; i < pieces.length; i += 3) {
      const from = bytes.subarray(pieces[i]!, pieces[i]! + unit);
      const at = pieces[i + 2]! - 1000;
      expect(out.subarray(at, at + from.length).equals(from)).toBe(true);
    }
    expect(results[0]).toMatchObject({ read: bytes.length });
  });

  it('takes an object that ends within a piece, or before it', () => {
    const { results, out } = copied({ a: { bytes: Buffer.from('abc') } }, [
      job('a', [0, 8, 1000]),
      job('a', [2, 8, 1010]),
      job('a', [3, 8, 1020]),
      job('a', [50, 8, 1030]),
    ]);
    expect(text(out).slice(0, 32)).toBe('abc.......c.....................');
    expect(results.every(({ ok }) => ok)).toBe(true);
  });

  it('writes no zeros into an image that is empty, but all of them over another copy', () => {
    const bytes = Buffer.concat([Buffer.alloc(8192), Buffer.alloc(4096, 1)]);
    const fresh = copied({ a: { bytes } }, [job('a', [0, 20480, 1000])], 20480);
    expect(fresh.out.subarray(0, 4096 - 1000).every((byte) => byte === 0xee)).toBe(true);
    expect(fresh.results).toEqual([
      { ok: true, read: 12288, written: expect.any(Number), bad: [] },
    ]);
    const again = copied(
      { a: { bytes } },
      [job('a', [0, 20480, 1000], { overwrite: true })],
      20480 + 10,
    );
    expect(again.out.subarray(0, 8192).every((byte) => byte === 0)).toBe(true);
    expect(again.out.subarray(8192, 12288).every((byte) => byte === 1)).toBe(true);
    expect(again.out.subarray(12288, 20480).every((byte) => byte === 0)).toBe(true);
    expect(text(again.out.subarray(20480))).toBe('..........');
  });

  it('does not read holes', () => {
    const bytes = Buffer.alloc(3 * MIB);
    bytes.write('123456789', 2 * MIB);
    const { results, reads } = copied(
      { a: { bytes, data: [[2 * MIB, 2 * MIB + 4096]] } },
      [job('a', [0, 3 * MIB, 1000])],
      3 * MIB,
    );
    expect(results).toEqual([{ ok: true, read: 4096, written: expect.any(Number), bad: [] }]);
    expect(reads).toEqual([[2 * MIB, 4096]]);
  });

  it('checks the checksum that object_info vouches for', () => {
    const { results, out } = copied({ a: nine }, [job('a', [0, 9, 1000], { digest: NINE_DIGEST })]);
    expect(results).toEqual([{ ok: true, read: 9, written: 9, bad: [] }]);
    expect(text(out).slice(0, 10)).toBe('123456789.');
    // 32 bytes of zeros: 8a9136aa (RFC 3720)
    const zeros = { bytes: Buffer.alloc(32), data: [] };
    const digest = ~0x8a9136aa >>> 0;
    expect(copied({ a: zeros }, [job('a', [0, 32, 1000], { digest })]).results[0]!.ok).toBe(true);
    expect(
      copied({ a: { bytes: Buffer.alloc(0) } }, [job('a', [0, 9, 1000], { digest: 0xffffffff })])
        .results[0]!.ok,
    ).toBe(true);
  });

  it('refuses a copy that fails it, whole or in part, with both checksums', () => {
    for (const pieces of [
      [0, 9, 1000],
      [0, 4, 1000, 4, 5, 1020],
      [2, 3, 1000],
      [0, 4, 1000],
    ]) {
      const { results } = copied({ a: nine }, [job('a', pieces, { digest: 0xdeadbeef })]);
      expect(results).toEqual([
        { ok: false, failure: 'digest', reason: expect.stringMatching(/1cf96d7c.*deadbeef/) },
      ]);
    }
    expect(NINE_DIGEST.toString(16)).toBe('1cf96d7c');
  });

  it('checks all of an object of which the image wants a part', () => {
    const { results, out } = copied({ a: nine }, [job('a', [2, 3, 1000], { digest: NINE_DIGEST })]);
    expect(results).toEqual([{ ok: true, read: 3, written: 3, bad: [] }]);
    expect(text(out).slice(0, 5)).toBe('345..');
  });

  it('refuses a copy of another size than object_info says, before it writes', () => {
    for (const size of [8, 10, 0]) {
      const { results, out } = copied({ a: nine }, [job('a', [0, 16, 1000], { size })]);
      expect(results).toEqual([
        {
          ok: false,
          failure: 'size',
          reason: expect.stringContaining(`9 bytes, object_info says ${size}`),
        },
      ]);
      expect(text(out)).toMatch(/^\.+$/);
    }
  });

  it('takes such a copy where it is the last resort, no more of it than object_info says', () => {
    const lenient = { lenient: true, digest: 0xdeadbeef };
    const longer = copied({ a: nine }, [job('a', [0, 16, 1000], { ...lenient, size: 4 })]);
    expect(longer.results[0]!.ok).toBe(true);
    expect(text(longer.out).slice(0, 6)).toBe('1234..');
    const shorter = copied({ a: nine }, [job('a', [0, 16, 1000], { ...lenient, size: 12 })]);
    expect(text(shorter.out).slice(0, 13)).toBe('123456789....');
  });

  it('reports a copy that cannot be opened or read, and goes on with the next job', () => {
    const objects = { bad: { bytes: Buffer.alloc(3 * MIB, 7), bad: 2 * MIB + 5 }, a: nine };
    const { results, out } = copied(
      objects,
      [
        job('gone', [0, 9, 1000]),
        job('bad', [0, 3 * MIB, 1000]),
        job('a', [0, 9, 1000 + 3 * MIB], { digest: NINE_DIGEST }),
      ],
      3 * MIB + 9,
    );
    expect(results).toEqual([
      { ok: false, failure: 'unreadable', reason: expect.stringContaining('gone') },
      { ok: false, failure: 'unreadable', reason: expect.stringContaining('bad sector') },
      { ok: true, read: 9, written: 9, bad: [] },
    ]);
    expect(text(out.subarray(3 * MIB))).toBe('123456789');
  });

  it('ends where a store has data behind the piece, even if it says so of nothing', () => {
    const { store } = storeOf({ a: nine });
    let calls = 0;
    const careless = {
      open(ref: ObjectRef): OpenObject {
        const nextData = (from: number, to: number): [number, number] => {
          if (calls++ > 100) throw new Error('asked without end');
          return [from, to];
        };
        return { ...store.open(ref), nextData };
      },
    } as unknown as ObjectStoreReader;
    const target = { kind: 'memory', buffer: new SharedArrayBuffer(4), base: 0 } as const;
    expect(copyObjects(careless, [job('a', [0, 4, 0])], target)).toEqual([
      { ok: true, read: 4, written: 4, bad: [] },
    ]);
  });

  it('does not take a read that ends early for the end of the object', () => {
    const { results } = copied({ a: { ...nine, short: 5 } }, [job('a', [0, 9, 1000])]);
    expect(results).toEqual([
      { ok: false, failure: 'unreadable', reason: expect.stringContaining('ends at 5, not 9') },
    ]);
  });

  it('ends at once where the destination fails', () => {
    const { store } = storeOf({ a: nine });
    const target = { kind: 'file', path: '/dev/full' } as const;
    expect(() => copyObjects(store, [job('a', [0, 9, 0])], target)).toThrow(
      expect.objectContaining({
        code: 'DESTINATION',
        data: expect.objectContaining({ errno: 'ENOSPC' }),
      }),
    );
  });

  it('does not hide a bug behind a report', () => {
    const store = {
      open() {
        throw new TypeError('x is not a function');
      },
    } as unknown as ObjectStoreReader;
    const target = { kind: 'memory', buffer: new SharedArrayBuffer(1), base: 0 } as const;
    expect(() => copyObjects(store, [job('a', [0, 1, 0])], target)).toThrow(TypeError);
  });

  it('shows which of them are done while others are still to come', () => {
    const shown: number[][] = [];
    const progress = startProgress(5);
    const show = () => [0, 1, 2, 3, 4].filter((i) => doneSoFar(progress, i) !== undefined);
    const { store } = storeOf({ a: nine, b: nine, c: { ...nine, short: 5 } });
    const telling = {
      open(ref: ObjectRef): OpenObject {
        shown.push(show());
        return store.open(ref);
      },
    } as unknown as ObjectStoreReader;
    const jobs = ['a', 'gone', 'c', 'c', 'b'].map((name, i) => job(name, [0, 9, i * 9]));
    // What can be had of a copy is not all of it.
    jobs[3] = { ...jobs[3]!, salvage: true };
    const target = { kind: 'memory', buffer: new SharedArrayBuffer(45), base: 0 } as const;
    const results = copyObjects(telling, jobs, target, { progress });
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, true, true]);
    expect([...shown, show()]).toEqual([[], [0], [0], [0], [0], [0, 4]]);
    expect(doneSoFar(progress, 4)).toEqual(results[4]);
  });

  it('leaves nothing of an earlier try where an object turns out not to exist', () => {
    const { store } = storeOf({ a: nine });
    const whiteout = {
      open: (ref: ObjectRef): OpenObject => ({
        ...store.open(ref),
        attr: () => OBJECT_INFO_WHITEOUT,
      }),
    } as unknown as ObjectStoreReader;
    const left = (overwrite: boolean) => {
      const buffer = new SharedArrayBuffer(12);
      const out = Buffer.from(buffer).fill('x');
      const jobs = [job('a', [0, 9, 2], { examine: true, overwrite })];
      const target = { kind: 'memory', buffer, base: 0 } as const;
      expect(copyObjects(whiteout, jobs, target)).toMatchObject([{ failure: 'whiteout' }]);
      return out.toString('latin1').replaceAll('\0', '.');
    };
    expect(left(true)).toBe('xx.........x');
    expect(left(false)).toBe('xxxxxxxxxxxx');
  });

  it('hands back what it does not come to in time, but does at least one', () => {
    const { store, openObjects } = storeOf({ a: nine, b: nine, c: nine });
    const opened: string[] = [];
    const slow = {
      open(ref: ObjectRef): OpenObject {
        vi.advanceTimersByTime(600);
        opened.push(Buffer.from(ref.id.name).toString());
        return store.open(ref);
      },
    } as unknown as ObjectStoreReader;
    const jobs = ['a', 'b', 'c'].map((name, i) => job(name, [0, 9, i * 9]));
    const target = { kind: 'memory', buffer: new SharedArrayBuffer(27), base: 0 } as const;
    vi.useFakeTimers();
    try {
      expect(copyObjects(slow, jobs, target)).toHaveLength(2);
      expect(opened.splice(0)).toEqual(['a', 'b']);
      // The next one has been opened by then.
      expect(copyObjects(slow, jobs, target, { readAhead: true })).toHaveLength(2);
      expect(opened).toEqual(['a', 'b']);
    } finally {
      vi.useRealTimers();
    }
    expect(openObjects()).toBe(0);
  });

  it('has the next object read ahead while one is copied, and closes it whatever happens', () => {
    const told: string[] = [];
    const { store, openObjects } = storeOf({ a: nine, b: nine, c: nine });
    const telling = {
      open(ref: ObjectRef): OpenObject {
        const name = Buffer.from(ref.id.name).toString();
        const object = store.open(ref);
        const read: OpenObject['read'] = (target, position) => {
          told.push(`read ${name}`);
          return object.read(target, position);
        };
        return { ...object, read, readAhead: () => told.push(`ahead ${name}`) };
      },
    } as unknown as ObjectStoreReader;
    const jobs = ['a', 'gone', 'b', 'c'].map((name, i) => job(name, [0, 9, i * 9]));
    const target = { kind: 'memory', buffer: new SharedArrayBuffer(36), base: 0 } as const;
    const results = copyObjects(telling, jobs, target, { readAhead: true });
    expect(results.map(({ ok }) => ok)).toEqual([true, false, true, true]);
    expect(told).toEqual(['read a', 'ahead b', 'ahead c', 'read b', 'read c']);
    expect(openObjects()).toBe(0);
    const full = { kind: 'file', path: '/dev/full' } as const;
    expect(() => copyObjects(telling, [jobs[0]!, jobs[2]!], full, { readAhead: true })).toThrow(
      /ENOSPC/,
    );
    expect(openObjects()).toBe(0);
  });
});
