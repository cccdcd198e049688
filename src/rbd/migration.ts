import { ByteReader } from '../bytes/byte-reader.ts';
import { NOSNAP, readNameText, readPoolId, versioned } from '../ceph/encoding.ts';
import { readSnapSeqs } from './snapshot.ts';

export type MigrationState =
  | 'error'
  | 'preparing'
  | 'prepared'
  | 'executing'
  | 'executed'
  | 'aborting'
  | 'unknown';

const STATES: readonly MigrationState[] = [
  'error',
  'preparing',
  'prepared',
  'executing',
  'executed',
  'aborting',
];

/** The `migration` key, which both ends of a migration carry. The fields name the *other* image. */
export interface Migration {
  role: 'source' | 'destination';
  pool: number;
  namespace: Uint8Array;
  imageName: Uint8Array;
  /** empty when the other image is of format 1 */
  imageId: string;
  /** source's snapshot id -> destination's */
  snapSeqs: Map<bigint, bigint>;
  /** bytes of the source that may be read through the destination */
  overlap: number;
  flatten: boolean;
  mirroring: boolean;
  state: MigrationState;
  description: string;
  mirrorMode: number;
  /** where the source is no RBD image of this cluster; empty otherwise */
  sourceSpec: string;
}

function readRole(reader: ByteReader): 'source' | 'destination' {
  const role = reader.u8();
  if (role === 1) return 'source';
  if (role === 2) return 'destination';
  throw reader.fail(`migration header type ${role} is neither source nor destination`);
}

const readFields = (r: ByteReader, v: number): Migration => ({
  role: readRole(r),
  pool: readPoolId(r),
  namespace: r.blob(),
  imageName: r.blob(),
  imageId: readNameText(r),
  snapSeqs: readSnapSeqs(r),
  overlap: r.size(),
  flatten: r.bool(),
  mirroring: r.bool(),
  state: STATES[r.u8()] ?? 'unknown',
  description: r.text(),
  mirrorMode: v >= 2 ? r.u8() : 0,
  sourceSpec: v >= 3 ? r.text() : '',
});

/** The value of a header's `migration` key (`docs/formats/rbd.md`, "Migration"). */
export function parseMigration(value: Uint8Array): Migration {
  return versioned(new ByteReader(value, 'rbd migration'), 'rbd migration', 1, readFields);
}

/** Where a migration's destination finds what it has no object for. */
export interface MigrationSource {
  pool: number;
  namespace: Uint8Array;
  imageName: Uint8Array;
  imageId: string;
  /** NOSNAP = the source's head */
  snapId: bigint;
  /** image bytes from here on are zeros where the destination has no object */
  overlap: number;
}

const READS_SOURCE: ReadonlySet<MigrationState> = new Set(['prepared', 'executing', 'aborting']);

/** The source's snapshot behind the destination's `snapId`; NOSNAP = its head. */
function sourceSnapshot(migration: Migration, snapId: bigint): bigint | undefined {
  if (snapId === NOSNAP) return NOSNAP;
  let newest = 0n;
  for (const [source, destination] of migration.snapSeqs) {
    if (destination === snapId) return source;
    if (destination > newest) newest = destination;
  }
  // Taken after the migration began: the source cannot have changed since.
  return snapId > newest ? NOSNAP : undefined;
}

/**
 * The image that shines through an image under migration, or undefined when it stands alone.
 *
 * @param snapId the destination's snapshot that is read; NOSNAP = its head
 * @param size bytes of the destination at that snapshot
 */
export function migrationSource(
  migration: Migration,
  snapId: bigint,
  size: number,
): MigrationSource | undefined {
  if (migration.role !== 'destination' || !READS_SOURCE.has(migration.state)) return undefined;
  const source = sourceSnapshot(migration, snapId);
  if (source === undefined) return undefined;
  const { pool, namespace, imageName, imageId } = migration;
  // The recorded overlap is of the head; a snapshot was as large in the source as it is here.
  const overlap = source === NOSNAP ? Math.min(size, migration.overlap) : size;
  return { pool, namespace, imageName, imageId, snapId: source, overlap };
}
