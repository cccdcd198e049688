import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../src/cli/render/recovery-report.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvageJson, sha256OfFile } from '../helpers/program.ts';

/** An image whose writes go to a journal first: objects `journal_data.POOL.ID.NUMBER`. */
const SPEC = 'rbd/journaled';
const { sha256, id } = truthOf('basic').images[SPEC]!;
const work = workDirectory();
afterAll(() => work.dispose());

let count = 0;
let osds: string;
/** of each of its objects, by name, on each OSD */
let files: Map<string, string[]>;
beforeEach(() => {
  osds = copyTree(fixtureOsds('basic'), path.join(work.path, `osds-${count++}`));
  // Its own journal has the last of these objects too.
  rmSync(path.join(osds, '2'), { recursive: true });
  files = new Map();
  for (const file of readdirSync(osds, { recursive: true, encoding: 'utf8' }).sort()) {
    const [name] = path.basename(file).split('__');
    if (!name!.includes(`.${id}.`) || !name!.startsWith('journal\\udata.')) continue;
    if (statSync(path.join(osds, file)).size === 0) continue;
    files.set(name!, [...(files.get(name!) ?? []), path.join(osds, file)]);
  }
});

async function exported() {
  const out = path.join(work.path, 'out.raw');
  const { status, json } = await salvageJson<RecoveryReport>(
    ...['export', SPEC, out, '--force', '--osd', osds],
  );
  return { status, problems: json.problems, isRight: (await sha256OfFile(out)) === sha256 };
}

/** Flips a bit in its last entry, behind which nothing tells that one is missing. */
function flip(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length - 20]! ^= 1;
  writeFileSync(file, bytes);
}

describe("objects of an image's journal", () => {
  it('that are damaged on one disk are read from another', async () => {
    expect(files.size).toBeGreaterThan(0);
    for (const copies of files.values()) for (const file of copies.slice(0, 1)) flip(file);
    expect(await exported()).toEqual({ status: 0, problems: [], isRight: true });
  });

  it('that are damaged on all disks are told of', async () => {
    const [copies] = [...files.values()];
    copies!.forEach(flip);
    const { status, problems } = await exported();
    expect(status).toBe(3);
    expect(problems).toEqual([expect.stringMatching(/^journal_data\..*: its bytes do not match/)]);
  });

  it('that are cut short on all disks are told of', async () => {
    const [copies] = [...files.values()];
    for (const file of copies!) writeFileSync(file, readFileSync(file).subarray(0, -1));
    const { status, problems } = await exported();
    expect(status).toBe(3);
    expect(problems).toEqual([expect.stringMatching(/^journal_data\..* bytes, object_info says/)]);
  });

  it('that no disk has any more are told of', async () => {
    const [[name, copies]] = [...files] as [[string, string[]]];
    for (const file of copies) rmSync(file);
    const { status, problems } = await exported();
    expect(status).toBe(3);
    expect(problems).toEqual([expect.stringContaining(name.replace('\\u', '_'))]);
  });

  it('are missed too where their PG does not tell, if they had what was committed last', async () => {
    const [[name, copies]] = [...files] as [[string, string[]]];
    for (const file of copies) {
      renameSync(file, path.join(path.dirname(file), `x${path.basename(file)}`));
    }
    const { status, problems } = await exported();
    expect(status).toBe(3);
    expect(problems).toEqual([`${name.replace('\\u', '_')}: it is lost`]);
  });
});
