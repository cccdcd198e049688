import { isSourceFault } from '../../errors/salvage-error.ts';
import type { ByteSource } from '../../io/ports.ts';
import {
  type DeviceLabel,
  decodeLabel,
  isLabel,
  LABEL_BYTES,
  LABEL_COPIES,
  LABEL_TEXT,
} from './label.ts';

/**
 * Finds labels by looking, where nothing tells where a device begins: docs/formats/bluestore.md,
 * "Where the device begins". The number of reads is bounded whatever the size of the disk.
 */

const KIB = 1 << 10;
const MIB = 1 << 20;
const GIB = 2 ** 30;

/** Partitions begin at whole MiB, LVM's extents at 1 MiB and multiples of 4 MiB. */
const FINE_END = 64 * MIB;
const MIB_END = 2 * GIB;
const EXTENT = 4 * MIB;
/** Reads of the sparse rounds: some ten minutes on a disk that spins. */
const MAX_PROBES = 1 << 16;
/** A dying disk takes seconds over each read that fails. */
const MAX_FAILURES = 16;
/** On one disk; more are old ones, or not from Ceph. */
const MAX_LABELS = 256;

/** Positions from `from` on, as far apart as it takes for `MAX_PROBES` to reach the end. */
function* evenly(from: number, end: number, grain: number): Generator<number> {
  const room = Math.max(0, end - from);
  const step = grain * 2 ** Math.max(0, Math.ceil(Math.log2(room / grain / MAX_PROBES)));
  for (let at = from; at < end; at += step) yield at;
}

/** Where a label may begin, likely places first. */
function* places(size: number): Generator<number> {
  for (let at = 0; at < Math.min(size, FINE_END); at += 4 * KIB) yield at;
  for (let at = FINE_END; at < Math.min(size, MIB_END); at += MIB) yield at;
  yield* evenly(MIB_END, size, GIB);
  yield* evenly(MIB_END + MIB, size, GIB);
  yield* evenly(MIB_END + MIB, size, EXTENT);
}

/** A label that passes its checksum, and where it stands. */
export interface LabelPlace {
  at: number;
  label: DeviceLabel;
}

class LabelSearch {
  readonly found = new Map<number, DeviceLabel>();
  readonly #device: ByteSource;
  readonly #text = new Uint8Array(LABEL_TEXT.length);
  #failures = 0;

  constructor(device: ByteSource) {
    this.#device = device;
  }

  run(): void {
    for (const at of places(this.#device.size)) {
      if (this.#failures >= MAX_FAILURES || this.found.size >= MAX_LABELS) return;
      this.#look(at);
    }
  }

  #look(start: number): void {
    // Volumes of one disk lie side by side.
    for (let at: number | undefined = start; at !== undefined && this.found.size < MAX_LABELS; ) {
      const label = this.#labelAt(at);
      if (label === undefined) return;
      this.found.set(at, label);
      at += label.deviceSize;
    }
  }

  #labelAt(at: number): DeviceLabel | undefined {
    if (this.found.has(at) || this.#read(this.#text, at) < this.#text.length) return undefined;
    if (!isLabel(this.#text)) return undefined;
    const bytes = new Uint8Array(LABEL_BYTES);
    return intactLabel(bytes.subarray(0, this.#read(bytes, at)));
  }

  #read(target: Uint8Array, at: number): number {
    try {
      return this.#device.read(target, at);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      this.#failures++;
      return 0;
    }
  }
}

function intactLabel(bytes: Uint8Array): DeviceLabel | undefined {
  try {
    const label = decodeLabel(bytes);
    return label.intact ? label : undefined;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Labels on a disk, by position. */
export function searchLabels(device: ByteSource): LabelPlace[] {
  const search = new LabelSearch(device);
  search.run();
  return [...search.found].map(([at, label]) => ({ at, label })).sort((a, b) => a.at - b.at);
}

/**
 * Where the device of a label begins: the label may be one of Squid's copies, and the first is lost.
 * @param hasCopy tells whether a label of the same OSD stands at a position
 * @param isStart tells whether a device of this OSD begins there for another reason
 */
export function startOf(
  { at, label }: LabelPlace,
  hasCopy: (position: number) => boolean,
  isStart: (position: number) => boolean,
): number {
  if (label.meta.get('multi') !== 'yes') return at;
  const expected = LABEL_COPIES.filter((copy) => copy + LABEL_BYTES <= label.deviceSize);
  const scoreOf = (start: number): number => {
    if (isStart(start)) return 2 * LABEL_COPIES.length;
    const there = expected.filter((copy) => hasCopy(start + copy));
    // The first is lost easily, the others are not.
    const missing = expected.filter((copy) => copy > 0 && !there.includes(copy));
    return there.length - missing.length;
  };
  const starts = expected.map((copy) => at - copy).filter((start) => start >= 0);
  const [best] = starts.sort((a, b) => scoreOf(b) - scoreOf(a));
  return best ?? at;
}
