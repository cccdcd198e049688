import { ByteReader } from '../../../bytes/byte-reader.ts';
import { binaryKeyBytes } from '../../../bytes/names.ts';
import { type Ghobject, META_POOL, readGhobject } from '../../../ceph/hobject.ts';
import { parseColl } from '../../../ceph/pg.ts';
import { isRelevant } from '../../relevant-objects.ts';
import { formatFileName, parseFileName } from '../object-filename.ts';
import type { BaseFile, BaseFiles, CollectionGuards } from './base-files.ts';
import { type JournalOp, ON_OBJECT, OP } from './op-codes.ts';
import { isDone, type Position } from './position.ts';

/**
 * The ops of a journal by object: what it takes to tell, when an object is asked for, what it has
 * become. Reading the journal touches no object's file.
 */

/** One op on an object, and the ops before it. A clone's source is remembered as it was then. */
export interface OpNode extends Position {
  previous: OpNode | undefined;
  code: number;
  offset: number;
  length: number;
  destOffset: number;
  /** position and length of the argument in the journal */
  at: number;
  size: number;
  /** source of a clone or move; where it went for `GONE` */
  other: ObjectLog | undefined;
  otherNode: OpNode | undefined;
}

/** Instead of a code: the object was moved to `other`. */
export const GONE = -1;

export interface ObjectLog {
  collection: CollectionLog;
  object: Ghobject;
  /** file name in full, one char per byte */
  name: string;
  last: OpNode | undefined;
  /** its file, once looked for */
  base: BaseFile | undefined | 'unknown';
}

export interface CollectionLog {
  name: string;
  guards: CollectionGuards;
  /** by file name */
  objects: Map<string, ObjectLog>;
  hashes: Set<number>;
  /** hash bits, where the journal sets them */
  bits: number | undefined;
}

/** Source and target of a split or merge. */
interface Ends {
  from: CollectionLog;
  to: CollectionLog;
}

/** A collection's name as a directory below the data path; undefined for what has no objects of use. */
function directoryOf(coll: string, object: Ghobject | undefined): string | undefined {
  const parsed = parseColl(coll);
  if (parsed.kind === 'other') return undefined;
  // Objects being received carry a negative pool and lie beside the PG.
  const temporary = parsed.kind === 'pg' && object !== undefined && object.pool <= META_POOL;
  return temporary ? coll.replace(/_head$/, '_TEMP') : coll;
}

/** @throws CORRUPT */
const decodeObject = (encoded: string): Ghobject =>
  readGhobject(new ByteReader(binaryKeyBytes(encoded), 'ghobject_t'));

export class OpLogs {
  readonly collections = new Map<string, CollectionLog>();
  readonly #files: BaseFiles;
  /** by collection and encoded object; dropped when all is read */
  #byEncoding = new Map<string, ObjectLog | undefined>();
  #position: Position = { seq: 0, transaction: 0, op: 0 };

  constructor(files: BaseFiles) {
    this.#files = files;
  }

  collection(name: string): CollectionLog {
    let found = this.collections.get(name);
    if (found === undefined) {
      const guards = this.#files.guards(name);
      found = { name, guards, objects: new Map(), hashes: new Set(), bits: undefined };
      this.collections.set(name, found);
    }
    return found;
  }

  #log(collection: CollectionLog, object: Ghobject): ObjectLog {
    const name = formatFileName(object).toString('latin1');
    let log = collection.objects.get(name);
    if (log === undefined) {
      log = { collection, object, name, last: undefined, base: 'unknown' };
      collection.objects.set(name, log);
      collection.hashes.add(object.hash);
    }
    return log;
  }

  /** The log of an op's object; undefined for objects that no recovery needs. @throws CORRUPT */
  #logOf(coll: string, encoded: string): ObjectLog | undefined {
    const key = `${coll}/${encoded}`;
    if (this.#byEncoding.has(key)) return this.#byEncoding.get(key);
    const object = decodeObject(encoded);
    const directory = directoryOf(coll, object);
    const wanted = directory !== undefined && (directory !== 'meta' || isRelevant(object));
    const log = wanted ? this.#log(this.collection(directory), object) : undefined;
    this.#byEncoding.set(key, log);
    return log;
  }

  /** Adds a node that has an argument; spelled out, as there may be millions of them. */
  #append(
    log: ObjectLog,
    code: number,
    offset: number,
    length: number,
    at: number,
    size: number,
  ): void {
    const { seq, transaction, op } = this.#position;
    log.last = {
      seq,
      transaction,
      op,
      previous: log.last,
      code,
      offset,
      length,
      destOffset: 0,
      at,
      size,
      other: undefined,
      otherNode: undefined,
    };
  }

  /** Adds a node that tells of another object: its source as it is now, or where it goes. */
  #link(log: ObjectLog, code: number, other: ObjectLog, otherNode: OpNode | undefined): OpNode {
    this.#append(log, code, 0, 0, 0, 0);
    const node = log.last!;
    node.other = other;
    node.otherNode = otherNode;
    return node;
  }

  #isDone({ guards }: CollectionLog): boolean {
    return guards.objects !== undefined && isDone(guards.objects, this.#position);
  }

  /** Takes the next op. @throws CORRUPT when it names no object */
  apply(op: JournalOp, position: Position): void {
    this.#position = position;
    if (ON_OBJECT.has(op.code)) this.#onObject(op);
    else this.#onMore(op);
  }

  #onMore(op: JournalOp): void {
    switch (op.code) {
      case OP.clone:
      case OP.cloneRange:
      case OP.cloneRange2:
        this.#clone(op);
        break;
      case OP.collAdd:
        this.#move(this.#logOf(op.coll, op.object), this.#logOf(op.destColl, op.object));
        break;
      case OP.collMoveRename:
        this.#move(this.#logOf(op.coll, op.object), this.#logOf(op.destColl, op.destObject));
        break;
      case OP.tryRename:
        this.#move(this.#logOf(op.coll, op.object), this.#logOf(op.coll, op.destObject));
        break;
      case OP.mkcoll:
      case OP.collSetBits:
        this.#setBits(op);
        break;
      case OP.splitCollection2:
        this.#split(op);
        break;
      case OP.mergeCollection:
        this.#merge(op);
        break;
      default:
        // Hints, attributes of collections (which nobody reads), and the second half of a move.
        break;
    }
  }

  #onObject(op: JournalOp): void {
    const log = this.#logOf(op.coll, op.object);
    if (log === undefined || this.#isDone(log.collection)) return;
    const { at, length: size } = op.argument;
    // The data counts, not what the op says of its length.
    const length = op.code === OP.write ? size : op.length;
    this.#append(log, op.code, op.offset, length, at, size);
  }

  #clone(op: JournalOp): void {
    const source = this.#logOf(op.coll, op.object);
    const target = this.#logOf(op.coll, op.destObject);
    if (source === undefined || target === undefined || source === target) return;
    if (this.#isDone(target.collection)) return;
    const node = this.#link(
      target,
      op.code === OP.clone ? op.code : OP.cloneRange2,
      source,
      source.last,
    );
    node.offset = op.offset;
    node.length = op.length;
    node.destOffset = op.code === OP.cloneRange ? op.offset : op.destOffset;
  }

  #move(source: ObjectLog | undefined, target: ObjectLog | undefined): void {
    if (source === undefined || target === undefined || source === target) return;
    if (this.#isDone(source.collection) || this.#isDone(target.collection)) return;
    this.#link(target, OP.collMoveRename, source, source.last);
    this.#link(source, GONE, target, undefined);
  }

  #setBits({ coll, bits }: JournalOp): void {
    const name = directoryOf(coll, undefined);
    if (name === undefined) return;
    const collection = this.collection(name);
    if (!isDone(collection.guards.own, this.#position) && bits > 0) collection.bits = bits;
  }

  /** Both ends of a split or merge. */
  #ends({ coll, destColl }: JournalOp): Ends | undefined {
    const names = [directoryOf(coll, undefined), directoryOf(destColl, undefined)];
    if (names[0] === undefined || names[1] === undefined || names[0] === names[1]) return undefined;
    return { from: this.collection(names[0]), to: this.collection(names[1]) };
  }

  #areDone({ from, to }: Ends): boolean {
    return [from, to].some(({ guards }) => isDone(guards.own, this.#position));
  }

  #split(op: JournalOp): void {
    const ends = this.#ends(op);
    if (ends === undefined || this.#areDone(ends)) return;
    const mask = op.bits >= 32 ? 0xffffffff : 2 ** op.bits - 1;
    this.#moveAll(ends, (hash) => (hash & mask) >>> 0 === op.remainder);
    ends.from.bits = op.bits;
    ends.to.bits = op.bits;
  }

  #merge(op: JournalOp): void {
    const ends = this.#ends(op);
    if (ends === undefined) return;
    if (this.#areDone(ends)) {
      this.#drop(ends.from);
      return;
    }
    this.#moveAll(ends, () => true);
    ends.to.bits = op.bits;
  }

  /**
   * The collection is gone, and what the journal did to its objects before has gone with them
   * (a replay by Ceph leaves remains of them in a collection that no PG has any more).
   */
  #drop({ guards, objects }: CollectionLog): void {
    if (guards.exists) return;
    for (const log of objects.values()) this.#append(log, OP.remove, 0, 0, 0, 0);
  }

  /** Rare, and the one thing for which a collection is listed. */
  #moveAll({ from, to }: Ends, wanted: (hash: number) => boolean): void {
    for (const name of from.guards.exists ? this.#files.list(from.name) : []) {
      const object = objectOfFile(name);
      if (object !== undefined && wanted(object.hash)) this.#log(from, object);
    }
    for (const log of [...from.objects.values()]) {
      if (wanted(log.object.hash)) this.#move(log, this.#log(to, log.object));
    }
  }

  /** To be called when all ops are taken. */
  finish(): void {
    this.#byEncoding = new Map();
  }
}

/** The object of a file in the current name format; older ones no running OSD has left. */
function objectOfFile(name: string): Ghobject | undefined {
  try {
    const { pool, ...parsed } = parseFileName(Buffer.from(name, 'latin1'));
    return pool === undefined ? undefined : { ...parsed, pool, max: false };
  } catch {
    return undefined;
  }
}
