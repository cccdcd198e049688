import { META_POOL, NO_GENERATION } from '../../ceph/hobject.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { isSourceFault } from '../../errors/salvage-error.ts';
import { DT_DIR, DT_LNK, DT_REG, DT_UNKNOWN, listDirectory } from '../../io/dir-lister.ts';
import type { DirectoryStamp } from '../../io/directory.ts';
import { isShortened } from '../filestore/long-filename.ts';
import { type ObjectId, type ObjectSink, UNKNOWN_POOL, UNREADABLE } from '../object-store.ts';
import { isRelevant } from '../relevant-objects.ts';
import { LooseNameParser, parseLooseName, SPELLINGS } from './loose-names.ts';

export interface LooseScanOptions {
  directory: string;
  sink: ObjectSink;
  report: DamageReporter;
}

/** Rows of one unit: a flat directory may hold all of an image, and a segment takes whole units. */
const UNIT_OBJECTS = 1 << 18;
/** Links are not followed, so a tree cannot be endless; one this deep was not made by copying. */
const MAX_DEPTH = 64;
/** What recovery was receiving; the objects of such directories were never whole. */
const TEMPORARY = /^\d+\.[0-9a-f]+(s\d+)?_TEMP$/;
const PG_COLLECTION = /^(\d+)\.[0-9a-f]+(?:s\d+)?_head$/;

/**
 * Walks a directory of loose object files. A unit is named by a spelling and a count, then the
 * directory: `bare-0/2016/disk3`. A directory is listed once for each spelling that it has, so that
 * nothing has to be kept for each file.
 */
export function scanLoose(options: LooseScanOptions): void {
  new LooseScan(options).walk('', 0, undefined);
}

const isFileType = (type: number): boolean =>
  type === DT_REG || type === DT_UNKNOWN || type === DT_LNK;

class LooseScan {
  readonly #options: LooseScanOptions;
  readonly #parser = new LooseNameParser();
  #relative = '';
  #pool: number | undefined;
  /** which spelling this listing is for, and which others there are */
  #spelling = 0;
  #others = 0;
  #chunk = 0;
  #taken = 0;
  #subdirectories: string[] = [];

  constructor(options: LooseScanOptions) {
    this.#options = options;
  }

  /** @param relative below the directory, one char per byte */
  walk(relative: string, depth: number, pool: number | undefined): void {
    this.#relative = relative;
    this.#pool = pool;
    this.#others = 0;
    this.#subdirectories = [];
    this.#list(0);
    const subdirectories = this.#subdirectories.sort();
    for (let spelling = 1; spelling < SPELLINGS.length; spelling++) {
      if ((this.#others & (1 << spelling)) !== 0) this.#list(spelling);
    }
    if (depth >= MAX_DEPTH && subdirectories.length > 0) {
      this.#options.report({ path: this.#absolute().toString(), reason: 'nested too deep' });
      return;
    }
    for (const name of subdirectories) {
      const match = PG_COLLECTION.exec(name);
      const own = match === null ? pool : Number(match[1]);
      if (!TEMPORARY.test(name)) this.walk(`${relative}/${name}`, depth + 1, own);
    }
  }

  #absolute(): Buffer {
    const { directory } = this.#options;
    return Buffer.concat([Buffer.from(directory), Buffer.from(this.#relative, 'latin1')]);
  }

  #begin(): void {
    const unit = `${SPELLINGS[this.#spelling]}-${this.#chunk}${this.#relative}`;
    this.#taken = 0;
    this.#options.sink.beginUnit(Buffer.from(unit, 'latin1'));
  }

  #list(spelling: number): void {
    const { sink, report } = this.#options;
    this.#spelling = spelling;
    this.#chunk = 0;
    this.#begin();
    let stamp: DirectoryStamp = UNREADABLE;
    try {
      stamp = listDirectory(this.#absolute(), this.#onEntry);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      report({ path: this.#absolute().toString(), reason: error.text });
    }
    sink.endUnit(stamp, []);
  }

  readonly #onEntry = (b: Uint8Array, start: number, end: number, type: number): void => {
    const { sink } = this.#options;
    if (!isFileType(type)) {
      if (type === DT_DIR && this.#spelling === 0) this.#subdirectories.push(text(b, start, end));
      return;
    }
    if (this.#taken >= UNIT_OBJECTS) {
      // Its stamp is never compared: loose directories are listed anew by every scan.
      sink.endUnit(UNCOMPARED, []);
      this.#chunk++;
      this.#begin();
    }
    const p = this.#parser;
    const spelling = p.parse(b, start, end);
    if (spelling !== this.#spelling) {
      if (spelling > 0) this.#others |= 1 << spelling;
      else if (spelling < 0 && this.#spelling === 0) this.#onOther(b, start, end);
      return;
    }
    const isTaken = sink.dataObject(
      p.buffer,
      p.start,
      p.prefixEnd,
      p.objectNo,
      p.snap,
      p.hash,
      p.tailStart,
      p.end,
    );
    if (isTaken) this.#taken++;
    else if (spelling === 0) this.#onOther(b, start, end);
    else sink.otherObject();
  };

  #onOther(b: Uint8Array, start: number, end: number): void {
    const { sink, report } = this.#options;
    const fileName = Buffer.from(b.subarray(start, end));
    if (isShortened(fileName, 0, fileName.length)) {
      const path = `${this.#absolute()}/${fileName}`;
      report({ path, reason: 'shortened object file name: what it stands for is lost' });
      return;
    }
    const object = parseLooseName(fileName);
    const { name, key, snap, hash, namespace, shard } = object;
    const pool = object.pool ?? this.#pool ?? UNKNOWN_POOL;
    const id: ObjectId = { pool, namespace, name, key, snap, hash, shard };
    // PG metadata is all in the database that is not here.
    const isWanted = object.generation === NO_GENERATION && name.length > 0 && isRelevant(id);
    if (isWanted && (pool !== META_POOL || !isSuperblock(name))) sink.namedObject(id, fileName);
    else sink.otherObject();
  }
}

/** Says only that the unit could be read. */
const UNCOMPARED: DirectoryStamp = { ino: 0n, mtimeNs: 0n, ctimeNs: 0n };

const text = (b: Uint8Array, start: number, end: number): string =>
  Buffer.from(b.subarray(start, end)).toString('latin1');

const isSuperblock = (name: Uint8Array): boolean =>
  Buffer.from(name).toString('latin1') === 'osd_superblock';
