import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Fixture, readManifest } from '../../fixtures/unpack.mjs';

/** Where fixtures lie unpacked: beside their archives, or in the system's temporary directory. */
export const UNPACKED = [
  fileURLToPath(new URL('../../fixtures/unpacked/', import.meta.url)),
  path.join(tmpdir(), 'rbd-salvage-fixtures'),
];

/** Name of a fixture's directory in `UNPACKED`; another archive gets another one. */
export const unpackedName = (name: string, fixture: Fixture): string =>
  `${name}-${fixture.sha256.slice(0, 12)}`;

/** What rbd said about a fixture's images while its cluster lived. */
export function truthOf(name: string): Fixture {
  const fixture = readManifest().fixtures[name];
  if (fixture === undefined) throw new Error(`no fixture ${name}`);
  return fixture;
}

/**
 * Absolute path of the directory that holds a fixture's OSDs `0`, `1`, `2`. All tests share it:
 * whoever changes something works on a copy (`copyTree`).
 */
export function fixtureOsds(name: string): string {
  const directory = unpackedName(name, truthOf(name));
  for (const place of UNPACKED) {
    const osds = path.join(place, directory, 'osd');
    if (existsSync(osds)) return osds;
  }
  throw new Error(`fixture ${name} is not unpacked: test/helpers/global-setup.ts does that`);
}

/** A copy with xattrs, holes and times, made by the system's own cp. */
export function copyTree(from: string, to: string): string {
  execFileSync('cp', ['-a', '--sparse=always', '--reflink=auto', from, to]);
  return to;
}

/**
 * A directory for one test file, on a file system that keeps user xattrs where the fixtures are on
 * one. Remove it with `dispose`.
 */
export function workDirectory(): { path: string; dispose: () => void } {
  const place = UNPACKED.find((candidate) => existsSync(candidate)) ?? tmpdir();
  const made = mkdtempSync(path.join(place, 'test-'));
  return { path: made, dispose: () => rmSync(made, { recursive: true, force: true }) };
}
