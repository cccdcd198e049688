import { corruptError } from '../../../errors/salvage-error.ts';
import type { BaseFile, BaseFiles } from './base-files.ts';
import { OP } from './op-codes.ts';
import { GONE, type ObjectLog, type OpNode } from './op-log.ts';
import { overwrite, type Pieces, rangeOf, resize, sizeOf } from './pieces.ts';
import { isDone } from './position.ts';

/** Where bytes come from that are no zeros: a file, or the journal. */
export type DataSource = BaseFile | 'journal';

/** What an object is after a replay. */
export interface ObjectState {
  exists: boolean;
  pieces: Pieces<DataSource>;
  /** object whose file has the attributes that `attrOps` do not change */
  attrBase: ObjectLog | undefined;
  /** ops on attributes, oldest first */
  attrOps: OpNode[];
  /** false: the file says it all */
  changed: boolean;
}

/** Clones of clones, and ops that one look at an object may take: beyond is no real journal. */
const MAX_DEPTH = 100;
const MAX_STEPS = 5_000_000;

/** Keeps a journal made to hurt from taking all time and memory. */
export class Budget {
  #steps = MAX_STEPS;
  #depth = 0;

  step(n = 1): void {
    this.#steps -= n;
    if (this.#steps < 0) throw corruptError('journal: an object with more ops than can be');
  }

  deeper<T>(run: () => T): T {
    if (this.#depth >= MAX_DEPTH) throw corruptError('journal: clones of clones without end');
    this.#depth++;
    try {
      return run();
    } finally {
      this.#depth--;
    }
  }
}

const absent = (): ObjectState => ({
  ...{ exists: false, pieces: [], attrBase: undefined, attrOps: [], changed: true },
});

/** Works out what objects have become, from their files and their ops. */
export class ObjectStates {
  readonly #files: BaseFiles;

  constructor(files: BaseFiles) {
    this.#files = files;
  }

  /** The object's file as it lies there, whatever the journal says. @throws SOURCE_IO */
  base(log: ObjectLog): BaseFile | undefined {
    if (log.base === 'unknown') {
      log.base = this.#files.find(log.collection.name, log.name, log.object.hash);
    }
    return log.base;
  }

  isDone(log: ObjectLog, node: OpNode): boolean {
    return isDone(this.base(log)?.guard, node);
  }

  /** What all its ops make of an object. @throws SOURCE_IO, CORRUPT */
  current(log: ObjectLog): ObjectState {
    return this.stateAt(log, log.last, new Budget());
  }

  /** What it was right after an op; undefined: before all of them. */
  stateAt(log: ObjectLog, node: OpNode | undefined, budget: Budget): ObjectState {
    const todo: OpNode[] = [];
    let state: ObjectState | undefined;
    // Backwards: what stands before a removal or a copy does not count any more, nor does what
    // stands before an op that the file already has.
    for (let n = node; n !== undefined && !this.isDone(log, n); n = n.previous) {
      budget.step();
      state = this.#origin(n, budget);
      if (state !== undefined) break;
      todo.push(n);
    }
    state ??= this.#fileState(log, todo.length > 0);
    for (const n of todo.reverse()) this.#apply(state, n, budget);
    return state;
  }

  #fileState(log: ObjectLog, changed: boolean): ObjectState {
    const file = this.base(log);
    if (file === undefined) return { ...absent(), changed };
    const { size } = file;
    const pieces: Pieces<DataSource> =
      size === 0 ? [] : [{ start: 0, end: size, source: file, at: 0 }];
    return { exists: true, pieces, attrBase: log, attrOps: [], changed };
  }

  /** The state that an op makes out of nothing of what was there; undefined: it builds on that. */
  #origin(node: OpNode, budget: Budget): ObjectState | undefined {
    if (node.code === OP.remove) return absent();
    if (node.code === GONE) return this.isDone(node.other!, node) ? undefined : absent();
    if (node.code === OP.collMoveRename && this.isDone(node.other!, node)) return undefined;
    if (node.code !== OP.clone && node.code !== OP.collMoveRename) return undefined;
    const source = budget.deeper(() => this.stateAt(node.other!, node.otherNode, budget));
    budget.step(source.pieces.length);
    // A source that is gone was gone when the op was done the first time, or has been used up by it.
    return source.exists ? { ...source, changed: true } : undefined;
  }

  #apply(state: ObjectState, node: OpNode, budget: Budget): void {
    const { code, offset, length, at } = node;
    switch (code) {
      case OP.create:
      case OP.touch:
        state.exists = true;
        break;
      case OP.write:
        state.exists = true;
        overwrite(state.pieces, { start: offset, end: offset + length, source: 'journal', at });
        break;
      case OP.zero:
        state.exists ||= length > 0;
        overwrite(state.pieces, { start: offset, end: offset + length, source: undefined, at: 0 });
        break;
      case OP.truncate:
        if (state.exists) resize(state.pieces, offset);
        break;
      case OP.cloneRange2:
        this.#copyRange(state, node, budget);
        break;
      case OP.setattr:
      case OP.setattrs:
      case OP.rmattr:
      case OP.rmattrs:
        state.attrOps.push(node);
        break;
      default:
        break;
    }
  }

  #copyRange(state: ObjectState, node: OpNode, budget: Budget): void {
    const { offset, length, destOffset } = node;
    const source = budget.deeper(() => this.stateAt(node.other!, node.otherNode, budget));
    if (!source.exists) return;
    state.exists = true;
    const end = Math.min(offset + length, sizeOf(source.pieces));
    for (const piece of rangeOf(source.pieces, offset, end, destOffset - offset)) {
      budget.step();
      overwrite(state.pieces, piece);
    }
  }
}
