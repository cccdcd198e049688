import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CopyJob, copyObjects } from '../../src/export/copy-objects.ts';
import { openObjectStore } from '../../src/store/open-object-store.ts';
import { workDirectory } from '../helpers/fixtures.ts';

/** What the kernel counts for this thread: the same on every machine, however busy it is. */

const MIB = 1 << 20;
const OBJECT = 4 * MIB;
const work = workDirectory();
afterAll(work.dispose);

interface Io {
  reads: number;
  writes: number;
  bytesRead: number;
  bytesWritten: number;
}

function ioOfThread(): Io {
  const text = readFileSync('/proc/thread-self/io', 'latin1');
  const field = (name: string) => Number(new RegExp(`${name}: (\\d+)`).exec(text)![1]);
  return {
    ...{ reads: field('syscr'), writes: field('syscw') },
    ...{ bytesRead: field('rchar'), bytesWritten: field('wchar') },
  };
}

const minus = (a: Io, b: Io): Io => ({
  ...{ reads: a.reads - b.reads, writes: a.writes - b.writes },
  ...{ bytesRead: a.bytesRead - b.bytesRead, bytesWritten: a.bytesWritten - b.bytesWritten },
});

/** What `run` did, less what looking costs. */
function ioOnce(run: () => void): Io {
  ioOfThread();
  const [first, second] = [ioOfThread(), ioOfThread()];
  run();
  return minus(minus(ioOfThread(), second), minus(second, first));
}

/** The median of some times: Node wakes other threads by a write now and then. */
function ioOf(run: () => void): Io {
  const all = Array.from({ length: 5 }, () => ioOnce(run));
  const usual = (field: keyof Io) => all.map((io) => io[field]).sort((a, b) => a - b)[2]!;
  return {
    ...{ reads: usual('reads'), writes: usual('writes') },
    ...{ bytesRead: usual('bytesRead'), bytesWritten: usual('bytesWritten') },
  };
}

const directory = path.join(work.path, 'current', '2.0_head');
mkdirSync(directory, { recursive: true });
const location = {
  kind: 'filestore' as const,
  path: work.path,
  dataPath: path.join(work.path, 'current'),
};
const image = path.join(work.path, 'image');

function jobFor(name: string, pieces: number[]): CopyJob {
  const id = { name: Buffer.from(name) };
  const ref = { id, directory: Buffer.from('2.0_head'), fileName: Buffer.from(name) };
  return {
    ...{ ref: ref as unknown as CopyJob['ref'], ec: undefined, examine: false, salvage: false },
    ...{ size: OBJECT, digest: undefined, pieces, overwrite: false, lenient: false },
  };
}

/** Copies one object and checks what came of it. */
function copied(name: string, bytes: Buffer, pieces: number[]): Io {
  const store = openObjectStore(location, () => {});
  writeFileSync(image, '');
  const io = ioOf(() => {
    const [result] = copyObjects(store, [jobFor(name, pieces)], { kind: 'file', path: image });
    expect(result).toMatchObject({ ok: true });
  });
  const out = readFileSync(image);
  for (let i = 0; i < pieces.length; i += 3) {
    const from = bytes.subarray(pieces[i]!, pieces[i]! + pieces[i + 1]!);
    const to = out.subarray(pieces[i + 2]!, pieces[i + 2]! + from.length);
    const rest = from.subarray(to.length);
    expect(from.subarray(0, to.length).equals(to) && rest.every((byte) => byte === 0)).toBe(true);
  }
  store.close();
  return io;
}

const full = Buffer.alloc(OBJECT, 0x5a);

describe.runIf(existsSync('/proc/thread-self/io'))('reads and writes of an object of 4 MiB', () => {
  it('are one of each for a MiB', () => {
    writeFileSync(path.join(directory, 'full'), full);
    const io = copied('full', full, [0, OBJECT, 0]);
    expect(io).toEqual({ reads: 4, writes: 4, bytesRead: OBJECT, bytesWritten: OBJECT });
  });

  it('leave out holes, and do not write zeros', () => {
    const fd = openSync(path.join(directory, 'sparse'), 'w');
    writeSync(fd, full, 0, MIB, 0);
    writeSync(fd, Buffer.alloc(MIB), 0, MIB, MIB);
    writeSync(fd, full, 0, MIB, 3 * MIB);
    closeSync(fd);
    const bytes = readFileSync(path.join(directory, 'sparse'));
    const io = copied('sparse', bytes, [0, OBJECT, 0]);
    expect(io).toEqual({ reads: 3, writes: 2, bytesRead: 3 * MIB, bytesWritten: 2 * MIB });
  });

  it('are no more reads where stripe units of it lie all over the image', () => {
    const unit = 65536;
    const units = OBJECT / unit;
    const pieces = Array.from({ length: units }, (_, i) => [i * unit, unit, i * 8 * unit]).flat();
    const io = copied('full', full, pieces);
    expect(io).toEqual({ reads: 4, writes: units, bytesRead: OBJECT, bytesWritten: OBJECT });
  });
});
