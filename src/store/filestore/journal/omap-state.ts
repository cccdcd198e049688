import { ByteReader } from '../../../bytes/byte-reader.ts';
import { binaryKey, binaryKeyBytes } from '../../../bytes/names.ts';
import type { ObjectId, OmapEntry } from '../../object-store.ts';
import { Budget, type ObjectStates } from './object-state.ts';
import { OP } from './op-codes.ts';
import { GONE, type ObjectLog, type OpNode } from './op-log.ts';
import { comparePositions, type Position } from './position.ts';
import type { JournalExtent, JournalRing } from './ring.ts';

/** The omap database as the file system has it. */
export interface BaseOmap {
  omap(id: ObjectId): Iterable<OmapEntry>;
  /** the journal's last op that is in an object's omap */
  omapPosition(id: ObjectId): Position | undefined;
}

/** [first, last): keys as one char per byte */
interface KeyRange {
  first: string;
  last: string;
}

/** An object's omap after a replay: entries of the database with changes over them. */
interface OmapState {
  /** object whose entries in the database count; undefined: none do */
  base: ObjectLog | undefined;
  removed: KeyRange[];
  /** values lie in the journal; null: the key was removed */
  changes: Map<string, JournalExtent | null>;
}

const OMAP_OPS = new Set<number>([OP.omapSetKeys, OP.omapRmKeys, OP.omapRmKeyRange]);

const nothing = (): OmapState => ({ base: undefined, removed: [], changes: new Map() });

/** Works out what objects' omaps have become. */
export class OmapStates {
  readonly #states: ObjectStates;
  readonly #ring: JournalRing;
  readonly #base: BaseOmap;

  constructor(states: ObjectStates, ring: JournalRing, base: BaseOmap) {
    this.#states = states;
    this.#ring = ring;
    this.#base = base;
  }

  /** Entries in ascending key order. @throws SOURCE_IO, CORRUPT */
  *entries(log: ObjectLog): Iterable<OmapEntry> {
    const { base, removed, changes } = this.#stateOf(log, log.last, new Budget());
    const changed = [...changes.keys()].sort();
    let next = 0;
    for (const entry of base === undefined ? [] : this.#base.omap(base.object)) {
      const key = binaryKey(entry.key);
      for (; next < changed.length && changed[next]! < key; next++)
        yield* this.#entry(changes, changed[next]!);
      if (changes.has(key) || removed.some((r) => r.first <= key && key < r.last)) continue;
      yield entry;
    }
    for (; next < changed.length; next++) yield* this.#entry(changes, changed[next]!);
  }

  *#entry(changes: Map<string, JournalExtent | null>, key: string): Iterable<OmapEntry> {
    const extent = changes.get(key);
    if (extent == null) return;
    const value = Buffer.from(this.#ring.bytes(extent.at, extent.length));
    yield { key: binaryKeyBytes(key), value };
  }

  #stateOf(log: ObjectLog, node: OpNode | undefined, budget: Budget): OmapState {
    const position = this.#base.omapPosition(log.object);
    const todo: OpNode[] = [];
    let state: OmapState | undefined;
    for (let n = node; n !== undefined && !this.#states.isDone(log, n); n = n.previous) {
      // The database may be ahead of the object's file, or behind it: it has a guard of its own.
      if (position !== undefined && comparePositions(n, position) <= 0) break;
      budget.step();
      state = this.#origin(n, budget);
      if (state !== undefined) break;
      if (OMAP_OPS.has(n.code)) todo.push(n);
    }
    state ??= { ...nothing(), base: log };
    for (const n of todo.reverse()) this.#apply(state, n, budget);
    return state;
  }

  #origin(node: OpNode, budget: Budget): OmapState | undefined {
    const { code, other, otherNode } = node;
    if (code === OP.remove || code === OP.omapClear) return nothing();
    if (code === GONE) return this.#states.isDone(other!, node) ? undefined : nothing();
    if (code === OP.collMoveRename && this.#states.isDone(other!, node)) return undefined;
    if (code !== OP.clone && code !== OP.collMoveRename) return undefined;
    return budget.deeper(() => {
      const { exists } = this.#states.stateAt(other!, otherNode, budget);
      return exists ? this.#stateOf(other!, otherNode, budget) : undefined;
    });
  }

  #apply(state: OmapState, node: OpNode, budget: Budget): void {
    const bytes = this.#ring.bytes(node.at, node.size);
    const reader = new ByteReader(bytes, 'omap keys', node.at);
    if (node.code === OP.omapRmKeyRange) {
      const [first, last] = [binaryKey(reader.blob()), binaryKey(reader.blob())];
      budget.step(state.changes.size);
      removeRange(state, { first, last });
      return;
    }
    const count = reader.count(4);
    budget.step(count);
    for (let i = 0; i < count; i++) {
      const key = binaryKey(reader.blob());
      if (node.code === OP.omapRmKeys) {
        state.changes.set(key, null);
        continue;
      }
      const length = reader.u32();
      state.changes.set(key, { at: reader.offset, length });
      reader.skip(length);
    }
  }
}

function removeRange(state: OmapState, range: KeyRange): void {
  for (const key of state.changes.keys()) {
    if (range.first <= key && key < range.last) state.changes.delete(key);
  }
  // A log that is trimmed bit by bit leaves ranges that touch: one is enough.
  const before = state.removed.at(-1);
  if (before === undefined || range.first > before.last || range.last < before.first) {
    state.removed.push(range);
    return;
  }
  if (range.first < before.first) before.first = range.first;
  if (range.last > before.last) before.last = range.last;
}
