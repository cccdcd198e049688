import { corruptError, errorText } from '../errors/salvage-error.ts';
import type { CatalogStorage } from '../io/ports.ts';
import type { MetadataObject } from './metadata.ts';
import { unpackMetadata } from './metadata-record.ts';
import {
  type OsdBegin,
  type OsdEnd,
  type OsdMapRecord,
  osdName,
  type ScanBegin,
} from './osd-records.ts';
import { pack, unpack } from './packing.ts';
import { RECORD, type RecordEntry, RecordLog } from './record-log.ts';
import { Segment } from './segment.ts';

/** An OSD as a catalog knows it. */
export interface CatalogOsd extends OsdBegin {
  segments: Segment[];
  /** positions of segments that cannot be used */
  lost: number[];
  /** undefined: its scan has not finished */
  end: OsdEnd | undefined;
  /** RBD metadata objects; read when called. @throws CORRUPT */
  rbdMetadata(): MetadataObject[];
  /** PG metadata objects; read when called. @throws CORRUPT */
  pgMetadata(): MetadataObject[];
}

export interface CatalogOsdMap extends OsdMapRecord {
  bytes: Uint8Array;
}

/** Records that belong to an OSD begin with its key: u8 length, key. */
export const owned = (key: string, body: Uint8Array): Uint8Array => {
  const name = Buffer.from(key);
  return Buffer.concat([Buffer.from([name.length]), name, body]);
};

interface OsdState {
  begin: OsdBegin;
  segments: RecordEntry[];
  rbd?: RecordEntry;
  pg?: RecordEntry;
  end?: OsdEnd;
  opened?: CatalogOsd;
}

/**
 * One catalog file, open. Opening reads the heads of its records and segments; rows and metadata
 * are read when they are asked for.
 */
export class Catalog {
  readonly path: string;
  readonly log: RecordLog;
  /** why parts of it could not be used */
  readonly problems: string[] = [];
  readonly #states = new Map<string, OsdState>();
  readonly #maps: RecordEntry[] = [];
  /** OSDs of the scan whose records are being read; undefined between scans */
  #scanning: readonly string[] | undefined;
  /** OSDs of which something may be missing here, until a later scan of them */
  readonly #doubtful = new Set<string>();

  /** @throws CORRUPT when it is not a catalog */
  constructor(storage: CatalogStorage) {
    this.path = storage.path;
    this.log = new RecordLog(storage);
    const { entries, gaps, torn } = this.log;
    if (torn > 0) {
      this.problems.push(
        `${this.path}: ${torn} bytes at its end are of no use: cut short or damaged`,
      );
    }
    let gap = 0;
    for (const [i, entry] of entries.entries()) {
      if (gaps[gap]?.entry === i) {
        const { at, length } = gaps[gap++]!;
        this.#lose(`${this.path}: ${length} damaged bytes at 0x${at.toString(16)}`);
      }
      this.#apply(entry);
    }
    for (const [key, { begin, end }] of this.#states) {
      if (end !== undefined || this.#doubtful.has(key) || this.#scanning !== undefined) continue;
      const name = osdName(begin.identity, begin.location.path);
      this.problems.push(`${this.path}: the scan of ${name} was not finished: objects are missing`);
    }
  }

  /**
   * A scan of it was begun and not finished, its end is cut off, or parts are damaged that no later
   * scan has made good.
   */
  get unfinished(): boolean {
    const { entries, torn } = this.log;
    const open = entries.length === 0 || torn > 0 || this.#scanning !== undefined;
    return open || this.#doubtful.size > 0;
  }

  /** Notes that records are lost which belonged to the scan being read, if that can be told. */
  #lose(problem: string): void {
    this.problems.push(problem);
    for (const key of this.#scanning ?? this.#states.keys()) this.#doubtful.add(key);
  }

  #apply(entry: RecordEntry): void {
    try {
      this.#applyRecord(entry);
    } catch (error) {
      this.#lose(errorText(error));
    }
  }

  #applyRecord(entry: RecordEntry): void {
    const { log } = this;
    switch (entry.type) {
      case RECORD.scanBegin:
        // Should its list be unreadable: no scan is known to have ended since.
        this.#scanning = [];
        this.#scanning = unpack<ScanBegin>(log.payload(entry), 'scan').osds;
        break;
      case RECORD.scanEnd:
        for (const key of this.#scanning ?? []) {
          if (this.#states.get(key)?.end === undefined) this.#doubtful.add(key);
        }
        this.#scanning = undefined;
        break;
      case RECORD.osdBegin: {
        const begin = unpack<OsdBegin>(log.payload(entry), 'osd');
        const segments = this.#states.get(begin.key)?.segments ?? [];
        this.#states.set(begin.key, { ...this.#states.get(begin.key), begin, segments });
        delete this.#states.get(begin.key)!.end;
        this.#doubtful.delete(begin.key);
        break;
      }
      case RECORD.segment:
        this.#owner(entry).segments.push(entry);
        break;
      case RECORD.rbdMetadata:
        this.#owner(entry).rbd = entry;
        break;
      case RECORD.pgMetadata:
        this.#owner(entry).pg = entry;
        break;
      case RECORD.osdMap:
        this.#maps.push(entry);
        break;
      case RECORD.osdEnd: {
        const end = unpack<OsdEnd>(log.payload(entry), 'osd end');
        const state = this.#states.get(end.key);
        if (state !== undefined) state.end = end;
        break;
      }
    }
  }

  #owner(entry: RecordEntry): OsdState {
    const { storage } = this.log;
    const length = storage.read(entry.at, Math.min(1, entry.length))[0] ?? 0;
    const key = Buffer.from(storage.read(entry.at + 1, length)).toString();
    const state = this.#states.get(key);
    if (state !== undefined) return state;
    // In a scan that is known to be one of its OSDs, all of which are doubtful then.
    if (this.#scanning === undefined) this.#doubtful.add(key);
    throw corruptError(`${this.path}: a record of ${key} before its begin`);
  }

  /** Position and length of an owned record's body. */
  #body(entry: RecordEntry): { at: number; length: number } {
    const skip = 1 + this.log.storage.read(entry.at, 1)[0]!;
    return { at: entry.at + skip, length: entry.length - skip };
  }

  osds(): CatalogOsd[] {
    return [...this.#states.values()].map((state) => {
      state.opened ??= this.#osd(state);
      return state.opened;
    });
  }

  #osd(state: OsdState): CatalogOsd {
    const { storage } = this.log;
    const { key } = state.begin;
    const dead = new Map(state.end?.dead);
    const segments: Segment[] = [];
    const lost: number[] = [];
    const name = `${this.path}, segment of ${osdName(state.begin.identity, state.begin.location.path)}`;
    for (const entry of state.segments) {
      const units = dead.get(entry.at);
      const { at, length } = this.#body(entry);
      const read = (from: number, n: number) => storage.read(at + from, n);
      try {
        if (units === null) lost.push(entry.at);
        else segments.push(opened(new Segment(read, length, entry.at, name), units));
      } catch (error) {
        lost.push(entry.at);
        this.#doubtful.add(key);
        this.problems.push(errorText(error));
      }
    }
    const metadata = (entry: RecordEntry | undefined): MetadataObject[] => {
      if (entry === undefined) return [];
      const body = this.log.payload(entry);
      return unpackMetadata(body.subarray(1 + body[0]!));
    };
    return {
      ...state.begin,
      segments,
      lost,
      end: state.end,
      rbdMetadata: () => metadata(state.rbd),
      pgMetadata: () => metadata(state.pg),
    };
  }

  /** The osdmaps kept, in the order in which they were found. */
  osdMaps(): CatalogOsdMap[] {
    return this.#maps.flatMap((entry) => {
      try {
        const payload = this.log.payload(entry);
        const [clusterFsid, epoch, bytes] = unpack<[string, number, Uint8Array]>(payload, 'osdmap');
        return [{ clusterFsid, epoch, bytes }];
      } catch (error) {
        // An older map, another OSD's or a later scan's has to do.
        this.problems.push(errorText(error));
        return [];
      }
    });
  }

  close(): void {
    this.log.storage.close();
  }
}

/** @throws CORRUPT where what tells the places of all its objects is damaged */
function opened(segment: Segment, dead: readonly number[] = []): Segment {
  segment.verifyUnits();
  for (const unit of dead) segment.dead.add(unit);
  return segment;
}

export const packOsdMap = (map: CatalogOsdMap): Uint8Array =>
  pack([map.clusterFsid, map.epoch, map.bytes]);
