import path from 'node:path';
import { META_POOL, NO_GENERATION, NO_SHARD } from '../../ceph/hobject.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { errorText, isSourceFault, SalvageError } from '../../errors/salvage-error.ts';
import {
  DT_DIR,
  DT_LNK,
  DT_REG,
  DT_UNKNOWN,
  isRealDirectory,
  listDirectory,
  listWhole,
  readName,
  readRecord,
  type WholeListing,
} from '../../io/dir-lister.ts';
import { type DirectoryStamp, directoryStamp } from '../../io/directory.ts';
import { FileSource } from '../../io/file-source.ts';
import {
  type ListingSink,
  type ObjectId,
  type ObjectSink,
  UNREADABLE,
  type UnitStamp,
} from '../object-store.ts';
import { isRelevant } from '../relevant-objects.ts';
import { DataObjectNameParser } from './fast-filename.ts';
import { fullName, isShortened } from './long-filename.ts';
import { type ParsedFileName, parseFileName } from './object-filename.ts';

/** `2.c_head`, `4.1s1_head`: the collections that hold objects; `_TEMP` is never read as data. */
const PG_COLLECTION = /^(\d+)\.([0-9a-f]+)(?:s(\d+))?_head$/;
export const META_COLLECTION = 'meta';

/** An index directory holds one hex digit of the hash: no tree is deeper than a hash is long. */
const MAX_DEPTH = 8;
const SLASH = 0x2f;
/** NAME_MAX is 255 on every file system that Ceph ran on, and 255 characters on some that copies may lie on. */
const COMPONENT_BYTES = 1024;
const SHOWN_CHARS = 80;

/** Collections in a FileStore's data path, `meta` first. @throws SOURCE_IO */
export function listCollections(dataPath: string): string[] {
  const found: string[] = [];
  listDirectory(Buffer.from(dataPath), (buffer, start, end, type) => {
    // A collection may have been put back as a link; index directories never are (see below).
    if (type === DT_REG) return;
    const name = Buffer.from(buffer.subarray(start, end)).toString('latin1');
    if (name === META_COLLECTION || PG_COLLECTION.test(name)) found.push(name);
  });
  return found.sort((a, b) => Number(b === META_COLLECTION) - Number(a === META_COLLECTION));
}

/** pool and shard of the objects in a collection, for the name formats that leave them out. */
interface CollectionContext {
  pool: number;
  shard: number;
}

function contextOf(collection: string): CollectionContext {
  const match = PG_COLLECTION.exec(collection);
  if (match === null) return { pool: META_POOL, shard: NO_SHARD };
  return { pool: Number(match[1]), shard: match[3] === undefined ? NO_SHARD : Number(match[3]) };
}

export interface ScanOptions {
  dataPath: string;
  sink: ObjectSink;
  report: DamageReporter;
  /** what an earlier scan knows of a directory (path below the data path) */
  known?: ((directory: string) => KnownUnit | undefined) | undefined;
}

/** A directory as an earlier scan left it. */
export interface KnownUnit {
  stamp: UnitStamp;
  /** names of the index directories in it */
  subdirectories: readonly string[];
}

/**
 * An index directory's name, one char per byte; an earlier scan's may be anybody's. Objects' names that begin so are
 * escaped, so this is a directory even where the file system does not tell types. Links are not followed: Ceph makes
 * none, and they can form loops.
 */
const INDEX_NAME = /^DIR_[^\0/\u0100-\uffff]*$/;

/** Opening follows links; devices and pipes are nothing that Ceph makes. */
const isFileType = (type: number): boolean =>
  type === DT_REG || type === DT_UNKNOWN || type === DT_LNK;

const sameStamp = (a: UnitStamp, b: UnitStamp): boolean =>
  a.ino === b.ino && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;

/**
 * Walks one collection and hands every object to the sink, directory by directory. What cannot be
 * read or parsed is reported with its path and passed over.
 */
export class CollectionScanner {
  readonly #options: ScanOptions;
  readonly #parser = new DataObjectNameParser();
  /** the directory that is being listed, from the root directory on; what stands behind it is of others */
  readonly #path: Buffer;
  /** where the path below the data path begins in it */
  readonly #root: number;
  readonly #whole: WholeListing | undefined;
  #context: CollectionContext = { pool: META_POOL, shard: NO_SHARD };
  #directory: Buffer = Buffer.alloc(0);
  #subdirectories: string[] = [];

  constructor(options: ScanOptions) {
    this.#options = options;
    const root = Buffer.from(`${options.dataPath}/`);
    this.#path = Buffer.alloc(root.length + COMPONENT_BYTES * (MAX_DEPTH + 1));
    this.#root = root.copy(this.#path);
    const { listings } = options.sink;
    this.#whole = listings && this.#throughSink(listings);
  }

  scan(collection: string): void {
    this.#context = contextOf(collection);
    this.#walk(this.#root + this.#path.write(collection, this.#root, 'latin1'), 0);
  }

  /** @param end of the directory's path in `#path` */
  #walk(end: number, depth: number): void {
    const { sink, report } = this.#options;
    const absolute = this.#path.subarray(0, end);
    const unit = this.#path.subarray(this.#root, end);
    const known = this.#options.known?.(unit.toString('latin1'));
    if (known !== undefined && this.#isUnchanged(absolute, known)) {
      sink.keptUnit(unit);
      this.#walkBelow(known.subdirectories, end, depth);
      return;
    }
    this.#directory = absolute;
    this.#subdirectories = [];
    sink.beginUnit(unit);
    let stamp: UnitStamp = UNREADABLE;
    try {
      stamp = this.#list(absolute);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      // What an earlier scan found below may still be readable.
      this.#subdirectories = [
        ...new Set([...this.#subdirectories, ...(known?.subdirectories ?? [])]),
      ];
      report({ path: absolute.toString(), reason: error.text });
    }
    const below = this.#subdirectories;
    sink.endUnit(stamp, below);
    this.#walkBelow(below, end, depth);
  }

  /** @param names with one char per byte */
  #walkBelow(names: readonly string[], end: number, depth: number): void {
    if (names.length > 0 && depth >= MAX_DEPTH) {
      const path = this.#path.toString('utf8', 0, end);
      this.#options.report({ path, reason: 'index directories nested deeper than a hash' });
      return;
    }
    for (const name of new Set(names)) {
      if (name.length >= COMPONENT_BYTES || !INDEX_NAME.test(name)) {
        const path = this.#path.toString('utf8', 0, end);
        const shown = JSON.stringify(name.slice(0, SHOWN_CHARS));
        const reason = `an index directory cannot be called ${shown}: passed over`;
        this.#options.report({ path, reason });
        continue;
      }
      this.#path[end] = SLASH;
      this.#walk(end + 1 + this.#path.write(name, end + 1, 'latin1'), depth + 1);
    }
  }

  #list(absolute: Buffer): DirectoryStamp {
    const whole = this.#whole;
    return whole === undefined
      ? listDirectory(absolute, this.#onEntry)
      : listWhole(absolute, whole);
  }

  /** A listing that the sink takes what it can of; what it leaves is looked at name by name. */
  #throughSink(listings: ListingSink): WholeListing {
    return {
      target: () => listings.listing(),
      taken: (n, plain) => {
        const left = listings.take(n, plain);
        if (left.length === 0) return;
        // What is done with one record may move the memory that all of this lies in.
        for (const at of left.slice()) {
          if (plain) readName(listings.listing(), at, this.#onEntry);
          else readRecord(listings.listing(), at, this.#onEntry);
        }
      },
    };
  }

  #isUnchanged(absolute: Buffer, known: KnownUnit): boolean {
    try {
      return sameStamp(directoryStamp(absolute), known.stamp);
    } catch {
      return false;
    }
  }

  readonly #onEntry = (buffer: Uint8Array, start: number, end: number, type: number): void => {
    const parser = this.#parser;
    if (isFileType(type) && parser.parse(buffer, start, end)) {
      const { sink } = this.#options;
      if (
        sink.dataObject(
          buffer,
          start,
          parser.prefixEnd,
          parser.objectNo,
          parser.snap,
          parser.hash,
          parser.tailStart,
          end,
        )
      ) {
        return;
      }
    }
    this.#onOther(buffer, start, end, type);
  };

  #onOther(buffer: Uint8Array, start: number, end: number, type: number): void {
    const name = Buffer.from(buffer.subarray(start, end));
    const text = name.toString('latin1');
    if (INDEX_NAME.test(text) && this.#isDirectory(name, type)) {
      this.#subdirectories.push(text);
      return;
    }
    try {
      if (!isFileType(type)) {
        throw new SalvageError('CORRUPT', 'neither an object nor an index directory: passed over');
      }
      this.#onObject(name, this.#parse(name));
    } catch (error) {
      if (!(error instanceof SalvageError)) throw error;
      const at = path.join(this.#directory.toString(), name.toString());
      this.#options.report({ path: at, reason: errorText(error) });
    }
  }

  #isDirectory(name: Buffer, type: number): boolean {
    if (type !== DT_UNKNOWN) return type === DT_DIR;
    return isRealDirectory(Buffer.concat([this.#directory, Buffer.from('/'), name]));
  }

  #parse(name: Buffer): ParsedFileName {
    if (!isShortened(name, 0, name.length)) return parseFileName(name);
    const file = new FileSource(Buffer.concat([this.#directory, Buffer.from('/'), name]));
    try {
      const full = fullName(name, (xattr) => file.xattr(xattr), file.stat.nlink);
      if (full === undefined) {
        throw new SalvageError(
          'CORRUPT',
          'shortened object file name without its full name in an xattr',
        );
      }
      return parseFileName(full);
    } finally {
      file.close();
    }
  }

  #onObject(fileName: Buffer, parsed: ParsedFileName): void {
    const { sink } = this.#options;
    const { name, key, snap, hash, namespace, shard } = parsed;
    const pool = parsed.pool ?? this.#context.pool;
    const id: ObjectId = { pool, namespace, name, key, snap, hash, shard };
    if (parsed.generation !== NO_GENERATION || !isRelevant(id)) sink.otherObject();
    else sink.namedObject(id, fileName);
  }
}
