import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned, sha256OfFile } from '../helpers/program.ts';

interface Range {
  offset: number;
  length: number;
}
interface Report {
  complete: boolean;
  lost: Range[];
  doubtful: (Range & { reason: string })[];
}

const SPECS = ['rbd/plain', 'rbd/snaps', 'rbd/discarded'];
const BLOCK = 4096;

/**
 * Of the cluster `stale` osd.2 died first, then osd.0, and osd.1 lived on: whoever has only the disks
 * of those that died earlier has old data, and nothing on them says so.
 */
describe('disks of OSDs that died before others', () => {
  const work = workDirectory();
  afterAll(() => work.dispose());
  const truth = new Map<string, Buffer>();
  const at = (name: string) => path.join(work.path, name);

  beforeAll(async () => {
    const catalog = await scanned(work.path, [fixtureOsds('stale')], 'all.catalog');
    for (const spec of SPECS) {
      const out = at('whole');
      await salvage(['export', spec, out, '--force', '--catalog', catalog]);
      expect(await sha256OfFile(out)).toBe(truthOf('stale').images[spec]!.sha256);
      truth.set(spec, readFileSync(out));
    }
  });

  it.each([[['2']], [['0']], [['1']], [['0', '2']], [['1', '2']], [['0', '1']]])(
    'never give old bytes without a word: only osd.%s',
    async (numbers) => {
      const osds = numbers.map((number) => path.join(fixtureOsds('stale'), number));
      const catalog = await scanned(work.path, osds, `${numbers.join('-')}.catalog`);
      for (const spec of SPECS) {
        const argv = ['export', spec, at('out'), '--force', '--catalog', catalog];
        const { json } = await salvageJson<Report>(...argv);
        const out = readFileSync(at('out'));
        const wanted = truth.get(spec)!;
        const told = [...json.lost, ...json.doubtful];
        const silent: number[] = [];
        for (let offset = 0; offset < wanted.length; offset += BLOCK) {
          const end = offset + BLOCK;
          if (out.subarray(offset, end).equals(wanted.subarray(offset, end))) continue;
          const isTold = told.some((r) => r.offset <= offset && end <= r.offset + r.length);
          if (!isTold) silent.push(offset);
        }
        expect([spec, out.length, silent]).toEqual([spec, wanted.length, []]);
      }
    },
  );

  it('say which OSDs could know better', async () => {
    const osds = [path.join(fixtureOsds('stale'), '2')];
    const catalog = await scanned(work.path, osds, 'told.catalog');
    const { status, json } = await salvageJson<Report>(
      ...['export', 'rbd/plain', at('told'), '--catalog', catalog],
    );
    expect(status).toBe(3);
    expect(json.doubtful[0]!.reason).toMatch(/go on without osd\.2.*osd\.0, osd\.1, not scanned/);
  });
});
