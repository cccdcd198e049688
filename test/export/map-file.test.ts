import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ImageMap } from '../../src/export/image-map.ts';
import { formatMapFile, isMapOfOurs, parseMapFile } from '../../src/export/map-file.ts';

/** As GNU ddrescue 1.27 left it after it had read a disk with errors (its manual's example). */
const DDRESCUE = `# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue -d -c18 /dev/fd0 fdimage mapfile
# Start time:   2015-07-21 09:37:44
# Current time: 2015-07-21 09:38:19
# Copying non-tried blocks... Pass 1 (forwards)
# current_pos  current_status  current_pass
0x00120000     ?               1
#      pos        size  status
0x00000000  0x00117000  +
0x00117000  0x00000200  -
0x00117200  0x00001000  /
0x00118200  0x00007E00  *
0x00120000  0x00048000  ?
`;

const runsOf = (map: ImageMap) => [...map.runs()].map((r) => [r.offset, r.length, r.status]);

describe('parseMapFile', () => {
  it('reads what ddrescue writes', () => {
    const { map, about } = parseMapFile(DDRESCUE);
    expect(map.size).toBe(0x168000);
    expect(runsOf(map)).toEqual([
      [0, 0x117000, '+'],
      [0x117000, 0x200, '-'],
      [0x117200, 0x1000, '/'],
      [0x118200, 0x4fe00, '?'],
    ]);
    expect(about).toBeUndefined();
    expect(isMapOfOurs(DDRESCUE)).toBe(false);
  });

  it.each([
    ['a gap', DDRESCUE.replace('0x00117200  0x00001000', '0x00117400  0x00000E00')],
    ['an overlap', DDRESCUE.replace('0x00117200  0x00001000', '0x00117000  0x00001200')],
    ['an unknown status', DDRESCUE.replace('0x00048000  ?', '0x00048000  !')],
    ['no status', DDRESCUE.replace('0x00048000  ?', '0x00048000')],
    ['a size that is no number', DDRESCUE.replace('0x00048000', '0x0004800g')],
    ['a size beyond what numbers hold', DDRESCUE.replace('0x00048000', '0x40000000000000')],
    ['a negative size', DDRESCUE.replace('0x00048000', '-1')],
    ['nothing', ''],
  ])('refuses %s', (_, text) => {
    expect(() => parseMapFile(text)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });

  it('refuses what was cut short within a line', () => {
    const whole = formatMapFile(parseMapFile(DDRESCUE).map, {});
    const cut = whole.slice(0, whole.lastIndexOf('0x00048000') + 4);
    expect(() => parseMapFile(cut)).toThrow(/map file, line/);
  });
});

describe('formatMapFile', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'rbd-salvage-map-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const map = new ImageMap(100_000);
  map.set(0, 40_000, '+');
  map.set(50_000, 4096, '-');
  map.set(60_000, 1, '/');

  it('is read back as it was, with what it says of itself', () => {
    const text = formatMapFile(map, { image: 'rbd/a\nb' });
    const read = parseMapFile(text);
    expect(runsOf(read.map)).toEqual(runsOf(map));
    expect(read.about).toEqual({ image: 'rbd/a\nb' });
    expect(isMapOfOurs(text)).toBe(true);
  });

  const ddrescuelog = spawnSync('ddrescuelog', ['--version']).status === 0;
  it.skipIf(!ddrescuelog)('is taken by ddrescuelog, which counts the same bytes', () => {
    const file = path.join(directory, 'map');
    writeFileSync(file, formatMapFile(map, {}));
    const shown = spawnSync('ddrescuelog', ['-t', file], { encoding: 'utf8' });
    expect(shown.stderr).toBe('');
    expect(shown.status).toBe(0);
    const parts = ['+', '-', '/', '?'].map((status) => {
      const list = spawnSync('ddrescuelog', ['-b1', '-l', status, file], { encoding: 'utf8' });
      return list.stdout.split('\n').length - 1;
    });
    expect(parts).toEqual([40_000, 4096, 1, 55_903]);
  });

  it('says of an image of no bytes that it is done', () => {
    const read = parseMapFile(formatMapFile(new ImageMap(0), {}));
    expect(read.map.size).toBe(0);
  });
});
