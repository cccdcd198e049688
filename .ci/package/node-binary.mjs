import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** The Node that the tests run on, as npm packages that hold nodejs.org's binaries. */
const VERSION = '20.20.2';
const INTEGRITY = {
  x64: 'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  arm64:
    'sha512-LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==',
};

/** The official `node` of an architecture, out of the registry. @throws when it is not the one known */
export function fetchNode(arch, scratch) {
  const spec = `node-linux-${arch}@${VERSION}`;
  const argv = ['pack', spec, '--silent', '--pack-destination', scratch];
  execFileSync('npm', argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  const packed = path.join(scratch, `node-linux-${arch}-${VERSION}.tgz`);
  const sum = createHash('sha512').update(fs.readFileSync(packed)).digest('base64');
  if (`sha512-${sum}` !== INTEGRITY[arch]) throw new Error(`${spec} is not the package known`);
  const node = path.join(scratch, `node-${arch}`);
  const bytes = execFileSync('tar', ['-xzOf', packed, 'package/bin/node'], { maxBuffer: 1 << 30 });
  fs.writeFileSync(node, bytes, { mode: 0o755 });
  return node;
}
