import { createHash } from 'node:crypto';
import path from 'node:path';
import { nameToText } from '../bytes/names.ts';
import { snapshotName } from '../image/image.ts';
import type { ChosenImage } from './select-image.ts';

/** What the longest suffix beside an image takes: `.raw.report.json`, `.raw.map.new`, `.raw.partial`. */
const SUFFIX_ROOM = 24;
/** NAME_MAX of Linux's file systems, in bytes. */
const NAME_MAX = 255;

const tag = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

/**
 * A name as a file name that every file system and shell can live with: what is no letter, digit or
 * one of `._@+-` becomes %XX, as in a URL, and so does a dot in front; too long ones end in a hash.
 */
export function safeFileName(name: string): string {
  const escaped = [...Buffer.from(name, 'utf8')]
    .map((byte, i) => {
      const char = String.fromCharCode(byte);
      const plain = /[A-Za-z0-9_@+-]/.test(char) || (char === '.' && i > 0);
      return plain ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
  const room = NAME_MAX - SUFFIX_ROOM;
  return escaped.length <= room ? escaped : `${escaped.slice(0, room - 13)}~${tag(name)}`;
}

/**
 * Where each of many images goes: DIR/POOL/[NAMESPACE/]IMAGE[@SNAP].raw. No two get the same file,
 * also where upper and lower case are one: all but the first of such have their id behind the name.
 */
export function outputNames(directory: string, images: readonly ChosenImage[]): string[] {
  const taken = new Set<string>();
  return images.map(({ image, snapshot }) => {
    const namespace = nameToText(image.namespace);
    const pool = image.cluster.poolName(image.pool);
    const place = [pool, ...(namespace === '' ? [] : [namespace])].map(safeFileName);
    const at = snapshot === undefined ? '' : `@${nameToText(snapshotName(snapshot))}`;
    const base = safeFileName(`${nameToText(image.name)}${at}`);
    const named = (name: string) => path.join(directory, ...place, `${name}.raw`);
    let file = named(base);
    if (taken.has(file.toLowerCase())) {
      const { fsid = '' } = image.cluster;
      const prefix = nameToText(image.header.objectPrefix);
      file = named(`${base}~${tag(`${fsid} ${image.pool} ${prefix} ${base}`)}`);
    }
    taken.add(file.toLowerCase());
    return file;
  });
}
