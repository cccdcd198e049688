import { execFileSync } from 'node:child_process';
import {
  constants,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type * as Lister from '../../src/io/dir-lister.ts';
import { native } from '../../src/io/native.ts';
import { workDirectory } from '../helpers/fixtures.ts';

const work = workDirectory();
const many = path.join(work.path, 'many');
const odd = path.join(work.path, 'odd');

beforeAll(() => {
  mkdirSync(many);
  for (let i = 0; i < 3000; i++) writeFileSync(path.join(many, `${'n'.repeat(i % 250)}${i}`), '');
  mkdirSync(odd);
  for (const name of ['a', 'ab', '.hidden', 'x'.repeat(255)])
    writeFileSync(path.join(odd, name), '');
  writeFileSync(Buffer.concat([Buffer.from(`${odd}/`), Buffer.of(0xff, 0x0a, 0xc3)]), '');
  mkdirSync(path.join(odd, 'directory'));
  symlinkSync('nowhere', path.join(odd, 'link'));
  execFileSync('mkfifo', [path.join(odd, 'pipe')]);
});
afterAll(work.dispose);
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  vi.resetModules();
});

/** The instance that a lister loaded after it uses. */
const freshNative = () => import('../../src/io/native.ts');

async function lister(withoutNative: boolean): Promise<typeof Lister> {
  if (withoutNative) vi.stubEnv('RBD_SALVAGE_NO_NATIVE', '1');
  return import('../../src/io/dir-lister.ts');
}

describe.each([
  ['through getdents64', false],
  ['without native calls', true],
])('%s', (_, withoutNative) => {
  it('gives every name once, bytes unchanged, and its type', async () => {
    const { listDirectory, DT_DIR, DT_LNK, DT_REG } = await lister(withoutNative);
    const found = new Map<string, number>();
    listDirectory(Buffer.from(odd), (buffer, start, end, type) => {
      found.set(Buffer.from(buffer.subarray(start, end)).toString('latin1'), type);
    });
    expect(found.get('pipe')).toBe(1);
    found.delete('pipe');
    expect(found).toEqual(
      new Map([
        ...[
          ['a', DT_REG],
          ['ab', DT_REG],
          ['.hidden', DT_REG],
          ['x'.repeat(255), DT_REG],
        ],
        ...[
          ['\xff\n\xc3', DT_REG],
          ['directory', DT_DIR],
          ['link', DT_LNK],
        ],
      ] as [string, number][]),
    );
  });

  it('lists more than one buffer holds', async () => {
    const { listDirectory } = await lister(withoutNative);
    let names = 0;
    let length = 0;
    listDirectory(Buffer.from(many), (_buffer, start, end) => {
      names++;
      length += end - start;
    });
    const lengths = Array.from({ length: 3000 }, (_, i) => (i % 250) + String(i).length);
    expect([names, length]).toEqual([3000, lengths.reduce((a, b) => a + b)]);
  });

  it('gives the stamp that stat gives, which a new file changes', async () => {
    const { listDirectory } = await lister(withoutNative);
    const { directoryStamp } = await import('../../src/io/directory.ts');
    const changing = path.join(work.path, `changing-${withoutNative}`);
    mkdirSync(changing);
    const before = listDirectory(Buffer.from(changing), () => {});
    expect(directoryStamp(Buffer.from(changing))).toEqual(before);
    await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(path.join(changing, 'new'), '');
    expect(directoryStamp(Buffer.from(changing))).not.toEqual(before);
  });

  it('says what cannot be listed', async () => {
    const { listDirectory } = await lister(withoutNative);
    const errno = (name: string) => {
      try {
        listDirectory(Buffer.from(path.join(odd, name)), () => {});
      } catch (error) {
        return (error as { code: string; data: { errno: string } }).data.errno;
      }
      return undefined;
    };
    expect([errno('gone'), errno('a'), errno('pipe')]).toEqual(['ENOENT', 'ENOTDIR', 'ENOTDIR']);
  });
});

describe('whole listings without native calls', () => {
  /** How many names fit into what they are put into, 1 KiB for each. */
  const ROOM = 8;

  it.each([0, 1, ROOM - 1, ROOM, ROOM + 1, 2 * ROOM, 2 * ROOM + 1])(
    'of %i names have each once, and a NUL behind it',
    async (n) => {
      const { listWhole } = await lister(true);
      const place = path.join(work.path, `whole-${n}`);
      mkdirSync(place);
      const names = Array.from({ length: n }, (_, i) => `n${i}`);
      for (const name of names) writeFileSync(path.join(place, name), '');
      const buffer = Buffer.alloc(ROOM * 1024);
      const pieces: string[] = [];
      listWhole(Buffer.from(place), {
        target: () => buffer,
        taken: (bytes, plain) => {
          expect(plain).toBe(true);
          pieces.push(buffer.toString('latin1', 0, bytes));
        },
      });
      expect(pieces).toHaveLength(Math.ceil(n / ROOM));
      for (const piece of pieces) expect(piece).toMatch(/^(n\d+\0)+$/);
      expect(pieces.join('').split('\0').slice(0, -1).sort()).toEqual(names.sort());
    },
  );
});

describe.skipIf(native === undefined)('through native calls', () => {
  /** What is open of directories; the rest of the process opens and closes too. */
  const open = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(work.path);
      } catch {
        return false;
      }
    });

  it('closes what it has opened, whatever happens', async () => {
    const { listDirectory, listWhole } = await lister(false);
    listDirectory(Buffer.from(odd), () => expect(open()).toHaveLength(1));
    const failing = () => {
      throw new RangeError('mine');
    };
    expect(() => listDirectory(Buffer.from(odd), failing)).toThrow('mine');
    const target = () => Buffer.alloc(65536);
    expect(() => listWhole(Buffer.from(odd), { target, taken: failing })).toThrow('mine');
    expect(open()).toEqual([]);
  });

  it('takes the stamp another way where statx is forbidden', async () => {
    const { native } = await freshNative();
    const { listDirectory } = await lister(false);
    const expected = listDirectory(Buffer.from(odd), () => {});
    const forbidden = vi.spyOn(native!, 'statx').mockReturnValue(-38);
    expect(listDirectory(Buffer.from(odd), () => {})).toEqual(expected);
    expect(forbidden).toHaveBeenCalledOnce();
  });

  it('asks without O_NOATIME where that is not allowed', async () => {
    const { native } = await freshNative();
    const { listDirectory } = await lister(false);
    const open = native!.open.bind(native);
    const asked = vi.spyOn(native!, 'open').mockImplementation((path, flags) => {
      return flags & constants.O_NOATIME ? -1 : open(path, flags);
    });
    let names = 0;
    listDirectory(Buffer.from(odd), () => names++);
    expect([names, asked.mock.calls.length]).toEqual([8, 2]);
  });

  it('takes no part of a path for all of it', async () => {
    const { listDirectory } = await lister(false);
    expect(() => listDirectory(Buffer.from(`${odd}\0x`), () => {})).toThrow('EINVAL');
  });

  it('says that a path is too long', async () => {
    const { listDirectory } = await lister(false);
    const long = Buffer.from(`${odd}/${'directory/../'.repeat(400)}`);
    expect(() => listDirectory(long, () => {})).toThrow('ENAMETOOLONG');
  });
});

it('passes on what the callback throws', async () => {
  const { listDirectory } = await lister(false);
  const thrown = () =>
    listDirectory(Buffer.from(odd), () => {
      throw new RangeError('mine');
    });
  expect(thrown).toThrow('mine');
});
