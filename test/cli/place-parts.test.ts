import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { placeParts } from '../../src/cli/place-parts.ts';
import type { FoundOsd } from '../../src/store/detect.ts';

const osd = (
  whoami: number,
  fsid: string,
  kind: 'filestore' | 'bluestore' = 'filestore',
): FoundOsd => ({
  location: { kind, path: `/mnt/${fsid}`, dataPath: `/mnt/${fsid}/current` },
  identity: { whoami, osdFsid: fsid },
});

const osds = [osd(1, 'aa'), osd(2, 'bb'), osd(3, 'cc', 'bluestore')];
const journalsOf = (options: string[], of = osds) =>
  placeParts(of, { journal: options }).map(({ location }) => location.journal);

describe('--journal', () => {
  it.each(['osd.2', '2', 'BB', '/mnt/bb'])('names an OSD as %s', (word) => {
    expect(journalsOf([`${word}=/dev/sdz9`])).toEqual([undefined, '/dev/sdz9', undefined]);
  });

  it('may be given for each, with a path that has an equals sign or is relative', () => {
    expect(journalsOf(['1=a=b', '2=/dev/x'])).toEqual([path.resolve('a=b'), '/dev/x', undefined]);
  });

  it.each([
    ['no OSD', 'osd.9=/dev/x', 'names no FileStore OSD here'],
    ['a BlueStore OSD', '3=/dev/x', 'names no FileStore OSD here'],
    ['nothing', '=/dev/x', 'must be OSD=PATH'],
    ['no path', '1=', 'must be OSD=PATH'],
    ['neither', '/dev/x', 'must be OSD=PATH'],
  ])('is refused when it names %s', (_, option, message) => {
    expect(() => placeParts(osds, { journal: [option] })).toThrow(message);
    expect(() => placeParts(osds, { journal: [option] })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });

  it('is refused where two clusters have an OSD of that number', () => {
    expect(() => journalsOf(['1=/dev/x'], [osd(1, 'aa'), osd(1, 'dd')])).toThrow(
      'names several OSDs',
    );
  });
});

describe('--omap', () => {
  it('says where the database of an OSD lies, beside what --journal says', () => {
    const [, second] = placeParts(osds, { journal: ['2=/dev/x'], omap: ['osd.2=/mnt/omap'] });
    expect(second?.location).toMatchObject({ journal: '/dev/x', omap: '/mnt/omap' });
  });

  it('is refused under its own name', () => {
    expect(() => placeParts(osds, { omap: ['7=/x'] })).toThrow('--omap 7=/x: 7 names no FileStore');
  });
});
