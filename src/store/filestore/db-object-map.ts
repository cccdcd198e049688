import { ByteReader } from '../../bytes/byte-reader.ts';
import { NOSNAP, SNAPDIR, versioned } from '../../ceph/encoding.ts';
import {
  type Ghobject,
  META_POOL,
  NO_GENERATION,
  NO_SHARD,
  readGhobject,
} from '../../ceph/hobject.ts';
import { readColl } from '../../ceph/pg.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { errorText } from '../../errors/salvage-error.ts';
import type { KvStore } from '../../kv/kv-store.ts';
import type { ObjectId, OmapEntry } from '../object-store.ts';

/**
 * DBObjectMap: where FileStore keeps omap, in the key/value database `current/omap`.
 * docs/formats/filestore.md, "omap".
 */

const OBJECTS = '_HOBJTOSEQ_';
/** A chain of cloned omaps longer than this is a loop. */
const MAX_PARENTS = 64;

/** Which sequence number keys are under. */
export interface OmapNode {
  seq: bigint;
  /** whose keys these ones stand in front of; 0: of none */
  parent: bigint;
}

/** The omap header of an object. */
export interface OmapHeader extends OmapNode {
  object: Ghobject;
  /** journal position of the last change (a replay guard); undefined in v1 headers */
  position?: { seq: bigint; transaction: number; op: number };
}

const readNode = (body: ByteReader): OmapNode => ({ seq: body.u64(), parent: body.u64() });

/** @throws CORRUPT, UNSUPPORTED */
export function decodeOmapHeader(bytes: Uint8Array): OmapHeader {
  return versioned(new ByteReader(bytes, 'omap header'), 'omap header', 2, (body, version) => {
    const node = readNode(body);
    body.skip(8); // num_children
    readColl(body);
    const object = readGhobject(body);
    if (version < 2) return { ...node, object };
    const position = versioned(body, 'SequencerPosition', 1, (r) => ({
      seq: r.u64(),
      transaction: r.u32(),
      op: r.u32(),
    }));
    return { ...node, object, position };
  });
}

/** The front of a header: all that reading keys takes, and an OSD has one for each PG. @throws CORRUPT, UNSUPPORTED */
function decodeNode(bytes: Uint8Array): OmapNode {
  return versioned(new ByteReader(bytes, 'omap header'), 'omap header', 2, readNode);
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

const KEY_ESCAPES: Record<string, string> = { '%': '%p', '.': '%e', _: '%u' };
const escapeKey = (bytes: Uint8Array): string =>
  latin1(bytes).replace(/[%._]/g, (c) => KEY_ESCAPES[c]!);

/** An object as the database's keys spell it: other order and other escapes than file names. */
export function objectKey(id: ObjectId): string {
  const snap = id.snap === NOSNAP ? 'head' : id.snap === SNAPDIR ? 'snapdir' : id.snap.toString(16);
  const pool = id.pool === META_POOL ? 'none' : BigInt.asUintN(64, BigInt(id.pool)).toString(16);
  const hash = id.hash.toString(16).toUpperCase().padStart(8, '0');
  const ec = id.shard === NO_SHARD ? '' : `.ffffffffffffffff.${id.shard.toString(16)}`;
  const names = [id.name, id.key, id.namespace].map(escapeKey).join('.');
  return `${names}.${snap}.${pool}.${hash}${ec}`;
}

const rawKey = (space: string, key: Uint8Array | string): Uint8Array =>
  Buffer.concat([
    Buffer.from(`${space}\0`),
    typeof key === 'string' ? Buffer.from(key, 'latin1') : key,
  ]);

/** `<seq>` stands in 16 decimal digits. */
const nodeSpace = (seq: bigint, kind: string): string =>
  `_USER_${seq.toString().padStart(16, '0')}_${kind}_`;

/** First key behind all keys of a space. */
const spaceEnd = (space: string): Uint8Array => Buffer.from(`${space}\x01`);

export class DbObjectMap {
  readonly #kv: KvStore;
  readonly #path: string;
  readonly #report: DamageReporter;
  #byValue: Map<string, OmapHeader> | undefined;
  /** of the object that was asked for last: attributes and omap of one are asked for in turn */
  #last: { key: string; header: OmapNode | undefined } | undefined;

  /** @param path the database's, for messages */
  constructor(kv: KvStore, path: string, report: DamageReporter) {
    this.#kv = kv;
    this.#path = path;
    this.#report = report;
  }

  /** The header of an object's omap, undefined when it has none. */
  header(id: ObjectId): OmapNode | undefined {
    const key = objectKey(id);
    if (this.#last?.key === key) return this.#last.header;
    const header = this.#find(key, decodeNode);
    this.#last = { key, header };
    return header;
  }

  /** Its journal position: `OmapHeader`. */
  position(id: ObjectId): OmapHeader['position'] {
    return this.#find(objectKey(id), decodeOmapHeader)?.position;
  }

  #find<T extends OmapNode>(
    key: string,
    decode: (bytes: Uint8Array) => T,
  ): T | OmapHeader | undefined {
    const value = this.#kv.get(rawKey(OBJECTS, key));
    const direct = value === undefined ? undefined : this.#decode(value, key, decode);
    // Early Firefly spelled some keys otherwise; the value always holds the object itself.
    return direct ?? this.#headersByValue().get(key);
  }

  /** Headers whose key is not spelled as `objectKey` does, by how it would be. */
  #headersByValue(): Map<string, OmapHeader> {
    if (this.#byValue !== undefined) return this.#byValue;
    const found = new Map<string, OmapHeader>();
    for (const { key, value } of this.#entries(OBJECTS)) {
      const header = this.#decode(value, latin1(key), decodeOmapHeader);
      // Copies set aside for rolling back have keys of their own and are not what is asked for.
      if (header === undefined || header.object.generation !== NO_GENERATION) continue;
      const usual = objectKey(header.object);
      if (latin1(key) !== usual) found.set(usual, header);
    }
    this.#byValue = found;
    return found;
  }

  #decode<T>(value: Uint8Array, what: string, decode: (bytes: Uint8Array) => T): T | undefined {
    try {
      return decode(value);
    } catch (error) {
      this.#report({ path: this.#path, reason: `omap header of ${what}: ${errorText(error)}` });
      return undefined;
    }
  }

  *#entries(space: string): Iterable<OmapEntry> {
    const from = rawKey(space, '');
    for (const { key, value } of this.#kv.iterate({ from, to: spaceEnd(space) })) {
      yield { key: key.subarray(from.length), value };
    }
  }

  #node(seq: bigint): OmapNode | undefined {
    const value = this.#kv.get(rawKey(nodeSpace(seq, 'SYS'), 'HEADER'));
    return value === undefined ? undefined : this.#decode(value, `node ${seq}`, decodeNode);
  }

  /** For messages. */
  #nameOf(header: OmapNode): string {
    return this.#last?.header === header ? this.#last.key : `node ${header.seq}`;
  }

  /** The headers of a node and of the shared parents it was cloned from, nearest first. */
  #chain(header: OmapNode): OmapNode[] {
    const chain = [header];
    for (let node: OmapNode = header; node.parent !== 0n; ) {
      const parent: OmapNode | undefined =
        chain.length < MAX_PARENTS ? this.#node(node.parent) : undefined;
      if (parent === undefined) {
        const reason = `omap of ${this.#nameOf(header)}: node ${node.parent}, which it shares, is missing`;
        this.#report({ path: this.#path, reason });
        break;
      }
      chain.push(parent);
      node = parent;
    }
    return chain;
  }

  /** Entries of an object's omap, ascending by key. */
  *entries(header: OmapNode): Iterable<OmapEntry> {
    const [own, ...parents] = this.#chain(header);
    if (parents.length === 0) {
      yield* this.#entries(nodeSpace(own!.seq, 'USER'));
      return;
    }
    // Cloned omap was written up to Jewel only, by objects with few keys: merged in memory.
    const merged = new Map<string, OmapEntry>();
    for (const [i, node] of [own!, ...parents].entries()) {
      const nearer = [own!, ...parents].slice(0, i).map((n) => this.#completeRegions(n.seq));
      for (const entry of this.#entries(nodeSpace(node.seq, 'USER'))) {
        const key = latin1(entry.key);
        if (merged.has(key) || nearer.some((regions) => regions.some((r) => covers(r, key))))
          continue;
        merged.set(key, { key: Buffer.from(entry.key), value: Buffer.from(entry.value) });
      }
    }
    const sorted = [...merged.values()].sort((a, b) => Buffer.compare(a.key, b.key));
    yield* sorted;
  }

  /** Ranges in which a node's own keys are all there are: what its parents have there was deleted. */
  #completeRegions(seq: bigint): { start: string; end: string }[] {
    return [...this.#entries(nodeSpace(seq, 'COMPLETE'))].map(({ key, value }) => ({
      start: latin1(key),
      end: latin1(value).replace(/\0$/, ''),
    }));
  }

  /** An attribute that did not fit into the file's xattrs. */
  spilledAttr(header: OmapNode, name: string): Uint8Array | undefined {
    return this.#kv.get(rawKey(nodeSpace(header.seq, 'AXATTR'), name));
  }
}

const covers = (region: { start: string; end: string }, key: string): boolean =>
  region.start <= key && (region.end === '' || key < region.end);
