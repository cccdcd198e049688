import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Cluster } from './trial.ts';

interface Manifest {
  fixtures: Record<string, { sha256: string; images: Cluster['images'] }>;
}

/** The fixtures that are unpacked below a checkout (`npm test` or `npm run fixtures` does that). */
export function clustersIn(root: string, places: readonly string[]): Cluster[] {
  const file = path.join(root, 'fixtures/manifest.json');
  const { fixtures } = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  return Object.entries(fixtures).map(([name, { sha256, images }]) => {
    const directory = `${name}-${sha256.slice(0, 12)}`;
    const place = places.find((candidate) => existsSync(path.join(candidate, directory)));
    if (place === undefined) {
      throw new Error(`fixture ${name} is not unpacked in ${places.join(' or ')}: run npm test`);
    }
    const osds = path.join(place, directory, 'osd');
    if (readdirSync(osds).length === 0) throw new Error(`${osds} is empty`);
    return { name, osds, images };
  });
}
