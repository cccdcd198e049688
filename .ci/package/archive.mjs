import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const PACKERS = { xz: 'xz -9 -T2', gz: 'gzip -9n' };

/**
 * Packs a directory (`xz`, `gz`) or compresses one file (`xz-alone`). The same content and time give the
 * same bytes.
 * @returns the archive's path
 */
export function archive(from, to, { kind, mtime }) {
  if (kind === 'xz-alone') {
    fs.writeFileSync(to, execFileSync('xz', ['-3', '-T2', '-c', from], { maxBuffer: 1 << 30 }));
    return to;
  }
  const sameForAll = ['--owner=0', '--group=0', '--numeric-owner', '--mode=u+rw,go=rX'];
  const order = ['--sort=name', `--mtime=@${mtime}`, '--format=ustar'];
  const where = ['-C', path.dirname(from), path.basename(from)];
  const argv = ['-c', '-I', PACKERS[kind], '-f', to, ...sameForAll, ...order, ...where];
  execFileSync('tar', argv, { stdio: 'inherit' });
  return to;
}
