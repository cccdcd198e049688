import type { ByteReader } from '../bytes/byte-reader.ts';
import { NOSNAP, readNameText, readPoolId, versioned } from '../ceph/encoding.ts';

/** The snapshot that a clone was made from. Names are bytes. */
export interface ParentSpec {
  pool: number;
  /** empty = default namespace (and in every record written before Nautilus) */
  namespace: Uint8Array;
  imageId: string;
  snapId: bigint;
}

/** A parent record as stored. */
export interface ParentRecord extends ParentSpec {
  /** bytes from the image's start; undefined = the head no longer needs the parent */
  overlap: number | undefined;
}

const noNamespace = new Uint8Array(0);

function readFields(reader: ByteReader, v: number): ParentRecord {
  const pool = readPoolId(reader);
  const namespace = v >= 2 ? reader.blob() : noNamespace;
  const imageId = readNameText(reader);
  const snapId = reader.u64();
  const hasOverlap = v >= 2 ? reader.bool() : true;
  const overlap = hasOverlap ? reader.size() : undefined;
  return { pool, namespace, imageId, snapId, overlap };
}

const isParent = (record: ParentRecord, v: number): boolean =>
  record.pool >= 0 &&
  record.imageId !== '' &&
  record.snapId !== NOSNAP &&
  !(v < 2 && record.overlap === 0);

/**
 * A parent record: v1 up to Mimic, v2 from Nautilus on (`docs/formats/rbd.md`, "Parent record").
 * @returns undefined when the record says that there is no parent
 */
export function readParent(reader: ByteReader): ParentRecord | undefined {
  return versioned(reader, 'rbd parent', 2, (body, v) => {
    const record = readFields(body, v);
    return isParent(record, v) ? record : undefined;
  });
}
