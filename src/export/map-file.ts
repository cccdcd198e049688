import { SalvageError } from '../errors/salvage-error.ts';
import { ImageMap, type PartStatus } from './image-map.ts';

/**
 * Map files as GNU ddrescue 1.27 reads and writes them ("Mapfile structure" in its manual): comments,
 * one line with the current position, then lines of position, size and status that leave no gap.
 * Ours have a comment that says which output they belong to.
 */

/** The first line of a map file of ours. */
const TITLE = '# Mapfile of rbd-salvage';
const OURS = '# rbd-salvage: ';
const EVIDENCE = '# evidence: ';

export interface MapFile {
  map: ImageMap;
  /** what the writer put into its comment; undefined in the map file of another program */
  about: unknown;
  /** what the writer noted of how it was proven; undefined as `about` */
  evidence: unknown;
}

/** Did an export of ours write this? Whatever is wrong with the rest of it. */
export const isMapOfOurs = (text: string): boolean => text.startsWith(`${TITLE}\n`);

const hex = (n: number): string => `0x${n.toString(16).toUpperCase().padStart(8, '0')}`;

/**
 * @param about goes into a comment, as JSON in one line
 * @param evidence JSON in one line, for another: it may be long, and is the same in all states of an export
 */
export function formatMapFile(map: ImageMap, about: unknown, evidence = 'null'): string {
  const lines: string[] = [];
  let next: number | undefined;
  for (const { offset, length, status } of map.runs()) {
    if (status === '?') next ??= offset;
    lines.push(`${hex(offset)}  ${hex(length)}  ${status}`);
  }
  return [
    TITLE,
    '# + done, ? not tried yet, - lost, / doubtful',
    OURS + JSON.stringify(about),
    EVIDENCE + evidence,
    '# current_pos  current_status  current_pass',
    `${hex(next ?? 0)}     ${next === undefined ? '+' : '?'}               1`,
    '#      pos        size  status',
    ...lines,
    '',
  ].join('\n');
}

const corrupt = (what: string, line: number) =>
  new SalvageError('CORRUPT', `map file, line ${line}: ${what}`, { structure: 'map file' });

const numberOf = (text: string | undefined, line: number): number => {
  const value = text !== undefined && /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw corrupt('no position or size', line);
  return value;
};

/** ddrescue has two more words for what was tried and is not had yet: trimming and scraping are its own. */
const STATUSES = new Map<string, PartStatus>([
  ['+', '+'],
  ['?', '?'],
  ['*', '?'],
  ['/', '/'],
  ['-', '-'],
]);

interface Line {
  fields: string[];
  number: number;
}

function commentOf(lines: readonly string[], title: string): unknown {
  const line = lines.find((text) => text.startsWith(title));
  if (line === undefined) return undefined;
  try {
    return JSON.parse(line.slice(title.length));
  } catch {
    return undefined;
  }
}

/** @throws CORRUPT when the text is no map file, or one with gaps */
export function parseMapFile(text: string): MapFile {
  const lines = text.split('\n');
  const data: Line[] = lines
    .map((line, i) => ({ fields: line.replace(/#.*/, '').trim().split(/\s+/), number: i + 1 }))
    .filter(({ fields }) => fields[0] !== '');
  // The first is where ddrescue was; the parts follow.
  const parts = data.slice(1).map(({ fields: [position, size, status], number }) => ({
    offset: numberOf(position, number),
    length: numberOf(size, number),
    status: STATUSES.get(status ?? '') ?? fail(number),
    number,
  }));
  if (data.length === 0) throw corrupt('it is empty', lines.length);
  let end = 0;
  for (const { offset, length, number } of parts) {
    if (offset !== end) throw corrupt('its parts leave a gap or overlap', number);
    end += length;
  }
  const map = new ImageMap(end);
  for (const { offset, length, status } of parts) map.set(offset, length, status);
  return { map, about: commentOf(lines, OURS), evidence: commentOf(lines, EVIDENCE) };
}

function fail(line: number): never {
  throw corrupt('no status that is known', line);
}
