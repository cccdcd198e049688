import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { BIN, sha256, sha256OfFile } from '../helpers/program.ts';

const EXAMPLES = fileURLToPath(new URL('../../docs/examples/', import.meta.url));
const basic = truthOf('basic').images;
const blue = truthOf('blue').images;
/** Only what the cluster has for live images, without snapshots. */
const heads = (images: typeof basic) => Object.entries(images).filter(([s]) => !s.includes('@'));

const work = workDirectory();
afterAll(() => work.dispose());
const tools = path.join(work.path, 'bin');
let directory: string;
let count = 0;
const at = (...names: string[]) => path.join(directory, ...names);

/** Puts a command into the PATH of the scripts. */
function tool(name: string, script: string): void {
  writeFileSync(path.join(tools, name), `#!/usr/bin/env bash\n${script}\n`);
  chmodSync(path.join(tools, name), 0o755);
}

beforeAll(() => {
  mkdirSync(tools);
  tool('rbd-salvage', `exec ${process.execPath} ${BIN} "$@"`);
});
beforeEach(() => {
  directory = path.join(work.path, `run-${count++}`);
  mkdirSync(directory);
});

/** Runs an example in a directory of its own. */
function example(name: string, args: readonly string[], environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(path.join(EXAMPLES, name), [...args], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${tools}:${process.env.PATH}`, ...environment },
  });
  return { status, stdout, stderr };
}

/** OSDs of `blue` in a directory of their own, as disks are attached one after the other. */
function attach(...osds: number[]): void {
  mkdirSync(at('disks'), { recursive: true });
  for (const osd of osds) symlinkSync(path.join(fixtureOsds('blue'), `${osd}`), at(`disks/${osd}`));
}

const scan = (osds: string, catalog = at('catalog')): string => {
  execFileSync(process.execPath, [BIN, 'scan', '--osd', osds, '--catalog', catalog, '-q']);
  return catalog;
};

const hasJq = spawnSync('jq', ['--version']).status === 0;

describe.skipIf(!hasJq)('example scripts', { timeout: 180_000 }, () => {
  it('recover-everything brings every image of a cluster back', async () => {
    const { status, stdout } = example('recover-everything.sh', ['out', fixtureOsds('basic')]);
    // The image without a header is never known to be complete.
    expect(status).toBe(3);
    expect(stdout).toMatch(/^complete\trbd\/vm-disk\t0\t0\t$/m);
    for (const [spec, truth] of heads(basic)) {
      const digest = await sha256OfFile(at('out/images', `${spec}.raw`));
      expect([spec, digest]).toEqual([spec, truth.sha256]);
    }
  });

  it('recover-everything says which OSDs were never seen, and fills losses when they turn up', async () => {
    attach(0);
    const first = example('recover-everything.sh', ['out', 'disks']);
    expect(first.status).toBe(3);
    expect(first.stdout).toMatch(/^incomplete\trbd\/split\t7340032\t0\t$/m);
    expect(first.stderr).toMatch(/not scanned: osd\.1\nnot scanned: osd\.2\n$/);
    attach(2);
    const second = example('recover-everything.sh', ['out', 'disks']);
    expect(second.status).toBe(0);
    expect(second.stderr).toMatch(/\nnot scanned: osd\.1\n$/);
    for (const [spec, truth] of heads(blue)) {
      const digest = await sha256OfFile(at('out/images', `${spec}.raw`));
      expect([spec, digest]).toEqual([spec, truth.sha256]);
    }
  });

  it('recover-everything fails where there is no OSD', () => {
    const { status, stderr } = example('recover-everything.sh', ['out', 'nowhere']);
    expect(status).toBe(1);
    expect(stderr).toContain('no OSD found');
  });

  it('stream-image pipes an image into a command', () => {
    const catalog = scan(fixtureOsds('basic'));
    const args = ['rbd/vm-disk@yesterday', catalog, 'bash', '-c', 'cat > received'];
    expect(example('stream-image.sh', args).status).toBe(0);
    expect(sha256(readFileSync(at('received')))).toBe(basic['rbd/vm-disk@yesterday']!.sha256);
  });

  it('stream-image tells a receiver that failed from an image with losses', () => {
    attach(0);
    const catalog = scan(at('disks'));
    const failed = example('stream-image.sh', ['rbd/plain', catalog, 'false']);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('rbd/plain: the receiver failed with 1');
    const lossy = example('stream-image.sh', ['rbd/split', catalog, 'bash', '-c', 'cat > split']);
    expect(lossy.status).toBe(3);
    expect(lossy.stderr).toContain('lost 7340032+1048576: erasure-coded object');
    expect(readFileSync(at('split'))).toHaveLength(blue['rbd/split']!.size);
  });

  it('each-image takes those that a filter chooses, and keeps a line on each', async () => {
    const catalog = scan(fixtureOsds('basic'));
    const filter = '.namespace == "tenant" or .image == "trashed"';
    expect(example('each-image.sh', [catalog, 'out', filter]).status).toBe(0);
    const images = ['rbd/tenant/plain', 'rbd/trashed'].map((spec) => basic[spec]!);
    for (const { id, sha256: wanted } of images) {
      expect(await sha256OfFile(at(`out/rbd-${id}.raw`))).toBe(wanted);
    }
    const lines = readFileSync(at('out/log.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).image).sort()).toEqual([
      'rbd/tenant/plain',
      'rbd/trashed',
    ]);
  });

  it('each-image takes up again what had losses, and nothing else', async () => {
    attach(0);
    const filter = '.image == "split" or .image == "plain"';
    const args = [at('catalog'), 'out', filter];
    scan(at('disks'));
    expect(example('each-image.sh', args).status).toBe(3);
    attach(2);
    scan(at('disks'));
    expect(example('each-image.sh', args).status).toBe(0);
    const { id, sha256: wanted } = blue['rbd/split']!;
    expect(await sha256OfFile(at(`out/rbd-${id}.raw`))).toBe(wanted);
    const lines = readFileSync(at('out/log.jsonl'), 'utf8').trim().split('\n');
    const said = lines.map((line) => JSON.parse(line)).filter(({ image }) => image === 'rbd/split');
    expect(said.map(({ status, lost }) => [status, lost])).toEqual([
      [3, 7340032],
      [0, 0],
    ]);
    expect(lines).toHaveLength(3);
  });

  it('to-qcow2 hands the whole image to qemu-img, and keeps it only while it has losses', () => {
    // No qemu here: what counts is what it is given.
    tool('qemu-img', '[[ "$*" == "convert -f raw -O qcow2 "* ]] && cp "$6" "$7"');
    attach(0);
    scan(at('disks'));
    const args = ['rbd/split', at('catalog'), 'split.qcow2'];
    expect(example('to-qcow2.sh', args).status).toBe(3);
    expect(existsSync(at('split.qcow2.raw.map'))).toBe(true);
    attach(1);
    scan(at('disks'));
    expect(example('to-qcow2.sh', args).status).toBe(0);
    expect(sha256(readFileSync(at('split.qcow2')))).toBe(blue['rbd/split']!.sha256);
    expect(readdirSync(directory).filter((name) => name.startsWith('split'))).toEqual([
      'split.qcow2',
    ]);
  });

  it('nightly goes on until everything is there', async () => {
    attach(0);
    const first = example('nightly.sh', ['out', at('disks/*')]);
    expect(first.status).toBe(3);
    expect(first.stdout).toMatch(/^incomplete +rbd\/split /m);
    attach(1, 2);
    const second = example('nightly.sh', ['out', at('disks/*')]);
    expect(second).toMatchObject({ status: 0, stdout: '' });
    expect(existsSync(at('out/complete'))).toBe(true);
    const digest = await sha256OfFile(at('out/images/rbd/split.raw'));
    expect(digest).toBe(blue['rbd/split']!.sha256);
  });

  it('nightly stops when its time is up, and goes on the next night', async () => {
    // Long before anything can be done.
    const args = ['out', fixtureOsds('blue')];
    const first = example('nightly.sh', args, { TIME_LIMIT: '0.05' });
    expect(first.status).toBe(124);
    expect(first.stdout).toContain('time is up');
    expect(example('nightly.sh', args).status).toBe(0);
    const digest = await sha256OfFile(at('out/images/rbd/plain.raw'));
    expect(digest).toBe(blue['rbd/plain']!.sha256);
  });

  it('many-hosts brings catalogs together that serve an export', async () => {
    tool('ssh', 'cd "$HOSTS/$1" && exec bash -c "$2"');
    tool('scp', 'IFS=: read -r host file <<<"$2"; cp "$HOSTS/$host/$file" "$3"');
    const hosts = ['ceph1', 'ceph2', 'ceph3'];
    for (const [i, host] of hosts.entries()) {
      mkdirSync(at('hosts', host, 'dead'), { recursive: true });
      symlinkSync(path.join(fixtureOsds('blue'), `${i}`), at('hosts', host, 'dead', `osd.${i}`));
    }
    const environment = { HOSTS: at('hosts') };
    const { status, stdout } = example('many-hosts.sh', ['out', 'dead/*', ...hosts], environment);
    expect([status, stdout]).toEqual([0, 'ceph1: 0\nceph2: 0\nceph3: 0\n']);
    // The disks are at other places by now.
    cpSync(at('hosts'), at('net'), { recursive: true, verbatimSymlinks: true });
    rmSync(at('hosts'), { recursive: true });
    const catalogs = hosts.flatMap((host) => ['--catalog', at('out', `${host}.catalog`)]);
    const argv = ['export', 'rbd/split', at('split'), ...catalogs, '--osd', at('net/*/dead/*')];
    execFileSync(process.execPath, [BIN, ...argv, '--quiet']);
    expect(await sha256OfFile(at('split'))).toBe(blue['rbd/split']!.sha256);
  });

  it('many-hosts says which host failed', () => {
    tool('ssh', 'cd "$HOSTS/$1" && exec bash -c "$2"');
    mkdirSync(at('hosts/ceph1'), { recursive: true });
    const args = ['out', 'dead/*', 'ceph1'];
    const { status, stdout, stderr } = example('many-hosts.sh', args, { HOSTS: at('hosts') });
    expect([status, stdout]).toEqual([1, 'ceph1: 1\n']);
    expect(stderr).toContain('no OSD found');
  });
});
