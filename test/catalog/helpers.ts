import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { binaryKey } from '../../src/bytes/names.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { CatalogScan, type ScanContext } from '../../src/catalog/scan.ts';
import type { CatalogStorage, TaskRunner } from '../../src/io/ports.ts';
import { detectOsds } from '../../src/store/detect.ts';
import { startPool } from '../../src/workers/pool.ts';
import { copyTree } from '../helpers/fixtures.ts';

/** A copy of a real OSD that a test may change: no journal, and of its collections only some. */
export function smallOsd(
  from: string,
  to: string,
  wanted: (collection: string) => boolean = () => true,
): string {
  mkdirSync(path.join(to, 'current'), { recursive: true });
  for (const name of ['whoami', 'fsid', 'ceph_fsid', 'type']) {
    copyTree(path.join(from, name), path.join(to, name));
  }
  for (const name of readdirSync(path.join(from, 'current'))) {
    if (name.endsWith('_TEMP') || (name.endsWith('_head') && !wanted(name))) continue;
    copyTree(path.join(from, 'current', name), path.join(to, 'current', name));
  }
  return to;
}

export const pool: TaskRunner = startPool(2);

/** Scans OSDs into a catalog, as the command does, with `readers` at a time. */
export async function scanInto(
  storage: CatalogStorage,
  osds: readonly string[],
  context: Partial<ScanContext> = {},
) {
  const progress = { begin: () => {}, advance: () => {}, end: () => {} };
  const lanes = { of: () => ({ device: 'one', readers: 2 }) };
  const catalog = new Catalog(storage);
  const found = osds.flatMap((osd) => detectOsds(osd).osds);
  return new CatalogScan(catalog, { runner: pool, lanes, progress, ...context }).run(found);
}

/** Everything that a catalog knows of its OSDs, in a form that does not depend on how it came there. */
export function contents(storage: CatalogStorage): Record<string, string[]> {
  const all: Record<string, string[]> = {};
  for (const osd of new Catalog(storage).osds()) {
    const lines: string[] = [];
    for (const segment of osd.segments) {
      const place = (unit: number) => binaryKey(segment.units[unit]![0]);
      for (const group of segment.head.groups) {
        const { length, objectNo, snap, hash, unit } = segment.rows(group);
        for (let i = 0; i < length; i++) {
          if (segment.dead.has(unit[i]!)) continue;
          const name = `${binaryKey(group[0])} ${objectNo[i]} ${snap[i]} ${hash[i]} ${binaryKey(group[1])}`;
          lines.push(`${place(unit[i]!)} ${name}`);
        }
      }
      for (const { fileName, unit } of segment.named())
        lines.push(`${place(unit)} ${binaryKey(fileName)}`);
    }
    for (const { ref, omap, data } of [...osd.rbdMetadata(), ...osd.pgMetadata()]) {
      lines.push(`metadata ${binaryKey(ref.fileName)} ${omap?.length} ${data?.length}`);
    }
    all[osd.key] = lines.sort();
  }
  return all;
}
