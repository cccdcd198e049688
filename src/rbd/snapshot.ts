import { ByteReader } from '../bytes/byte-reader.ts';
import { readNameText, readPoolId, type Utime, utime, versioned } from '../ceph/encoding.ts';
import { type ParentRecord, readParent } from './parent.ts';

export type SnapshotNamespace =
  | { type: 'user' }
  | { type: 'group'; pool: number; groupId: string; groupSnapshotId: string }
  /** removed, but clones of the second format still need it; `originalName` is what it was called */
  | { type: 'trash'; originalName: Uint8Array; originalType: number }
  | MirrorNamespace
  | { type: 'unknown'; code: number };

export interface MirrorNamespace {
  type: 'mirror';
  state: number;
  complete: boolean;
  peerUuids: string[];
  primaryMirrorUuid: string;
  primarySnapId: bigint;
  lastCopiedObjectNumber: bigint;
  /** primary's snapshot id -> ours */
  snapSeqs: Map<bigint, bigint>;
}

export type Protection = 'unprotected' | 'unprotecting' | 'protected' | 'unknown';

/** One snapshot of an image of format 2. */
export interface Snapshot {
  id: bigint;
  /** a uuid for snapshots in the trash: see `snapshotName` */
  name: Uint8Array;
  /** image size in bytes when it was taken */
  size: number;
  /** absent from records that require Nautilus */
  features: bigint | undefined;
  /** its own parent; only in records that do not require Nautilus */
  parent: ParentRecord | undefined;
  protection: Protection;
  /** of this snapshot's object map, as the header's `flags` */
  flags: bigint;
  namespace: SnapshotNamespace;
  timestamp: Utime | undefined;
  /** clones of the second format */
  childCount: number;
  /** bytes of the header's parent that this snapshot sees (from v8 on) */
  parentOverlap: number | undefined;
}

const PROTECTION: readonly Protection[] = ['unprotected', 'unprotecting', 'protected'];

/** A map of u64 to u64, refused when it claims more pairs than can be there. */
export function readSnapSeqs(reader: ByteReader): Map<bigint, bigint> {
  return new Map(reader.list(16, (r) => [r.u64(), r.u64()] as const));
}

function readMirror(reader: ByteReader): MirrorNamespace {
  return {
    type: 'mirror',
    state: reader.u8(),
    complete: reader.bool(),
    peerUuids: reader.list(4, readNameText),
    primaryMirrorUuid: readNameText(reader),
    primarySnapId: reader.u64(),
    lastCopiedObjectNumber: reader.u64(),
    snapSeqs: readSnapSeqs(reader),
  };
}

/** A snapshot's namespace: type, then what the type needs. Types of later releases keep their code. */
export function readSnapshotNamespace(reader: ByteReader): SnapshotNamespace {
  return versioned(reader, 'snapshot namespace', 1, (body): SnapshotNamespace => {
    const code = body.u32();
    if (code === 0) return { type: 'user' };
    if (code === 1) {
      const pool = readPoolId(body);
      return {
        type: 'group',
        pool,
        groupId: readNameText(body),
        groupSnapshotId: readNameText(body),
      };
    }
    if (code === 2) return { type: 'trash', originalName: body.blob(), originalType: body.u32() };
    return code === 3 ? readMirror(body) : { type: 'unknown', code };
  });
}

function readFields(r: ByteReader, v: number, compat: number): Snapshot {
  // Records that need Nautilus to be read (compat 8) dropped features and the nested parent.
  const old = compat < 8;
  return {
    id: r.u64(),
    name: r.blob(),
    size: r.size(),
    features: old ? r.u64() : undefined,
    parent: old && v >= 2 ? readParent(r) : undefined,
    protection: v >= 3 ? (PROTECTION[r.u8()] ?? 'unknown') : 'unprotected',
    flags: v >= 4 ? r.u64() : 0n,
    namespace: v >= 5 ? readSnapshotNamespace(r) : { type: 'user' },
    timestamp: v >= 6 ? utime(r) : undefined,
    childCount: v >= 7 ? r.u32() : 0,
    parentOverlap: v >= 8 && r.bool() ? r.size() : undefined,
  };
}

/**
 * The value of a header's `snapshot_<id>` key; v1 to v8 (`docs/formats/rbd.md`, "Snapshot record").
 * @throws CORRUPT, or UNSUPPORTED when a later release wrote it
 */
export function parseSnapshot(value: Uint8Array): Snapshot {
  return versioned(new ByteReader(value, 'rbd snapshot'), 'rbd snapshot', 8, readFields);
}

/** The name a snapshot is known by: for those in the trash, the one it had before. */
export const snapshotName = (snapshot: Snapshot): Uint8Array =>
  snapshot.namespace.type === 'trash' ? snapshot.namespace.originalName : snapshot.name;
