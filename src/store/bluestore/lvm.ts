import type { ByteSource } from '../../io/ports.ts';
import type { Partition } from './gpt.ts';

/**
 * LVM2 physical volumes: docs/formats/bluestore.md, "Where the device begins". Only what leads to
 * linear logical volumes that lie on this disk alone; whatever is not so is left to LVM itself.
 */

const LABEL = 'LABELONE';
/** The label is in one of the first four sectors. */
const LABEL_SECTORS = [0, 512, 1024, 1536];
/** In the label's sector: sector, crc, offset and type before the volume's id. */
const PV_ID_AT = 32;
const PV_ID_BYTES = 32;
/** The metadata is text in the first MiB, old versions of it included. */
const METADATA_AT = 4096;
const METADATA_BYTES = (1 << 20) - METADATA_AT;
const SECTOR = 512;
const MAX_DEPTH = 8;

type Value = string | number | Value[] | Section;
interface Section {
  [name: string]: Value;
}

export interface LogicalVolume extends Partition {
  name: string;
}

export interface PhysicalVolume {
  volumes: LogicalVolume[];
  /** volumes that are striped or mirrored, or lie on other disks too */
  scattered: string[];
}

/** Numbers, strings, names and signs of LVM's configuration text. */
const TOKEN = /\s*(?:#[^\n]*\n\s*)*("(?:[^"\\]|\\.)*"|[{}[\],=]|[^\s{}[\],=#"]+)/y;

class TextParser {
  readonly #tokens: string[] = [];
  #next = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    for (let m = TOKEN.exec(text); m !== null; m = TOKEN.exec(text)) this.#tokens.push(m[1]!);
  }

  section(depth = 0): Section {
    const section: Section = Object.create(null);
    while (this.#next < this.#tokens.length && this.#tokens[this.#next] !== '}') {
      const name = this.#tokens[this.#next++]!;
      const sign = this.#tokens[this.#next++];
      if (sign === '=') section[name] = this.#value();
      else if (sign === '{' && depth < MAX_DEPTH) section[name] = this.section(depth + 1);
      else return section;
    }
    this.#next++;
    return section;
  }

  #value(): Value {
    const token = this.#tokens[this.#next++] ?? '';
    if (token !== '[') return token.startsWith('"') ? token.slice(1, -1) : Number(token);
    const list: Value[] = [];
    while (this.#next < this.#tokens.length) {
      const item = this.#tokens[this.#next++]!;
      if (item === ']') break;
      if (item !== ',') list.push(item.startsWith('"') ? item.slice(1, -1) : Number(item));
    }
    return list;
  }
}

const isSection = (value: Value | undefined): value is Section =>
  typeof value === 'object' && !Array.isArray(value);
const sections = (value: Value | undefined): [string, Section][] =>
  isSection(value)
    ? Object.entries(value).filter((entry): entry is [string, Section] => isSection(entry[1]))
    : [];

const SEQUENCE = /\bseqno = (\d+)/;

/** The newest of the texts that stand in the metadata area. */
function newestText(area: string): string | undefined {
  let best: string | undefined;
  let newest = -1;
  for (const text of area.split(/\0+/)) {
    const sequence = Number(SEQUENCE.exec(text)?.[1] ?? -1);
    if (sequence > newest) [best, newest] = [text, sequence];
  }
  return best;
}

/** This disk's place in a volume group, and the size of extents, in bytes. */
interface Place {
  pv: string;
  start: number;
  extent: number;
}

function placeOf(group: Section, pvId: string): Place | undefined {
  const extent = Number(group.extent_size) * SECTOR;
  for (const [pv, fields] of sections(group.physical_volumes)) {
    if (String(fields.id).replaceAll('-', '') !== pvId) continue;
    const start = Number(fields.pe_start) * SECTOR;
    if (start > 0 && extent > 0) return { pv, start, extent };
  }
  return undefined;
}

/** Where a logical volume lies; undefined when it is not linear, or not on this disk alone. */
function placeOfVolume(volume: Section, { pv, start, extent }: Place): Partition | undefined {
  const segments = sections(volume)
    .filter(([name]) => /^segment\d+$/.test(name))
    .map(([, segment]) => segment)
    .sort((a, b) => Number(a.start_extent) - Number(b.start_extent));
  const stretches: { offset: number; size: number }[] = [];
  let size = 0;
  for (const { stripes, extent_count, start_extent } of segments) {
    if (!Array.isArray(stripes) || stripes.length !== 2 || stripes[0] !== pv) return undefined;
    // A gap would shift all that follows.
    if (Number(start_extent) * extent !== size) return undefined;
    const offset = start + Number(stripes[1]) * extent;
    const length = Number(extent_count) * extent;
    if (!(offset > 0 && length > 0 && Number.isSafeInteger(offset + length))) return undefined;
    const last = stretches.at(-1);
    if (last !== undefined && last.offset + last.size === offset) last.size += length;
    else stretches.push({ offset, size: length });
    size += length;
  }
  const [first] = stretches;
  if (first === undefined) return undefined;
  return stretches.length === 1 ? first : { offset: first.offset, size, stretches };
}

function pvIdOf(device: ByteSource): string | undefined {
  const bytes = Buffer.alloc(4 * SECTOR);
  device.read(bytes, 0);
  for (const at of LABEL_SECTORS) {
    if (bytes.toString('latin1', at, at + LABEL.length) !== LABEL) continue;
    return bytes.toString('latin1', at + PV_ID_AT, at + PV_ID_AT + PV_ID_BYTES);
  }
  return undefined;
}

/** The logical volumes on a disk; undefined where it is no physical volume. @throws SOURCE_IO */
export function readPhysicalVolume(device: ByteSource): PhysicalVolume | undefined {
  const pvId = pvIdOf(device);
  if (pvId === undefined) return undefined;
  const bytes = Buffer.alloc(METADATA_BYTES);
  const area = bytes.toString('latin1', 0, device.read(bytes, METADATA_AT));
  const found: PhysicalVolume = { volumes: [], scattered: [] };
  // The header of the area stands in front of the oldest text, separated by zeros.
  const text = newestText(area);
  if (text === undefined) return found;
  for (const [, group] of sections(new TextParser(text).section())) {
    const place = placeOf(group, pvId);
    if (place === undefined) continue;
    for (const [name, volume] of sections(group.logical_volumes)) {
      const at = placeOfVolume(volume, place);
      if (at === undefined) found.scattered.push(name);
      else found.volumes.push({ name, ...at });
    }
  }
  return found;
}
