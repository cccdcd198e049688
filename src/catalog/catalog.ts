import { corruptError, errorText } from '../errors/salvage-error.ts';
import type { CatalogStorage } from '../io/ports.ts';
import { type MetadataObject } from './metadata.ts';
import { unpackMetadata } from './metadata-record.ts';
import type { OsdBegin, OsdEnd, OsdMapRecord, ScanBegin } from './osd-records.ts';
import { pack, unpack } from './packing.ts';
import { RECORD, type RecordEntry, RecordLog } from './record-log.ts';
import { Segment } from './segment.ts';

/** An OSD as a catalog knows it. */
export interface CatalogOsd extends OsdBegin {
  segments: Segment[];
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
}

/**
 * One catalog file, open. Opening reads the heads of its records and segments; rows and metadata
 * are read when they are asked for.
 */
export class Catalog {
  readonly path: string;
  readonly log: RecordLog;
  /** a scan of it was begun and not finished, or its end is cut off */
  unfinished = false;
  /** why parts of it could not be used */
  readonly problems: string[] = [];
  readonly #states = new Map<string, OsdState>();
  readonly #maps: RecordEntry[] = [];

  /** @throws CORRUPT when it is not a catalog */
  constructor(storage: CatalogStorage) {
    this.path = storage.path;
    this.log = new RecordLog(storage);
    if (this.log.torn > 0) {
      this.unfinished = true;
      this.problems.push(`${this.path}: ${this.log.torn} bytes at its end are of no use: cut short or damaged`);
    }
    for (const entry of this.log.entries) this.#apply(entry);
    if (this.log.entries.length === 0) this.unfinished = true;
  }

  #apply(entry: RecordEntry): void {
    try {
      this.#applyRecord(entry);
    } catch (error) {
      this.unfinished = true;
      this.problems.push(errorText(error));
    }
  }

  #applyRecord(entry: RecordEntry): void {
    const { log } = this;
    switch (entry.type) {
      case RECORD.scanBegin:
        this.unfinished = true;
        for (const key of unpack<ScanBegin>(log.payload(entry), 'scan').osds) {
          const state = this.#states.get(key);
          if (state !== undefined) delete state.end;
        }
        break;
      case RECORD.scanEnd:
        this.unfinished = false;
        break;
      case RECORD.osdBegin: {
        const begin = unpack<OsdBegin>(log.payload(entry), 'osd');
        const known = this.#states.get(begin.key);
        if (known === undefined) this.#states.set(begin.key, { begin, segments: [] });
        else known.begin = begin;
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
    const length = storage.read(entry.at, 1)[0]!;
    const key = Buffer.from(storage.read(entry.at + 1, length)).toString();
    const state = this.#states.get(key);
    if (state === undefined) throw corruptError(`${this.path}: a record of ${key} before its begin`);
    return state;
  }

  /** Position and length of an owned record's body. */
  #body(entry: RecordEntry): { at: number; length: number } {
    const skip = 1 + this.log.storage.read(entry.at, 1)[0]!;
    return { at: entry.at + skip, length: entry.length - skip };
  }

  osds(): CatalogOsd[] {
    return [...this.#states.values()].map((state) => this.#osd(state));
  }

  #osd(state: OsdState): CatalogOsd {
    const { storage } = this.log;
    const segments: Segment[] = [];
    for (const entry of state.segments) {
      const { at, length } = this.#body(entry);
      const read = (from: number, n: number) => storage.read(at + from, n);
      try {
        segments.push(new Segment(read, length));
      } catch (error) {
        this.unfinished = true;
        this.problems.push(`${this.path}: ${errorText(error)}`);
      }
    }
    for (const [segment, units] of state.end?.dead ?? []) {
      for (const unit of units) segments[segment]?.dead.add(unit);
    }
    const metadata = (entry: RecordEntry | undefined): MetadataObject[] => {
      if (entry === undefined) return [];
      const body = this.log.payload(entry);
      return unpackMetadata(body.subarray(1 + body[0]!));
    };
    return {
      ...state.begin,
      segments,
      end: state.end,
      rbdMetadata: () => metadata(state.rbd),
      pgMetadata: () => metadata(state.pg),
    };
  }

  /** The osdmaps kept, in the order in which they were found. */
  osdMaps(): CatalogOsdMap[] {
    return this.#maps.map((entry) => {
      const [clusterFsid, epoch, bytes] = unpack<[string, number, Uint8Array]>(
        this.log.payload(entry),
        'osdmap',
      );
      return { clusterFsid, epoch, bytes };
    });
  }

  close(): void {
    this.log.storage.close();
  }
}

export const packOsdMap = (map: CatalogOsdMap): Uint8Array =>
  pack([map.clusterFsid, map.epoch, map.bytes]);
