import { execFileSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { Random } from '../fuzz/random.ts';
import { editXattr, xattrNames } from '../helpers/xattrs.ts';

/** Ways in which disks, file systems and people damage an OSD. Each says what it did. */

const BLOCK = 4096;

/** Regular files below a directory, one char per byte of their names. */
export function filesBelow(directory: string): string[] {
  const found: string[] = [];
  const visit = (at: Buffer): void => {
    for (const entry of readdirSync(at, { withFileTypes: true, encoding: 'buffer' })) {
      const file = Buffer.concat([at, Buffer.from('/'), entry.name]);
      if (entry.isDirectory()) visit(file);
      else if (entry.isFile()) found.push(file.toString('latin1'));
    }
  };
  visit(Buffer.from(directory));
  return found.sort();
}

const raw = (name: string): Buffer => Buffer.from(name, 'latin1');
const short = (osd: string, file: string): string => path.relative(path.dirname(osd), file);

/** Changes a stretch of a file in place; its length and xattrs stay. */
function edit(file: string, at: number, change: (bytes: Buffer) => void, length = BLOCK): void {
  const fd = openSync(raw(file), 'r+');
  try {
    const bytes = Buffer.alloc(length);
    const n = readSync(fd, bytes, 0, length, at);
    change(bytes.subarray(0, n));
    writeSync(fd, bytes, 0, n, at);
  } finally {
    closeSync(fd);
  }
}

/** Offsets of blocks that are not zero: the rest of a device or journal is of no interest. */
const usedBlocks = new Map<string, number[]>();
function blocksOf(file: string): number[] {
  const { size, mtimeMs, ino } = statSync(raw(file));
  const key = `${ino} ${size} ${mtimeMs}`;
  const known = usedBlocks.get(key);
  if (known !== undefined) return known;
  const found: number[] = [];
  const fd = openSync(raw(file), 'r');
  const bytes = Buffer.alloc(1 << 20);
  const zeros = Buffer.alloc(1 << 20);
  for (let at = 0; at < size; at += bytes.length) {
    const n = readSync(fd, bytes, 0, bytes.length, at);
    if (bytes.subarray(0, n).equals(zeros.subarray(0, n))) continue;
    for (let i = 0; i < n; i += BLOCK) {
      const end = Math.min(i + BLOCK, n);
      if (!bytes.subarray(i, end).equals(zeros.subarray(i, end))) found.push(at + i);
    }
  }
  closeSync(fd);
  usedBlocks.set(key, found);
  return found;
}

/** A block of a file that holds something, and where in it. */
const place = (random: Random, file: string): number | undefined => {
  const blocks = blocksOf(file);
  return blocks.length === 0 ? undefined : random.pick(blocks);
};

type OnFile = (random: Random, file: string, others: readonly string[]) => string | undefined;

const flipBits: OnFile = (random, file) => {
  const at = place(random, file);
  if (at === undefined) return undefined;
  edit(file, at, (bytes) => {
    for (let n = random.small(4); n >= 0; n--)
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  });
  return `bits flipped at ${at}`;
};

const zeroBlocks: OnFile = (random, file) => {
  const at = place(random, file);
  if (at === undefined) return undefined;
  const length = BLOCK * (1 + random.small(16));
  edit(file, at, (bytes) => bytes.fill(0), length);
  return `${length} bytes zeroed at ${at}`;
};

const garbage: OnFile = (random, file) => {
  const at = place(random, file);
  if (at === undefined) return undefined;
  const noise = new Random(random.u32());
  edit(file, at, (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = noise.below(256);
  });
  return `a block of noise at ${at}`;
};

/** A misdirected write: a block stands where another should. */
const moveBlock: OnFile = (random, file) => {
  const [from, to] = [place(random, file), place(random, file)];
  if (from === undefined || to === undefined || from === to) return undefined;
  const fd = openSync(raw(file), 'r');
  const bytes = Buffer.alloc(BLOCK);
  const n = readSync(fd, bytes, 0, BLOCK, from);
  closeSync(fd);
  edit(file, to, (there) => bytes.copy(there, 0, 0, n));
  return `block ${from} written over block ${to}`;
};

const truncate: OnFile = (random, file) => {
  const { size } = statSync(raw(file));
  const at = place(random, file) ?? 0;
  const to = random.chance(4)
    ? 0
    : Math.min(size, at + random.pick([0, 1, 7, 512, random.below(BLOCK)]));
  truncateSync(raw(file), to);
  return `cut from ${size} to ${to} bytes`;
};

const grow: OnFile = (random, file) => {
  const fd = openSync(raw(file), 'r+');
  const { size } = fstatSync(fd);
  const to = size + random.pick([1, BLOCK, 1 << 24, 2 ** 33]);
  ftruncateSync(fd, to);
  closeSync(fd);
  return `grown from ${size} to ${to} bytes`;
};

const remove: OnFile = (_, file) => {
  rmSync(raw(file));
  return 'removed';
};

/** As a file system check that mixes up inodes does. */
const swap: OnFile = (random, file, others) => {
  const other = random.pick(others);
  if (other === file) return undefined;
  const aside = raw(`${file}.swapped`);
  renameSync(raw(file), aside);
  renameSync(raw(other), raw(file));
  renameSync(aside, raw(other));
  return `swapped with ${other}`;
};

const toDirectory: OnFile = (_, file) => {
  rmSync(raw(file));
  mkdirSync(raw(file));
  return 'replaced by a directory';
};

const toLoop: OnFile = (_, file) => {
  rmSync(raw(file));
  symlinkSync(raw(path.basename(file)), raw(file));
  return 'replaced by a link to itself';
};

const toPipe: OnFile = (_, file) => {
  rmSync(raw(file));
  // Names that are no UTF-8 do not survive as arguments.
  const made = path.join(path.dirname(file), 'pipe');
  execFileSync('mkfifo', [made]);
  renameSync(made, raw(file));
  return 'replaced by a pipe';
};

const ON_FILES: Record<string, OnFile> = {
  ...{ flipBits, zeroBlocks, garbage, moveBlock, truncate, grow, remove },
  ...{ swap, toDirectory, toLoop, toPipe },
};

/** What an OSD's files are for: damage is to hit each kind, not only the many. */
function kindOf(osd: string, file: string): string {
  const name = path.relative(osd, file);
  if (/^block/.test(name)) return name;
  if (/^journal$/.test(name)) return 'journal';
  if (/^current\/omap\//.test(name)) return 'omap';
  if (/^current\/meta\//.test(name)) return 'meta';
  if (/^current\/[^/]+$/.test(name) || !name.includes('/')) return 'small';
  return /rbd\\udata|\/rb\./.test(name) ? 'data' : 'objects';
}

function onFile(
  random: Random,
  osd: string,
  changes: readonly [string, OnFile][] = Object.entries(ON_FILES),
): string | undefined {
  const files = filesBelow(osd);
  const kinds = new Set(files.map((file) => kindOf(osd, file)));
  const kind = random.pick([...kinds].sort());
  const candidates = files.filter((file) => kindOf(osd, file) === kind);
  const file = random.pick(candidates);
  const [name, change] = random.pick(changes);
  const did = change(random, file, candidates);
  return did === undefined ? undefined : `${short(osd, file)}: ${name}: ${did}`;
}

const FOREIGN = [
  'lost+found',
  '.DS_Store',
  'core.12345',
  'a_b_c_d_e_f',
  'rbd\\udata.1029d933174.0000000000000000__head_00000000__3.bak',
  'rbd\\udata.zzzz.00000000000000zz__head_XXXXXXXX__2',
  'DIR_Q',
  'x'.repeat(250),
  '\xff\xfe\x80',
  '000099.sst',
  '000099.log',
  'MANIFEST-999999',
];

/** Files and directories that are none of Ceph's. */
function addForeign(random: Random, osd: string): string {
  const directories = [...new Set(filesBelow(osd).map((file) => path.dirname(file)))];
  const directory = random.pick(directories);
  const target = path.posix.join(directory, random.pick(FOREIGN));
  const noise = Buffer.from(Array.from({ length: random.below(9000) }, () => random.below(256)));
  if (random.chance(3)) mkdirSync(raw(target), { recursive: true });
  else writeFileSync(raw(target), noise);
  return `${short(osd, target)}: added`;
}

function removeDirectory(random: Random, osd: string): string | undefined {
  const current = path.join(osd, 'current');
  const all = [...new Set(filesBelow(osd).map((file) => path.dirname(file)))].filter((directory) =>
    directory.startsWith(`${current}/`),
  );
  if (all.length === 0) return undefined;
  const directory = random.pick(all);
  rmSync(raw(directory), { recursive: true });
  return `${short(osd, directory)}: removed with all that is in it`;
}

/** Copies made without `-X`, or a file system that lost them. */
function dropXattrs(random: Random, osd: string): string | undefined {
  const files = filesBelow(osd).filter((file) => ['data', 'objects'].includes(kindOf(osd, file)));
  if (files.length === 0) return undefined;
  const file = random.pick(files);
  const content = readFileSync(raw(file));
  rmSync(raw(file));
  writeFileSync(raw(file), content);
  return `${short(osd, file)}: xattrs gone`;
}

/** Attributes have no checksum of their own on FileStore. */
function flipXattr(random: Random, osd: string): string | undefined {
  const files = filesBelow(osd).filter((file) => ['data', 'objects'].includes(kindOf(osd, file)));
  if (files.length === 0) return undefined;
  const file = random.pick(files);
  const names = xattrNames(raw(file));
  if (names.length === 0) return undefined;
  const name = random.pick(names);
  let at = 0;
  editXattr(raw(file), name, (value) => {
    at = random.below(value.length);
    if (value.length > 0) value[at]! ^= 1 << random.below(8);
  });
  return `${short(osd, file)}: ${name}: byte ${at} flipped`;
}

/** A clone or head that is another object's, with all its attributes. */
function foreignCopy(random: Random, osd: string): string | undefined {
  const files = filesBelow(osd).filter((file) => kindOf(osd, file) === 'data');
  if (files.length < 2) return undefined;
  const [file, other] = [random.pick(files), random.pick(files)];
  if (file === other) return undefined;
  writeFileSync(raw(file), readFileSync(raw(other)));
  return `${short(osd, file)}: content of ${path.basename(other)}`;
}

/** An OSD's devices or journal of another one's. */
function exchangeDevice(random: Random, osd: string, sibling: string): string | undefined {
  const names = ['block', 'block.db', 'block.wal', 'journal', 'superblock', 'fsid', 'whoami'];
  const name = random.pick(names.filter((n) => readdirSync(osd).includes(n)));
  if (name === undefined || !readdirSync(sibling).includes(name)) return undefined;
  rmSync(path.join(osd, name), { recursive: true });
  cpSync(path.join(sibling, name), path.join(osd, name));
  return `${path.basename(osd)}/${name}: that of ${sibling}`;
}

/** Each as often as it stands here; what is done to single files is most of it. */
type Way = (random: Random, osd: string, sibling: string) => string | undefined;
const WAYS: readonly Way[] = [
  ...[addForeign, removeDirectory, dropXattrs, foreignCopy, flipXattr, flipXattr],
  (random, osd, sibling) => (random.chance(3) ? exchangeDevice(random, osd, sibling) : undefined),
  ...Array.from({ length: 15 }, (): Way => (random, osd) => onFile(random, osd)),
];

function waysOf(name: string): Way {
  const way = WAYS.find((candidate) => candidate.name === name);
  if (way !== undefined) return way;
  const change = ON_FILES[name];
  if (change === undefined) throw new Error(`no way ${name} to damage an OSD`);
  return (random, osd) => onFile(random, osd, [[name, change]]);
}

/**
 * Damages an OSD once.
 * @param osd a copy of an OSD's directory that may be changed
 * @param sibling another OSD's directory, which is only read
 * @param only what to do, where it is not to be left to chance: a name of `ON_FILES` or a function's
 * @returns what was done
 */
export function corrupt(random: Random, osd: string, sibling: string, only?: string): string {
  for (;;) {
    const ways = only === undefined ? WAYS : [waysOf(only)];
    const did = random.pick(ways)(random, osd, sibling);
    if (did !== undefined) return did;
  }
}

/** FileStore has no checksum for most data: only comparing copies shows what these do to it. */
export const needsComparing = (did: string): boolean =>
  /rbd\\udata|\/rb\./.test(did) &&
  !/: (remove|truncate|swap|toDirectory|toLoop|toPipe|added)/.test(did);
