import { compareEversion, type Eversion, NOSNAP } from '../ceph/encoding.ts';
import { decodeObjectInfo, type ObjectInfo } from '../ceph/object-info.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import type { CopyAttrs } from '../store/object-attrs.ts';
import type { ObjectRef } from '../store/object-store.ts';
import type { ClusterOsd } from './cluster.ts';

/** One copy of a data object that may be read. */
export interface ObjectCopy {
  osd: ClusterOsd;
  ref: ObjectRef;
}

/** Reads attributes of many copies at once, each from its own OSD. */
export type AttrsReader = (
  copies: readonly ObjectCopy[],
  wantSnapSet: boolean,
) => Promise<CopyAttrs[]>;

/** A copy with what it says of itself. */
export interface Candidate extends ObjectCopy {
  attrs: CopyAttrs;
  info: ObjectInfo | undefined;
}

/** What `decode` makes of an attribute; undefined where it is lost or damaged. */
export function decoded<T>(
  bytes: Uint8Array | undefined,
  decode: (bytes: Uint8Array) => T,
): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return decode(bytes);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Gathers requests for attributes so that many objects cost one round over the OSDs. */
export class AttrsBatch {
  readonly #copies: ObjectCopy[] = [];
  readonly #owners: number[] = [];

  /** @param owner object number that the copy is of */
  add(owner: number, copy: ObjectCopy): void {
    this.#copies.push(copy);
    this.#owners.push(owner);
  }

  /** Candidates by object number. */
  async read(reader: AttrsReader, wantSnapSet: boolean): Promise<Map<number, Candidate[]>> {
    const attrs = await reader(this.#copies, wantSnapSet);
    const byOwner = new Map<number, Candidate[]>();
    for (const [i, copy] of this.#copies.entries()) {
      const info = decoded(attrs[i]!.objectInfo, decodeObjectInfo);
      const candidate = { ...copy, attrs: attrs[i]!, info };
      const list = byOwner.get(this.#owners[i]!);
      if (list === undefined) byOwner.set(this.#owners[i]!, [candidate]);
      else list.push(candidate);
    }
    return byOwner;
  }
}

export const copyOf = ({ osd, ref }: Candidate): ObjectCopy => ({ osd, ref });
export const isHead = (candidate: Candidate): boolean => candidate.ref.id.snap === NOSNAP;
export const isReadable = ({ attrs }: Candidate): boolean => attrs.error === undefined;

const NEVER: Eversion = { epoch: -1, version: 0n };

/**
 * Newest first; copies without a readable version last, of these the one written last first, then
 * the longest.
 */
export const byVersion = (a: Candidate, b: Candidate): number =>
  compareEversion(b.info?.version ?? NEVER, a.info?.version ?? NEVER) ||
  b.attrs.mtimeMs - a.attrs.mtimeMs ||
  b.attrs.size - a.attrs.size;

export const hasVersion = (candidate: Candidate, version: Eversion): boolean =>
  candidate.info !== undefined && compareEversion(candidate.info.version, version) === 0;
