import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { CopyResult } from '../../src/export/copy-objects.ts';
import { doneSoFar, startProgress } from '../../src/export/copy-progress.ts';
import type { CopyTask } from '../../src/export/copy-tasks.ts';
import { startPool } from '../../src/workers/pool.ts';
import { fixtureOsds } from '../helpers/fixtures.ts';
import { locate, scanOsd } from '../helpers/osd-objects.ts';

const pool = startPool(1);
afterAll(() => pool.close());

describe('a worker that copies', () => {
  it('shows in memory that is shared what it has done', async () => {
    const osds = fixtureOsds('basic');
    const location = locate(path.join(osds, readdirSync(osds).sort()[0]!));
    const refs = scanOsd(location).sink.data.slice(0, 8);
    expect(refs.length).toBeGreaterThan(2);
    const jobs = refs.map((ref) => ({
      ...{ ref, ec: undefined, size: undefined, digest: undefined, pieces: [0, 1 << 20, 0] },
      ...{ overwrite: false, lenient: false, salvage: false, examine: false },
    }));
    // What does not exist is not done.
    jobs[1] = { ...jobs[1]!, ref: { ...refs[1]!, fileName: Buffer.from('gone') } };
    const progress = startProgress(jobs.length);
    const target = { kind: 'none' } as const;
    const task: CopyTask = { location, jobs, target, readAhead: false, progress };
    const results = await pool.run<CopyResult[]>('copy', task);
    const done = results.map((result, i) => (i === 1 ? undefined : result));
    expect(jobs.map((_, i) => doneSoFar(progress, i))).toEqual(done);
    expect(results[1]).toMatchObject({ ok: false, failure: 'unreadable' });
  });
});
