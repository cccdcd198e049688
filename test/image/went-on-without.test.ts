import { describe, expect, it } from 'vitest';
import type { OsdLife, OsdMap } from '../../src/ceph/osdmap.ts';
import type { ClusterOsd } from '../../src/image/cluster.ts';
import type { PgCopy } from '../../src/image/pg-copies.ts';
import { isDiskOf, wentOnWithout } from '../../src/image/went-on-without.ts';
import { copy } from './pg-samples.ts';

const POOL = 2;
const uuidOf = (osd: number, disk = 0): string =>
  `00000000-0000-4000-8000-${String(100 * disk + osd).padStart(12, '0')}`;

interface Parts extends Partial<OsdLife> {
  up?: boolean;
}

function mapOf(osds: readonly Parts[], { size = 3, minSize = 2 } = {}): OsdMap {
  const pools = new Map([[POOL, { size, minSize }]]);
  const states = osds.map(({ up = true, ...life }, osd) => ({
    ...{ exists: true, up, in: true, weight: 0x10000 },
    life: { ...{ upFrom: 5, upThru: 15, downAt: 0, uuid: uuidOf(osd) }, ...life },
  }));
  return { pools, osds: states } as unknown as OsdMap;
}

/** A copy that was last active in epoch `les`. */
function copyOn(whoami: number, les: number, osdFsid = uuidOf(whoami)): PgCopy {
  const osd = { index: whoami, name: `osd.${whoami}`, catalog: { identity: { whoami, osdFsid } } };
  return { ...copy(whoami, { les }), osd: osd as unknown as ClusterOsd };
}

const doubtOf = (map: OsdMap, ...copies: PgCopy[]) =>
  wentOnWithout(map, POOL, copies, copies, (osd) =>
    copies.some(({ osd: { catalog } }) => catalog.identity.whoami === osd),
  );

describe('OSDs that came back', () => {
  /** As in fixture `returned`: osd.2 was away from epoch 24 to 31, the others went on until 26 and 28. */
  const OSDS: Parts[] = [
    { up: false, upFrom: 5, upThru: 24, downAt: 26 },
    { up: false, upFrom: 9, upThru: 26, downAt: 28 },
    { upFrom: 31, upThru: 20, downAt: 24 },
  ];

  it('may have missed what others wrote in the meantime', () => {
    expect(doubtOf(mapOf(OSDS), copyOn(2, 20))).toBe(
      'osd.2 came back after others could go on: newer copies may be on osd.0, osd.1',
    );
  });

  it.each([
    ['they have been active since', OSDS, [copyOn(2, 31)]],
    [
      'nobody was active meanwhile',
      [{ ...OSDS[0], upThru: 20 }, { ...OSDS[1], upThru: 20 }, OSDS[2]!],
      [copyOn(2, 20)],
    ],
    ['those that were are here', OSDS, [copyOn(2, 20), copyOn(0, 20), copyOn(1, 20)]],
    [
      'they have run without a break',
      [...OSDS.slice(0, 2), { upFrom: 20, downAt: 0 }],
      [copyOn(2, 20)],
    ],
    [
      'too few others asked to be called alive',
      [{ ...OSDS[0], upThru: 20 }, OSDS[1]!, OSDS[2]!],
      [copyOn(2, 20)],
    ],
  ])('have missed nothing where %s', (_, osds, copies) => {
    expect(doubtOf(mapOf(osds), ...copies)).toBeUndefined();
  });

  it('may have missed it too where they were started once more', () => {
    const again = [...OSDS.slice(0, 2), { upFrom: 41, downAt: 40 }];
    expect(doubtOf(mapOf(again), copyOn(2, 20))).toMatch(/^osd\.2 came back/);
  });

  it('have missed nothing where one of them has run without a break', () => {
    const osds = [
      { up: false, upThru: 40 },
      { upFrom: 30, downAt: 28 },
      { upFrom: 18, downAt: 0 },
    ];
    const map = mapOf(osds, { minSize: 1 });
    const isScanned = (osd: number) => osd > 0;
    const doubtWith = (...copies: PgCopy[]) => wentOnWithout(map, POOL, copies, copies, isScanned);
    expect(doubtWith(copyOn(1, 20), copyOn(2, 20))).toBeUndefined();
    expect(doubtWith(copyOn(1, 20))).toMatch(/^osd\.1 came back/);
  });
});

describe('a copy of a disk from before its OSD was started again', () => {
  const history = (copied: PgCopy, sameIntervalSince: number): PgCopy => ({
    ...copied,
    info: { ...copied.info, history: { ...copied.info.history, sameIntervalSince } },
  });
  const map = mapOf([{}, { upFrom: 27 }, {}]);

  it('does not stand in for it', () => {
    const known = history(copyOn(0, 20), 20);
    const scanned = (osd: number) => osd === 0;
    const doubt = (old: PgCopy) => wentOnWithout(map, POOL, [known, old], [known, old], scanned);
    expect(doubt(history(copyOn(1, 20), 27))).toBeUndefined();
    expect(doubt(history(copyOn(1, 20), 26))).toMatch(/: newer copies may be on osd\.1, osd\.2/);
  });

  it('proves nothing alone', () => {
    expect(doubtOf(map, history(copyOn(1, 20), 20))).toBe(
      'osd.1 was started again after this was written: its disk has an older state',
    );
  });
});

describe('a disk that was taken out of the cluster', () => {
  const map = mapOf([{}, {}, {}]);

  it('is not that of the OSD that has its number now', () => {
    expect(isDiskOf(map, { whoami: 1, osdFsid: uuidOf(1).toUpperCase() })).toBe(true);
    expect(isDiskOf(map, { whoami: 1, osdFsid: uuidOf(1, 1) })).toBe(false);
    expect(isDiskOf(map, { whoami: 1 })).toBe(true);
    expect(
      isDiskOf(mapOf([{ uuid: '00000000-0000-0000-0000-000000000000' }]), {
        whoami: 0,
        osdFsid: uuidOf(0),
      }),
    ).toBe(true);
    expect(isDiskOf(undefined, { whoami: 1, osdFsid: uuidOf(1) })).toBe(true);
  });

  it('does not stand in for it', () => {
    const known = copyOn(0, 20);
    expect(doubtOf(map, known, copyOn(1, 20))).toBeUndefined();
    const alone = doubtOf(map, known);
    expect(alone).toMatch(
      /^they could go on without osd\.0: newer copies may be on osd\.1, osd\.2/,
    );
    const old = copyOn(1, 20, uuidOf(1, 1));
    expect(wentOnWithout(map, POOL, [known, old], [known, old], (osd) => osd === 0)).toMatch(
      /^they could go on without osd\.0, osd\.1: newer copies may be on osd\.1, osd\.2/,
    );
  });

  it('proves nothing alone', () => {
    expect(doubtOf(map, copyOn(1, 20, uuidOf(1, 1)))).toBe(
      'the newest OSD map knows another disk of osd.1 than the one that was scanned',
    );
  });
});
