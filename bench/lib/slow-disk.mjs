import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Disks of a known speed: ext4 on loop devices, whose reads the blkio controller (cgroup v1) holds
 * back for the processes of one group. Needs root.
 */

const GROUP = `/sys/fs/cgroup/blkio/rbd-salvage-bench-${process.pid}`;

const run = (command, ...args) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();

export function whyNoSlowDisks() {
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!fs.existsSync('/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device'))
    return 'there is no cgroup v1 blkio controller';
  return undefined;
}

class SlowDisk {
  constructor(place, name, mib) {
    this.image = path.join(place, `${name}.ext4`);
    this.mount = path.join(place, name);
    this.device = undefined;
    fs.mkdirSync(this.mount, { recursive: true });
    if (fs.existsSync(this.image)) return;
    run('truncate', '-s', `${mib}M`, this.image);
    run('mkfs.ext4', '-q', '-m', '0', '-I', '1024', this.image);
  }

  attach(readOnly) {
    // Direct: the file behind it must not be cached a second time.
    this.device = run(
      'losetup',
      '--find',
      '--show',
      ...(readOnly ? ['--read-only'] : []),
      this.image,
    );
    run('mount', '-o', readOnly ? 'ro,noload' : 'noatime', this.device, this.mount);
  }

  /** Also empties its page cache, and no other. */
  detach() {
    if (this.device === undefined) return;
    run('umount', this.mount);
    run('losetup', '--detach', this.device);
    this.device = undefined;
  }
}

/** @returns disks, a function that empties their caches, and one that makes a command feel their speed */
export function slowDisks(place, count, mib, bytesPerSecond) {
  const disks = Array.from({ length: count }, (_, i) => new SlowDisk(place, `disk${i}`, mib));
  fs.mkdirSync(GROUP, { recursive: true });
  const close = () => {
    for (const disk of disks) disk.detach();
    if (fs.existsSync(GROUP)) fs.rmdirSync(GROUP);
  };
  process.on('exit', close);
  process.on('SIGINT', () => process.exit(130));
  const throttle = ({ device }) => {
    const numbers = fs.readFileSync(`/sys/block/${path.basename(device)}/dev`, 'latin1').trim();
    fs.writeFileSync(`${GROUP}/blkio.throttle.read_bps_device`, `${numbers} ${bytesPerSecond}`);
  };
  const remount = (readOnly) => {
    for (const disk of disks) {
      disk.detach();
      disk.attach(readOnly);
      throttle(disk);
    }
  };
  const slowed = (argv) => [
    'sh',
    '-c',
    `echo $$ >${GROUP}/cgroup.procs && exec "$@"`,
    'sh',
    ...argv,
  ];
  return { mounts: disks.map(({ mount }) => mount), remount, slowed };
}
