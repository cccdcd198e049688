import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fixtureOsds } from './fixtures.ts';

/** Files of objects below a directory. */
export function* objectFiles(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory() && !entry.name.endsWith('_TEMP')) yield* objectFiles(file);
    else if (entry.isFile()) yield file;
  }
}

/** Collections of an OSD of fixture `basic`. */
export const collectionsOf = (osd: string): string[] => {
  const current = path.join(fixtureOsds('basic'), osd, 'current');
  return readdirSync(current).flatMap((name) =>
    name.endsWith('_head') ? [path.join(current, name)] : [],
  );
};

/** Copies bytes and nothing else; `undefined`: leave the file out. */
export function copyObjects(
  osd: string,
  to: string,
  rename: (name: string) => string | undefined,
): string {
  mkdirSync(to, { recursive: true });
  for (const file of collectionsOf(osd).flatMap((collection) => [...objectFiles(collection)])) {
    const name = rename(path.basename(file));
    if (name !== undefined) copyFileSync(file, path.join(to, name));
  }
  return to;
}
