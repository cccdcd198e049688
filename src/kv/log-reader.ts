import { ByteReader } from '../bytes/byte-reader.ts';
import { maskedCrc32c } from '../bytes/crc32c.ts';
import { bytesEqual } from '../bytes/names.ts';
import type { DamageReporter } from '../errors/damage.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { ByteSource } from '../io/ports.ts';

/**
 * Records of a write-ahead log or MANIFEST (docs/formats/kv.md, "Logs"). Works on both LevelDB's
 * and RocksDB's, which differ only in record types that LevelDB never writes.
 */

/** Records never cross the border of such a block; longer ones are cut into fragments. */
const BLOCK = 32768;
/** Made ready in advance a log ends in some ten MB of zeros; a size that is a mere claim, in as many as it likes. */
const MAX_BLANK = 256 << 20;
const HEADER = 7;
/** types 5 to 8 (and 11, 131): the u32 log number follows the type */
const RECYCLABLE_HEADER = 11;

/** Record types; source: RocksDB `db/log_format.h`, 7.9. */
const TYPE = {
  zero: 0,
  full: 1,
  first: 2,
  middle: 3,
  last: 4,
  recyclableFull: 5,
  recyclableLast: 8,
  /** from here on the log is one compressed stream */
  compression: 9,
  timestampSizes: 10,
  recyclableTimestampSizes: 11,
  recyclablePredecessor: 131,
} as const;
/** A type with this bit may be skipped by readers that do not know it. */
const IGNORABLE = 0x80;

export interface LogRecord {
  /** valid until the next record is asked for */
  payload: Uint8Array;
  /** of its first fragment, in the file */
  offset: number;
}

export interface LogOptions {
  /** the file's own number; recyclable records of another number are left over from earlier use */
  number: number;
  /** of its kind, so that a torn end is the normal end of a writer that was killed */
  newest: boolean;
  report: DamageReporter;
}

interface Fragment {
  type: number;
  payload: Uint8Array;
  offset: number;
}

interface Gap {
  offset: number;
  dropped: number;
  reason: string;
  /** nothing but zeros: space allocated ahead when no record follows */
  blank: boolean;
}

const ZEROS = new Uint8Array(BLOCK);
const isBlank = (bytes: Uint8Array): boolean => bytesEqual(bytes, ZEROS.subarray(0, bytes.length));

const isRecyclable = (type: number): boolean =>
  (type >= TYPE.recyclableFull && type <= TYPE.recyclableLast) ||
  type === TYPE.recyclableTimestampSizes ||
  type === TYPE.recyclablePredecessor;

/** Keeps what was dropped until it is known whether records follow, then words it accordingly. */
class GapKeeper {
  readonly #path: string;
  readonly #options: LogOptions;
  #gaps: Gap[] = [];

  constructor(path: string, options: LogOptions) {
    this.#path = path;
    this.#options = options;
  }

  add(gap: Gap): void {
    const before = this.#gaps.at(-1);
    const adjoins = before !== undefined && before.offset + before.dropped === gap.offset;
    if (!adjoins) this.#gaps.push(gap);
    else {
      before.dropped += gap.dropped;
      if (before.blank && !gap.blank) before.reason = gap.reason;
      before.blank &&= gap.blank;
    }
  }

  #report(gap: Gap, prefix: string, harmless = false): void {
    const { offset, dropped, reason } = gap;
    const damage = { path: this.#path, offset, dropped, reason: `${prefix}${reason}` };
    this.#options.report(harmless ? { ...damage, harmless } : damage);
  }

  /** A good record follows: whatever was dropped was dropped from the middle. */
  flush(): void {
    if (this.#gaps.length === 0) return;
    for (const gap of this.#gaps) this.#report(gap, 'log record dropped: ');
    this.#gaps = [];
  }

  /** The file ends here. */
  end(): void {
    const { newest } = this.#options;
    const prefix = newest ? 'end of the log: ' : 'tail of a closed log dropped: ';
    for (const gap of this.#gaps) if (!gap.blank) this.#report(gap, prefix, newest);
    this.#gaps = [];
  }
}

/** What a block yields: fragments, and gaps between them. `stop` ends the log. */
type BlockItem = Fragment | Gap | 'stop';

/** One record at `reader.pos`, or why there is none; a gap always takes the rest of the block. */
function readFragment(reader: ByteReader, logNumber: number): BlockItem {
  const { pos, offset } = reader;
  const rest = reader.remaining;
  const gap = (reason: string): Gap => {
    const blank = isBlank(reader.bytes.subarray(pos));
    reader.seek(reader.length);
    return { offset, dropped: rest, reason, blank };
  };
  const checksum = reader.u32();
  const length = reader.u16();
  const type = reader.u8();
  if (type === TYPE.zero && length === 0) return gap('zeros where a record should be');
  const header = isRecyclable(type) ? RECYCLABLE_HEADER : HEADER;
  if (header + length > rest) return gap('a record is longer than what is left');
  const end = pos + header + length;
  if (maskedCrc32c(reader.bytes.subarray(pos + 6, end)) !== checksum) {
    return gap('a record has a wrong checksum');
  }
  if (header === RECYCLABLE_HEADER && reader.u32() !== logNumber % 2 ** 32) return 'stop';
  return { type, payload: reader.take(length), offset };
}

/** Fragments and gaps of one block. */
function* blockItems(reader: ByteReader, logNumber: number): Generator<BlockItem> {
  while (reader.remaining >= HEADER) {
    const short = reader.remaining < RECYCLABLE_HEADER;
    const item = readFragment(reader, logNumber);
    // 7 to 10 zeros are how a block of recyclable records ends.
    const padding = short && item !== 'stop' && 'blank' in item && item.blank;
    if (!padding) yield item;
  }
  const { offset, remaining } = reader;
  if (remaining > 0 && !isBlank(reader.rest())) {
    yield { offset, dropped: remaining, reason: 'a record header is cut short', blank: false };
  }
}

/** Reads `target` full; what cannot be read becomes a gap and is left out. */
function readBlock(source: ByteSource, target: Uint8Array, offset: number): Uint8Array | Gap {
  try {
    return target.subarray(0, source.read(target, offset));
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    const dropped = Math.min(BLOCK, source.size - offset);
    return { offset, dropped, reason: errorText(error), blank: false };
  }
}

function* logItems(source: ByteSource, logNumber: number): Generator<BlockItem> {
  const buffer = new Uint8Array(BLOCK);
  let blank = 0;
  for (let offset = 0; offset < source.size; offset += BLOCK) {
    const block = readBlock(source, buffer, offset);
    blank = block instanceof Uint8Array && isBlank(block) ? blank + BLOCK : 0;
    if (blank > MAX_BLANK) {
      const reason = `zeros for ${MAX_BLANK} bytes: the rest is left out`;
      yield { offset, dropped: source.size - offset, reason, blank: false };
      return;
    }
    if (!(block instanceof Uint8Array)) yield block;
    else yield* blockItems(new ByteReader(block, 'log block', offset), logNumber);
  }
}

/** Puts fragments together again. */
class Assembly {
  #parts: Uint8Array[] = [];
  #offset = 0;
  #bytes = 0;

  get open(): boolean {
    return this.#parts.length > 0;
  }
  start(fragment: Fragment): void {
    this.#offset = fragment.offset;
    this.#bytes = 0;
    this.#parts = [];
    this.add(fragment.payload);
  }
  add(payload: Uint8Array): void {
    this.#parts.push(payload.slice());
    this.#bytes += payload.length;
  }
  finish(): LogRecord {
    const payload = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    return { payload, offset: this.#offset };
  }
  /** Gives up what was collected; `undefined` when nothing was. */
  abandon(): Gap | undefined {
    if (!this.open) return undefined;
    this.#parts = [];
    const reason = 'a record breaks off in the middle';
    return { offset: this.#offset, dropped: this.#bytes, reason, blank: false };
  }
}

/** Adds the fragment; the whole record when this was its last one. */
function assemble(assembly: Assembly, fragment: Fragment, gaps: GapKeeper): LogRecord | undefined {
  const { payload, offset } = fragment;
  const type = fragment.type > TYPE.last ? fragment.type - TYPE.last : fragment.type;
  const starts = type === TYPE.full || type === TYPE.first;
  if (starts) {
    const lost = assembly.abandon();
    if (lost !== undefined) gaps.add(lost);
    if (type === TYPE.full) return { payload, offset };
    assembly.start(fragment);
    return undefined;
  }
  if (!assembly.open) {
    const reason = 'a record whose beginning is lost';
    gaps.add({ offset, dropped: payload.length, reason, blank: false });
    return undefined;
  }
  assembly.add(payload);
  return type === TYPE.last ? assembly.finish() : undefined;
}

const isData = (type: number): boolean => type >= TYPE.full && type <= TYPE.recyclableLast;
const mayBeSkipped = (type: number): boolean =>
  type === TYPE.timestampSizes || type === TYPE.recyclableTimestampSizes || type >= IGNORABLE;

/**
 * The records of a log, in order. A bad one costs the rest of its 32 KiB block (its length cannot
 * be trusted); what was dropped is reported when the next good record, or the end, is reached.
 */
export function* readLog(source: ByteSource, options: LogOptions): Generator<LogRecord> {
  const gaps = new GapKeeper(source.path, options);
  const assembly = new Assembly();
  const breakOff = () => {
    const lost = assembly.abandon();
    if (lost !== undefined) gaps.add(lost);
  };
  for (const item of logItems(source, options.number)) {
    if (item === 'stop') break;
    if ('reason' in item) {
      breakOff();
      gaps.add(item);
    } else if (isData(item.type)) {
      const record = assemble(assembly, item, gaps);
      if (record === undefined) continue;
      gaps.flush();
      yield record;
    } else if (!mayBeSkipped(item.type)) {
      const { offset, type } = item;
      const reason = `log record type ${type} is not supported; the rest of the log is left out`;
      options.report({ path: source.path, offset, dropped: source.size - offset, reason });
      break;
    }
  }
  breakOff();
  gaps.end();
}
