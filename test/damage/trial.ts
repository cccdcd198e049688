import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Random, seedOf } from '../fuzz/random.ts';
import { corrupt, needsComparing } from './corruptions.ts';
import { runProgram } from './program.ts';

/** One damaged cluster: everything that is got out of it is right, or said not to be. */

export interface Range {
  offset: number;
  length: number;
}

interface Report {
  complete: boolean;
  lost: Range[];
  doubtful: Range[];
}

export interface Cluster {
  name: string;
  /** holds the OSDs' directories, which are only read */
  osds: string;
  /** image spec -> what rbd said of it while the cluster lived */
  images: Record<string, { sha256: string }>;
}

export interface Setting {
  bin: string;
  /** may be filled and emptied */
  work: string;
  /** images of the undamaged clusters, kept between trials */
  truth: Map<string, Buffer>;
}

export interface Trial {
  cluster: Cluster;
  seed: number;
  /** images to export: so many, picked by the seed */
  images: number;
  /** the only kind of damage, and how often each OSD gets it */
  only?: { way: string; times: number } | undefined;
  /** other commands, too */
  thorough?: boolean;
}

export interface Outcome {
  corruptions: string[];
  problems: string[];
  /** how the exports ended: complete, with losses told, refused */
  counts: { complete: number; incomplete: number; refused: number };
}

const BLOCK = 4096;

/** Offsets of blocks that differ, those in `told` left out. */
export function untold(found: Buffer, truth: Buffer, told: readonly Range[]): number[] {
  const wrong: number[] = [];
  for (let at = 0; at < Math.max(found.length, truth.length); at += BLOCK) {
    const [a, b] = [found.subarray(at, at + BLOCK), truth.subarray(at, at + BLOCK)];
    if (a.equals(b)) continue;
    const end = at + Math.max(a.length, b.length);
    if (!told.some(({ offset, length }) => offset < end && offset + length > at)) wrong.push(at);
  }
  return wrong;
}

async function truthOf(setting: Setting, { name, osds, images }: Cluster, spec: string) {
  const key = `${name} ${spec}`;
  const known = setting.truth.get(key);
  if (known !== undefined) return known;
  const catalog = path.join(setting.work, `${name}.catalog`);
  const quiet = ['--catalog', catalog, '--quiet'];
  if (!existsSync(catalog)) await runProgram(setting.bin, ['scan', '--osd', osds, ...quiet]);
  const out = path.join(setting.work, 'truth.raw');
  await runProgram(setting.bin, ['export', spec, out, '--force', ...quiet]);
  const bytes = readFileSync(out);
  rmSync(out);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== images[spec]!.sha256) throw new Error(`${key} is not what rbd said it was`);
  setting.truth.set(key, bytes);
  return bytes;
}

/** Copies the OSDs that are to be damaged; the others are read where they are. */
function damagedCopy(random: Random, { osds }: Cluster, directory: string, only: Trial['only']) {
  const names = readdirSync(osds).sort();
  const damaged = random.chance(2) ? [random.pick(names)] : names;
  const corruptions: string[] = [];
  const paths = names.map((name) => {
    if (!damaged.includes(name)) return path.join(osds, name);
    const copy = path.join(directory, name);
    execFileSync('cp', ['-a', '--sparse=always', '--reflink=auto', path.join(osds, name), copy]);
    const sibling = path.join(osds, random.pick(names.filter((other) => other !== name)));
    for (let n = only?.times ?? 1 + random.small(4); n > 0; n--) {
      corruptions.push(corrupt(random, copy, sibling, only?.way));
    }
    return copy;
  });
  return { paths, corruptions };
}

/** What is wrong with the output that its report does not tell. */
function silentFaults(out: string, stdout: string, status: number | null, truth: Buffer): string[] {
  const report = JSON.parse(stdout) as Report;
  const told = [...report.lost, ...report.doubtful];
  const problems: string[] = [];
  if (status === 0 && (told.length > 0 || !report.complete)) problems.push('ended as if complete');
  if (status === 3 && told.length === 0 && report.complete) problems.push('status 3, nothing told');
  const found = readFileSync(out);
  const wrong = untold(found, truth, told);
  if (wrong.length > 0) {
    problems.push(
      `${wrong.length} blocks are wrong and not told of, the first at ${wrong[0]} ` +
        `(${found.length} of ${truth.length} bytes, ${told.length} ranges told, complete: ${report.complete})`,
    );
  }
  return problems;
}

export async function runTrial(
  setting: Setting,
  { cluster, seed, images, only, thorough = false }: Trial,
): Promise<Outcome> {
  const random = new Random(seedOf(cluster.name, seed));
  const directory = path.join(setting.work, `${cluster.name}-${seed}`);
  mkdirSync(directory, { recursive: true });
  const counts = { complete: 0, incomplete: 0, refused: 0 };
  const problems: string[] = [];
  try {
    const { paths, corruptions } = damagedCopy(random, cluster, directory, only);
    const specs = Object.keys(cluster.images);
    while (specs.length > images) specs.splice(random.below(specs.length), 1);
    const compare = corruptions.some(needsComparing) || random.chance(2);
    const verify = compare ? 'replicas' : 'digest';
    const catalog = path.join(directory, 'catalog');
    const json = ['--catalog', catalog, '--format', 'json', '--quiet'];
    const run = async (...argv: string[]) => {
      const ended = await runProgram(setting.bin, argv);
      if (ended.failure !== undefined) problems.push(`${argv[0]} ${argv[1]}: ${ended.failure}`);
      return ended;
    };
    await run('scan', '--osd', ...paths, '--catalog', catalog, '--quiet');
    await run('ls', '-l', ...json);
    if (thorough) await run('check', ...specs.slice(0, 2), ...json);
    for (const spec of specs) {
      const out = path.join(directory, 'out.raw');
      const argv = ['export', spec, out, '--verify', verify, '--force', ...json];
      const { status, stdout } = await run(...argv);
      if (status === 0) counts.complete++;
      else if (status === 3) counts.incomplete++;
      else counts.refused++;
      if (status !== 0 && status !== 3) continue;
      const truth = await truthOf(setting, cluster, spec);
      for (const fault of silentFaults(out, stdout, status, truth))
        problems.push(`${spec}: ${fault}`);
    }
    return { corruptions, problems, counts };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
