import { readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../src/cli/render/recovery-report.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, sha256OfFile } from '../helpers/program.ts';

/** A disk with the header turns up, the operator scans it into the same catalog and repeats the same command. */

const { images } = truthOf('basic');
const work = workDirectory();
afterAll(work.dispose);

let osds: string;
const catalog = path.join(work.path, 'catalog');
const scan = () => salvage(['scan', '--osd', path.join(osds, '*'), '--catalog', catalog]);

/** Files of an image's header, on all OSDs. */
function headersOf(spec: string): string[] {
  const begin = `rbd\\uheader.${images[spec]!.id}__head_`;
  const found = readdirSync(osds, { recursive: true, encoding: 'utf8' })
    .filter((name) => path.basename(name).startsWith(begin))
    .map((name) => path.join(osds, name));
  expect(found).toHaveLength(3);
  return found;
}

/** Runs something with the headers of an image out of sight. */
async function withoutHeader(spec: string, meanwhile: () => Promise<void>): Promise<void> {
  const files = headersOf(spec);
  const away = (file: string) => path.join(work.path, `${path.basename(path.dirname(file))}-away`);
  const hidden = files.map((file, i) => [file, `${away(file)}-${i}`] as const);
  for (const [file, to] of hidden) renameSync(file, to);
  await scan();
  await meanwhile();
  for (const [file, to] of hidden) renameSync(to, file);
  await scan();
}

beforeAll(() => {
  osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'osds'));
});

describe('an export by guesses that was cut short', () => {
  // With its stripes taken for objects side by side, and with what its parent holds taken for holes.
  it.each(['rbd/striped', 'rbd/shrunk-child'])('of %s is begun anew', async (spec) => {
    const { size, sha256 } = images[spec]!;
    const out = path.join(work.path, `${path.basename(spec)}.raw`);
    const words = ['export', spec, out, '--size', String(size), '--catalog', catalog];
    await withoutHeader(spec, async () => {
      const { status, json } = await salvageJson<RecoveryReport>(...words);
      expect([status, json.complete]).toEqual([3, false]);
      expect(await sha256OfFile(out)).not.toBe(sha256);
      // Every byte of it may be another: the report names them all.
      expect(json.totals.doubtful_bytes).toBe(size);
      expect(json.doubtful[0]!.reason).toContain('its header is lost');
    });
    // As a run leaves it that is stopped before its end.
    renameSync(out, `${out}.partial`);
    const { status, json } = await salvageJson<RecoveryReport>(...words);
    expect(await sha256OfFile(out)).toBe(sha256);
    expect([status, json.complete, json.totals.bytes_kept]).toEqual([0, true, 0]);
  });
});
