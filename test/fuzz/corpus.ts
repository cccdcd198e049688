import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Inputs kept as files: real bytes, and whatever once went wrong. */

export const nameOf = (bytes: Uint8Array): string =>
  createHash('sha1').update(bytes).digest('hex').slice(0, 12);

/** Inputs of one decoder, in the order of their names. */
export function load(directory: string, decoder: string): { name: string; bytes: Uint8Array }[] {
  const folder = path.join(directory, decoder);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(path.join(folder, name))) }));
}

/** @returns the file */
export function keep(directory: string, decoder: string, bytes: Uint8Array): string {
  const folder = path.join(directory, decoder);
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, nameOf(bytes));
  writeFileSync(file, bytes);
  return file;
}
