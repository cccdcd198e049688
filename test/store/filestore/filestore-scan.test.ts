import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { listCollections } from '../../../src/store/filestore/filestore-scan.ts';
import { fixtureOsds, workDirectory } from '../../helpers/fixtures.ts';
import { setXattr } from '../../helpers/xattrs.ts';
import { scanned } from './collecting-sink.ts';

const work = workDirectory();
afterAll(work.dispose);

let current = '';
let serial = 0;
beforeEach(() => {
  current = path.join(work.path, `current-${serial++}`);
  mkdirSync(current);
});

const data = (n: number, hash: string) =>
  `rbd\\udata.1.${n.toString(16).padStart(16, '0')}__head_${hash}__2`;

function touch(...names: string[]): void {
  for (const name of names) {
    mkdirSync(path.dirname(path.join(current, name)), { recursive: true });
    writeFileSync(path.join(current, name), '');
  }
}

describe('collections', () => {
  it('are meta and those of PGs, shards included, and no temporary ones', () => {
    for (const name of [
      '2.c_head',
      '4.1s1_head',
      '2.c_TEMP',
      'meta',
      'omap',
      '2.G_head',
      'x2.c_head',
    ]) {
      mkdirSync(path.join(current, name));
    }
    touch('commit_op_seq', '3.0_head');
    expect(listCollections(current).sort()).toEqual(['2.c_head', '4.1s1_head', 'meta']);
    expect(listCollections(current)[0]).toBe('meta');
  });

  it('may be links to where they were put back', () => {
    mkdirSync(path.join(work.path, 'elsewhere'));
    symlinkSync('../elsewhere', path.join(current, '2.c_head'));
    expect(listCollections(current)).toEqual(['2.c_head']);
  });
});

describe('index directories', () => {
  it('are walked at every depth, identity coming from names alone', () => {
    touch(`2.c_head/DIR_C/${data(1, '0000000C')}`, `2.c_head/DIR_C/DIR_0/${data(2, '0000000C')}`);
    touch('2.c_head/__head_0000000C__2', '2.c_head/DIR_C/\\dfoo__head_0000000C__2');
    const { sink, damage } = scanned(current, '2.c_head');
    expect(damage).toEqual([]);
    expect(sink.objects).toEqual(['', data(1, '0000000C'), data(2, '0000000C')].sort());
    expect(sink.units.map(({ path: p, others }) => [p, others])).toEqual([
      ['2.c_head', 0],
      ['2.c_head/DIR_C', 1],
      ['2.c_head/DIR_C/DIR_0', 0],
    ]);
  });

  it('deeper than a hash is long are reported, and what is above them is read', () => {
    const deepest = `2.c_head/${Array(8).fill('DIR_0').join('/')}`;
    touch(`${deepest}/${data(1, '00000000')}`, `${deepest}/DIR_0/${data(2, '00000000')}`);
    const { sink, damage } = scanned(current, '2.c_head');
    expect(sink.objects).toEqual([data(1, '00000000')]);
    expect(damage).toMatchObject([{ path: path.join(current, deepest) }]);
  });

  it('that are links are not followed, but reported', () => {
    touch(`2.c_head/${data(1, '00000000')}`);
    symlinkSync('.', path.join(current, '2.c_head/DIR_0'));
    symlinkSync('..', path.join(current, '2.c_head/DIR_1'));
    const { sink, damage } = scanned(current, '2.c_head');
    expect(sink.objects).toEqual([data(1, '00000000')]);
    expect(damage).toHaveLength(2);
  });

  it('with names that are not UTF-8 are read', () => {
    mkdirSync(path.join(current, '2.c_head'));
    const odd = Buffer.concat([Buffer.from(`${current}/2.c_head/DIR_`), Buffer.of(0xff, 0xe4)]);
    mkdirSync(odd);
    writeFileSync(Buffer.concat([odd, Buffer.from(`/${data(1, '00000000')}`)]), '');
    const { sink, damage } = scanned(current, '2.c_head');
    expect(damage).toEqual([]);
    expect(sink.objects).toEqual([data(1, '00000000')]);
    expect(sink.units[1]!.path).toBe('2.c_head/DIR_\xff\xe4');
  });

  it('that are not there are reported with their path', () => {
    const { sink, damage } = scanned(current, '2.c_head');
    expect(sink.units).toMatchObject([{ path: '2.c_head', readable: false }]);
    expect(damage).toMatchObject([{ path: path.join(current, '2.c_head') }]);
    expect(damage[0]!.reason).toContain('ENOENT');
  });
});

describe.skipIf(process.getuid?.() === 0)('a directory without permission', () => {
  it('is reported, and the others are read', () => {
    touch(`2.c_head/DIR_0/${data(1, '00000000')}`, `2.c_head/DIR_1/${data(2, '00000000')}`);
    chmodSync(path.join(current, '2.c_head/DIR_0'), 0);
    const { sink, damage } = scanned(current, '2.c_head');
    chmodSync(path.join(current, '2.c_head/DIR_0'), 0o755);
    expect(sink.objects).toEqual([data(2, '00000000')]);
    expect(damage).toHaveLength(1);
  });
});

describe('files', () => {
  it('without an object’s name are reported one by one', () => {
    touch('2.c_head/lost+found', '2.c_head/core', `2.c_head/${data(1, '00000000')}`);
    const { sink, damage } = scanned(current, '2.c_head');
    expect(sink.objects).toHaveLength(1);
    expect(damage.map((d) => path.basename(d.path)).sort()).toEqual(['core', 'lost+found']);
  });

  it('that are pipes or directories are no objects', () => {
    mkdirSync(path.join(current, '2.c_head', data(1, '00000000')), { recursive: true });
    execFileSync('mkfifo', [path.join(current, '2.c_head', data(2, '00000000'))]);
    const { sink, damage } = scanned(current, '2.c_head');
    expect(sink.objects).toEqual([]);
    expect(damage).toHaveLength(2);
  });

  it('are passed over where they are rollback copies or of no interest', () => {
    touch(
      '4.1s1_head/rbd\\udata.1.0000000000000000__head_00000001__4_2a_1',
      '4.1s1_head/foo__head_00000001__4',
    );
    const { sink } = scanned(current, '4.1s1_head');
    expect(sink.units).toMatchObject([{ others: 2, data: [], named: [] }]);
  });

  it('with shortened names are read by their xattr, and reported without it', () => {
    const full = `rbd\\uid.${'z'.repeat(260)}__head_5B147C79__3`;
    const short = `${full.slice(0, 227)}_${'0'.repeat(20)}_0_long`;
    touch(`3.1_head/${short}`);
    expect(scanned(current, '3.1_head').damage).toHaveLength(1);
    setXattr(path.join(current, '3.1_head', short), 'user.cephos.lfn3', Buffer.from(full));
    const { sink, damage } = scanned(current, '3.1_head');
    expect(damage).toEqual([]);
    expect(sink.objects).toEqual([`rbd_id.${'z'.repeat(260)}`]);
  });
});

describe('going over a collection again', () => {
  const first = () => {
    touch(`2.c_head/DIR_0/${data(1, '00000000')}`, `2.c_head/DIR_1/${data(2, '00000001')}`);
    return scanned(current, '2.c_head').sink.units;
  };

  it('lists nothing that has not changed', () => {
    const { sink } = scanned(current, '2.c_head', first());
    expect(sink.units).toEqual([]);
    expect(sink.kept.sort()).toEqual(['2.c_head', '2.c_head/DIR_0', '2.c_head/DIR_1']);
  });

  it.each([
    ['added', (d: string) => writeFileSync(`${d}/${data(3, '00000000')}`, '')],
    ['removed', (d: string) => rmSync(`${d}/${data(1, '00000000')}`)],
    [
      'renamed',
      (d: string) => renameSync(`${d}/${data(1, '00000000')}`, `${d}/${data(9, '00000000')}`),
    ],
    [
      'linked',
      (d: string) => linkSync(`${d}/${data(1, '00000000')}`, `${d}/${data(4, '00000000')}`),
    ],
  ])('lists a directory again in which a file was %s, and no other', (_, change) => {
    const known = first();
    change(path.join(current, '2.c_head/DIR_0'));
    const { sink } = scanned(current, '2.c_head', known);
    expect(sink.units.map((unit) => unit.path)).toEqual(['2.c_head/DIR_0']);
    expect(sink.kept.sort()).toEqual(['2.c_head', '2.c_head/DIR_1']);
  });

  it('finds directories of which the earlier scan had no word', () => {
    // killed after it had stored the collection's own directory, before those below
    const known = first().filter((unit) => unit.path === '2.c_head');
    const { sink } = scanned(current, '2.c_head', known);
    expect(sink.kept).toEqual(['2.c_head']);
    expect(sink.objects).toEqual([data(1, '00000000'), data(2, '00000001')]);
  });

  it('takes no name from an earlier scan that a directory cannot have', () => {
    const known = first();
    mkdirSync(path.join(current, 'elsewhere/DIR_0'), { recursive: true });
    const wrong = [
      ...['', '.', '..', '../elsewhere', 'DIR_0/../../elsewhere', 'DIR_1\0zz'],
      // Their low bytes are a slash and a NUL.
      ...['DIR_0\u012f..\u012f..\u012felsewhere', 'DIR_1\u0100zz', `DIR_${'0'.repeat(3000)}`],
    ];
    const names = ['DIR_0', ...wrong, 'DIR_1', 'DIR_0'];
    const changed = { ...known[0]!, subdirectories: names };
    const { sink, damage } = scanned(current, '2.c_head', [changed, known[1]!, known[2]!]);
    expect(sink.units).toEqual([]);
    expect(sink.kept.sort()).toEqual(['2.c_head', '2.c_head/DIR_0', '2.c_head/DIR_1']);
    expect(damage).toHaveLength(wrong.length);
    for (const { reason } of damage) {
      expect(reason).toMatch(/^an index directory cannot be called ".{0,100}": passed over$/);
    }
  });

  it('tries again what could not be read', () => {
    const known = first();
    const unread = { ...known[1]!, stamp: { ino: 0n, mtimeNs: -1n, ctimeNs: -1n } };
    const { sink } = scanned(current, '2.c_head', [known[0]!, unread, known[2]!]);
    expect(sink.units.map((unit) => unit.path)).toEqual([unread.path]);
  });
});

describe('a real OSD', () => {
  it('is read without a word of complaint', () => {
    const dataPath = path.join(fixtureOsds('basic'), '0/current');
    for (const collection of listCollections(dataPath)) {
      const { sink, damage } = scanned(dataPath, collection);
      expect(damage).toEqual([]);
      const files = execFileSync('find', [path.join(dataPath, collection), '-type', 'f'], {
        encoding: 'latin1',
      });
      const counted = sink.objects.length + sink.units.reduce((n, unit) => n + unit.others, 0);
      expect(counted).toBe(files.split('\n').length - 1);
    }
  });
});
