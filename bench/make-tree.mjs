// A synthetic FileStore cluster of empty object files; see README.md. Prints its directory.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeLevelDb } from './lib/leveldb.mjs';
import { omapEntries, string, u32, u64 } from './lib/omap.mjs';
import { options, tool, WORK } from './lib/tools.mjs';
import { setXattr } from './lib/xattr.mjs';

const POOL = 2;
const CLONES = 1.03;
const FSID = '3b0e9f52-1111-4222-8333-444455556666';
/** Files that a folder holds: FileStore splits one at 320 by default. */
const FOLDER = 200;

const DEFAULTS = { copies: 1_000_000, osds: 3, size: 1, images: 60 };

/** Index levels, so that folders come nearest to FOLDER, and a pg_num that they can hold. */
function shape(objects) {
  const off = (depth) => Math.abs(Math.log(objects / 16 ** depth / FOLDER));
  const depth = [1, 2, 3, 4].reduce((best, d) => (off(d) < off(best) ? d : best));
  return { depth, pgNum: Math.min(256, 16 ** depth / 8) };
}

const imageId = (i) => `${(0x10200 + i * 7).toString(16)}6b8b4567`;

/** Metadata of an image, as omap. */
function headerOmap(i, objects) {
  return {
    features: u64(1),
    object_prefix: string(`rbd_data.${imageId(i)}`),
    order: Buffer.from([22]),
    size: u64(objects * (1 << 22)),
    snap_seq: u64(0),
  };
}

function metadataObjects({ images, objects, hash }) {
  const named = (name, omap) => ({ name, hash: hash(name), pool: POOL, omap });
  const directory = {};
  for (let i = 0; i < images; i++) {
    directory[`id_${imageId(i)}`] = string(`image${i}`);
    directory[`name_image${i}`] = string(imageId(i));
  }
  const headers = Array.from({ length: images }, (_, i) =>
    named(`rbd_header.${imageId(i)}`, headerOmap(i, Math.ceil(objects / images))),
  );
  return [named('rbd_directory', directory), ...headers];
}

const pgMeta = (seed) => ({ name: '', hash: seed, pool: POOL, omap: { _epoch: u32(42) } });

const fileName = ({ name, hash, pool }) =>
  `${name.replace(/_/g, '\\u')}__head_${hash.toString(16).toUpperCase().padStart(8, '0')}__${pool.toString(16)}`;

/** The deepest directory that there is for a hash. */
function folder(current, pgNum, hash) {
  let at = path.join(current, `${POOL}.${(hash & (pgNum - 1)).toString(16)}_head`);
  for (let bits = hash; ; bits >>>= 4) {
    const below = path.join(at, `DIR_${(bits & 15).toString(16).toUpperCase()}`);
    if (!fs.existsSync(below)) return at;
    at = below;
  }
}

const holds = (pg, osd, { osds, size }) => (osd + osds - (pg % osds)) % osds < size;

function finishOsd(directory, osd, tree, metadata) {
  const write = (name, text) => fs.writeFileSync(path.join(directory, name), `${text}\n`);
  write('whoami', osd);
  write('fsid', `6c1f2a10-0000-4000-8000-${String(osd).padStart(12, '0')}`);
  write('ceph_fsid', FSID);
  write('type', 'filestore');
  write('current/commit_op_seq', 42);
  const current = path.join(directory, 'current');
  const pgs = Array.from({ length: tree.pgNum }, (_, seed) => pgMeta(seed));
  const own = [...pgs, ...metadata].filter(({ hash }) => holds(hash & (tree.pgNum - 1), osd, tree));
  for (const object of own) {
    const at = folder(current, tree.pgNum, object.hash);
    fs.mkdirSync(at, { recursive: true });
    const file = fs.openSync(path.join(at, fileName(object)), 'w');
    // Says that no attribute is in the database: FileStore sets it on every file that it makes.
    setXattr(file, 'user.cephos.spill_out', Buffer.from('0\0'));
    fs.closeSync(file);
  }
  writeLevelDb(path.join(current, 'omap'), omapEntries(own));
}

/**
 * Makes a tree unless it is there.
 * @param places where each OSD's directory is to lie, if not all beside each other
 * @returns its OSDs' directories, and how it is built
 */
export async function makeTree(wanted, places) {
  const { copies, osds, size, images } = { ...DEFAULTS, ...wanted };
  const objects = Math.round(copies / size / CLONES);
  const tree = { copies, osds, size, images, objects, ...shape(objects) };
  const kind = places === undefined ? 'tree' : 'placed';
  const root = path.join(WORK, `${kind}-${copies}-${osds}x${size}-${images}`);
  const paths = Array.from({ length: osds }, (_, i) => path.join(root, `osd.${i}`));
  const done = path.join(root, 'tree.json');
  if (fs.existsSync(done)) return { root, paths, ...tree };
  fs.rmSync(root, { recursive: true, force: true });
  fs.mkdirSync(root, { recursive: true });
  for (const [i, place] of (places ?? []).entries()) {
    fs.rmSync(place, { recursive: true, force: true });
    fs.mkdirSync(place);
    fs.symlinkSync(place, paths[i]);
  }
  for (const osd of paths) fs.mkdirSync(path.join(osd, 'current/meta'), { recursive: true });
  const { depth, pgNum } = tree;
  const args = [root, objects, osds, size, images, pgNum, depth, POOL].map(String);
  execFileSync(tool('make-tree'), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const { cephStrHashRjenkins } = await import('../dist/ceph/placement.js');
  const hash = (name) => cephStrHashRjenkins(Buffer.from(name));
  const metadata = metadataObjects({ images, objects, hash });
  for (const [i, osd] of paths.entries()) finishOsd(osd, i, tree, metadata);
  fs.writeFileSync(done, JSON.stringify(tree));
  return { root, paths, ...tree };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { root } = await makeTree(options(DEFAULTS));
  process.stdout.write(`${root}\n`);
}
