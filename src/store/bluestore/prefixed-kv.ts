import { compareKeys } from '../../kv/key-order.ts';
import type { KvEntry, KvStore } from '../../kv/kv-store.ts';
import type { KeyRange } from '../../kv/table-blocks.ts';
import { DEFAULT_FAMILY } from '../../kv/version.ts';
import { type Sharding, type Shards, shardOf } from './sharding.ts';

/**
 * BlueStore's database by prefix. A prefix lives in the default column family, its keys behind
 * `<prefix> NUL`, or in families of its own (`O`, `O-0`, ...), or after a broken-off reshard in
 * both: docs/formats/bluestore.md, "Prefixes".
 */
export class PrefixedKv {
  readonly path: string;
  readonly #kv: KvStore;
  readonly #sharding: Sharding;
  readonly #homes = new Map<string, Home[]>();
  readonly #rules = new Map<string, Shards | undefined>();

  /** @param sharding says in which family a key is, where that is known */
  constructor(kv: KvStore, path: string, sharding: Sharding = new Map()) {
    this.#kv = kv;
    this.path = path;
    this.#sharding = sharding;
  }

  /**
   * What the family has of a range in which the store's own rule says that all of it is; undefined where it says nothing.
   * That may not be all: of keys that a reshard has moved some are back in their old families where a log is damaged.
   * What is there is newer than what old families have.
   */
  iterateHome(prefix: string, range: Required<KeyRange>): Iterator<KvEntry> | undefined {
    const home = this.#homeOf(prefix, range);
    return home && this.#inHome(home, range);
  }

  /** Live entries of a prefix, keys without the prefix and ascending. */
  *iterate(prefix: string, range: KeyRange = {}): Generator<KvEntry> {
    const iterators = this.#homesOf(prefix).map((home) => this.#inHome(home, range));
    const heads = iterators.map((iterator) => next(iterator));
    for (;;) {
      const first = smallest(heads);
      if (first < 0) return;
      const { key, value } = heads[first]!;
      for (let i = heads.length - 1; i > first; i--) {
        // Twice there: homes are listed by how much their word counts.
        const same = heads[i] !== undefined && compareKeys(heads[i]!.key, key) === 0;
        if (same) heads[i] = next(iterators[i]!);
      }
      heads[first] = next(iterators[first]!);
      yield { key, value };
    }
  }

  /** The value of a key, undefined when there is none. */
  get(prefix: string, key: Uint8Array): Uint8Array | undefined {
    for (const { family, lead } of this.#homesOf(prefix)) {
      const value = this.#kv.get(Buffer.concat([lead, key]), family);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Where the store's rule has all keys of a range; undefined where they may be in several. */
  #homeOf(prefix: string, { from, to }: KeyRange): Home | undefined {
    const shards = this.#ruleOf(prefix);
    if (shards === undefined || from === undefined || to === undefined) return undefined;
    const shard = shardOf(shards, from, to);
    if (shard === undefined) return undefined;
    const family = `${prefix}-${shard}`;
    return this.#homesOf(prefix).find((home) => home.family === family);
  }

  /** The rule for a prefix, if the first keys of its families are where it has them. */
  #ruleOf(prefix: string): Shards | undefined {
    if (!this.#rules.has(prefix)) {
      const shards = this.#sharding.get(prefix);
      this.#rules.set(prefix, shards && this.#isObeyed(prefix, shards) ? shards : undefined);
    }
    return this.#rules.get(prefix);
  }

  #isObeyed(prefix: string, shards: Shards): boolean {
    const { families } = this.#kv;
    const own = families.filter((family) => family.startsWith(`${prefix}-`));
    if (own.length !== shards.count) return false;
    return own.every((family) => {
      let left = KEYS_LOOKED_AT;
      for (const { key } of this.#kv.iterate({}, family)) {
        if (`${prefix}-${shardOf(shards, key, key)}` !== family) return false;
        if (--left === 0) break;
      }
      return true;
    });
  }

  /** Families of the prefix's own first: a reshard copies to them before it deletes elsewhere. */
  #homesOf(prefix: string): Home[] {
    const known = this.#homes.get(prefix);
    if (known !== undefined) return known;
    const { families } = this.#kv;
    const homes: Home[] = families
      .filter((name) => name === prefix || name.startsWith(`${prefix}-`))
      .map((family) => ({ family, lead: NO_BYTES }));
    if (families.includes(DEFAULT_FAMILY)) {
      homes.push({ family: DEFAULT_FAMILY, lead: Buffer.from(`${prefix}\0`, 'latin1') });
    }
    this.#homes.set(prefix, homes);
    return homes;
  }

  *#inHome({ family, lead }: Home, { from, to }: KeyRange): Generator<KvEntry> {
    if (lead.length === 0) {
      yield* this.#kv.iterate({ from, to }, family);
      return;
    }
    const above = Buffer.from(lead);
    above[above.length - 1]! += 1;
    const inside = {
      from: from === undefined ? lead : Buffer.concat([lead, from]),
      to: to === undefined ? above : Buffer.concat([lead, to]),
    };
    for (const { key, value } of this.#kv.iterate(inside, family)) {
      yield { key: key.subarray(lead.length), value };
    }
  }

  close(): void {
    this.#kv.close();
  }
}

interface Home {
  family: string;
  /** stands before every key */
  lead: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
/** Of each family: a wrong rule has a third of them right, or fewer. */
const KEYS_LOOKED_AT = 8;

function next(iterator: Iterator<KvEntry>): KvEntry | undefined {
  const { done, value } = iterator.next();
  return done === true ? undefined : value;
}

/** Index of the smallest key, the first of equal ones; -1 when all have ended. */
function smallest(heads: readonly (KvEntry | undefined)[]): number {
  let first = -1;
  for (let i = 0; i < heads.length; i++) {
    const head = heads[i];
    if (head === undefined) continue;
    if (first < 0 || compareKeys(head.key, heads[first]!.key) < 0) first = i;
  }
  return first;
}
