import { decodeObjectInfo, type ObjectInfo } from '../ceph/object-info.ts';
import type { Cluster } from './cluster.ts';
import { judgeObject } from './judge-object.ts';
import { type AttrsReader, type Candidate, decoded, hasVersion } from './object-candidates.ts';

/** A copy that tells its version. */
export type CurrentCopy = Candidate & { info: ObjectInfo };

/** Copies of a metadata object of the version that counts; none where that cannot be told for certain. */
export async function currentCopies(
  cluster: Cluster,
  pool: number,
  namespace: Uint8Array,
  name: Uint8Array,
  reader: { readAttrs: AttrsReader },
): Promise<CurrentCopy[]> {
  const everywhere = cluster.copiesOf(pool, namespace, name);
  // Cache before base: versions of two pools say nothing about each other.
  const holder = [...cluster.cacheTiersOf(pool), pool].find((id) =>
    everywhere.some(({ ref }) => ref.id.pool === id),
  );
  const copies = everywhere.filter(({ ref }) => ref.id.pool === holder);
  if (copies.length === 0) return [];
  const attrs = await reader.readAttrs(copies, false);
  const candidates = copies.map((copy, i) => ({
    ...copy,
    attrs: attrs[i]!,
    info: decoded(attrs[i]!.objectInfo, decodeObjectInfo),
  }));
  const { id } = copies[0]!.ref;
  const evidence = candidates.map(({ osd, info }) => ({ osd: osd.index, version: info?.version }));
  const verdict = judgeObject(cluster.pgs.decide(id.pool, id.hash), id, evidence);
  if (!verdict.exists || verdict.version === undefined || verdict.doubt !== undefined) return [];
  const { version } = verdict;
  return candidates.filter((c): c is CurrentCopy => hasVersion(c, version));
}
