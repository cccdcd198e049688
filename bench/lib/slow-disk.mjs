import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Disks of a known speed: ext4 on loop devices, whose reads the blkio controller (cgroup v1) holds
 * back for the processes of one group. Needs root.
 */

const GROUP = `/sys/fs/cgroup/blkio/rbd-salvage-bench-${process.pid}`;
/** The same processes, where they are to feel a busy machine as well. */
const CPU_GROUP = `/sys/fs/cgroup/cpu/rbd-salvage-bench-${process.pid}`;
const CPU_PERIOD_US = 20_000;
/** How often the disks are looked at. */
const LOOK_MS = 100;
const SECTOR = 512;

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
    // The file behind it may well be cached: the throttle alone is to decide.
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

/** Bytes that have been read from a block device since it is there. */
const bytesRead = ({ device }) => {
  const stat = fs.readFileSync(`/sys/block/${path.basename(device)}/stat`, 'latin1');
  return Number(stat.trim().split(/\s+/)[2]) * SECTOR;
};

/**
 * Seconds that a disk did nothing: before its first read, after its last, and between them what
 * reading as much at its full speed would have left.
 * @param slots milliseconds and bytes of each look
 */
function idleOf(slots, speed) {
  const seconds = (some) => some.reduce((sum, { ms }) => sum + ms, 0) / 1000;
  const bytes = slots.reduce((sum, slot) => sum + slot.bytes, 0);
  const first = slots.findIndex((slot) => slot.bytes > 0);
  if (first < 0) return { bytes, before: seconds(slots), between: 0, after: 0 };
  const last = slots.findLastIndex((slot) => slot.bytes > 0);
  const between = seconds(slots.slice(first, last + 1)) - bytes / speed;
  return {
    bytes,
    before: seconds(slots.slice(0, first)),
    between,
    after: seconds(slots.slice(last + 1)),
  };
}

/** Looks at disks while a command runs. @returns a function that ends it and tells how long each was idle */
function watch(disks, speeds) {
  let at = performance.now();
  let seen = disks.map(bytesRead);
  const slots = disks.map(() => []);
  const look = () => {
    const now = performance.now();
    const found = disks.map(bytesRead);
    for (const [i, bytes] of found.entries())
      slots[i].push({ ms: now - at, bytes: bytes - seen[i] });
    [at, seen] = [now, found];
  };
  const timer = setInterval(look, LOOK_MS);
  return () => {
    clearInterval(timer);
    look();
    return slots.map((own, i) => idleOf(own, speeds[i]));
  };
}

/**
 * @param speeds of each disk, bytes in a second
 * @param cpu percent of one core that the commands get, as on a busy machine; 0: whatever is there
 * @returns disks, and functions: one that empties their caches, one that makes a command feel their speed, one that watches
 * them, and those that have one hang and answer again
 */
export function slowDisks(place, mib, speeds, cpu = 0) {
  const disks = speeds.map((_, i) => new SlowDisk(place, `disk${i}`, mib));
  const groups = cpu > 0 ? [GROUP, CPU_GROUP] : [GROUP];
  for (const group of groups) fs.mkdirSync(group, { recursive: true });
  if (cpu > 0) {
    fs.writeFileSync(`${CPU_GROUP}/cpu.cfs_period_us`, String(CPU_PERIOD_US));
    fs.writeFileSync(`${CPU_GROUP}/cpu.cfs_quota_us`, String((CPU_PERIOD_US * cpu) / 100));
  }
  const close = () => {
    // What still waits for a disk holds it.
    if (fs.existsSync(GROUP)) {
      for (const [i, disk] of disks.entries()) if (disk.device !== undefined) throttle(disk, i, 0);
    }
    for (const disk of disks) disk.detach();
    for (const group of groups) if (fs.existsSync(group)) fs.rmdirSync(group);
  };
  process.on('exit', close);
  process.on('SIGINT', () => process.exit(130));
  const throttle = ({ device }, i, speed = speeds[i]) => {
    const numbers = fs.readFileSync(`/sys/block/${path.basename(device)}/dev`, 'latin1').trim();
    fs.writeFileSync(`${GROUP}/blkio.throttle.read_bps_device`, `${numbers} ${speed}`);
  };
  const remount = (readOnly) => {
    for (const [i, disk] of disks.entries()) {
      disk.detach();
      disk.attach(readOnly);
      throttle(disk, i);
    }
  };
  const slowed = (argv) => [
    'sh',
    '-c',
    `${groups.map((group) => `echo $$ >${group}/cgroup.procs`).join(' && ')} && exec "$@"`,
    'sh',
    ...argv,
  ];
  return {
    mounts: disks.map(({ mount }) => mount),
    remount,
    slowed,
    watch: () => watch(disks, speeds),
    /** It answers no more: a byte in a second. What waits is answered once it is released. */
    hang: (i) => throttle(disks[i], i, 1),
    release: (i) => throttle(disks[i], i),
  };
}
