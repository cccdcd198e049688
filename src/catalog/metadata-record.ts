import { corruptError } from '../errors/salvage-error.ts';
import type { MetadataObject } from './metadata.ts';
import { pack, unpack } from './packing.ts';

/** Metadata objects as records of the catalog hold them: one array each, absent parts null. */
type Entry = [
  pool: number,
  namespace: Uint8Array,
  name: Uint8Array,
  key: Uint8Array,
  snap: bigint,
  hash: number,
  shard: number,
  directory: Uint8Array,
  fileName: Uint8Array,
  objectInfo: Uint8Array | null,
  snapSet: Uint8Array | null,
  size: number,
  mtimeMs: number,
  data: Uint8Array | null,
  omap: [Uint8Array, Uint8Array][] | null,
  problem: string | null,
  pgBits: number | null,
];

const toEntry = (o: MetadataObject): Entry => {
  const { pool, namespace, name, key, snap, hash, shard } = o.ref.id;
  const { directory, fileName } = o.ref;
  return [
    ...([pool, namespace, name, key, snap, hash, shard, directory, fileName] as const),
    o.objectInfo ?? null,
    o.snapSet ?? null,
    o.size,
    o.mtimeMs,
    o.data ?? null,
    o.omap ?? null,
    o.problem ?? null,
    o.pgBits ?? null,
  ];
};

function fromEntry(e: Entry): MetadataObject {
  const [pool, namespace, name, key, snap, hash, shard, directory, fileName] = e;
  const [, , , , , , , , , objectInfo, snapSet, size, mtimeMs, data, omap, problem, pgBits] = e;
  return {
    ref: {
      id: { pool, namespace, name, key, snap: BigInt(snap), hash, shard },
      directory,
      fileName,
    },
    size,
    mtimeMs,
    ...(objectInfo === null ? {} : { objectInfo }),
    ...(snapSet === null ? {} : { snapSet }),
    ...(data === null ? {} : { data }),
    ...(omap === null ? {} : { omap }),
    ...(problem === null ? {} : { problem }),
    ...(pgBits === null ? {} : { pgBits }),
  };
}

export const packMetadata = (objects: readonly MetadataObject[]): Uint8Array =>
  pack(objects.map(toEntry));

/** @throws CORRUPT */
export function unpackMetadata(bytes: Uint8Array): MetadataObject[] {
  const entries = unpack<Entry[]>(bytes, 'metadata objects');
  try {
    return entries.map(fromEntry);
  } catch {
    // Not what `packMetadata` makes, whatever its checksum says: there is no such list, or no rows.
    throw corruptError('catalog: metadata objects are of another shape');
  }
}
