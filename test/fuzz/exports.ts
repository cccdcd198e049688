import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Folders whose modules make sense of bytes. */
const FOLDERS = ['bytes', 'kv', 'ceph', 'rbd', 'ec', 'store', 'catalog'];

/** Types through which bytes come that nobody vouches for. */
const INPUT =
  /\b(Uint8Array|ByteReader|ByteSource|SourceDirectory|PayloadCursor|JournalRing|OmapEntry|PrefixedKv|CatalogStorage)\b/;

/** `export function NAME(...)` and `export const NAME = (...) =>`, with what they take. */
const EXPORT =
  /^export (?:function\*? (\w+)(?:<[^(]*?>)?|const (\w+) =\s*(?:<\w+>)?)\s*\(([^)]*(?:\([^)]*\)[^)]*)*)\)(?:: | =>)/gm;

export interface ExportedFunction {
  /** below src/ */
  module: string;
  name: string;
}

/** Exported functions of those folders that take bytes in one form or another. */
export function functionsOfBytes(src: string): ExportedFunction[] {
  const found: ExportedFunction[] = [];
  for (const folder of FOLDERS) {
    const files = readdirSync(path.join(src, folder), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.ts')).sort()) {
      const text = readFileSync(path.join(src, folder, file), 'utf8');
      for (const [, declared, assigned, parameters] of text.matchAll(EXPORT)) {
        if (INPUT.test(parameters!)) {
          found.push({ module: `${folder}/${file}`, name: (declared ?? assigned)! });
        }
      }
    }
  }
  return found;
}
