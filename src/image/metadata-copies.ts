import { type MetadataObject, wantsOf } from '../catalog/metadata.ts';
import { compareEversion, type Eversion, ZERO_EVERSION } from '../ceph/encoding.ts';
import { decodeObjectInfo, isWhiteout, type ObjectInfo } from '../ceph/object-info.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { judgeObject } from './judge-object.ts';
import type { PgDecision } from './pg-decision.ts';

/** One OSD's copy of a metadata object. */
export interface MetadataCopy {
  /** index in `Cluster.osds` */
  osd: number;
  object: MetadataObject;
}

/** A copy's object_info, undefined where it is lost or damaged. */
export function objectInfoOf(object: MetadataObject): ObjectInfo | undefined {
  if (object.objectInfo === undefined) return undefined;
  try {
    return decodeObjectInfo(object.objectInfo);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

const contents = (object: MetadataObject): number =>
  (object.omap?.length ?? 0) + (object.data?.length ?? 0);

interface Ranked {
  object: MetadataObject;
  info: ObjectInfo | undefined;
  version: Eversion;
}

/** Newest first; of equals the one that could be read, then the one with more in it. */
function compare(a: Ranked, b: Ranked): number {
  return (
    compareEversion(b.version, a.version) ||
    Number(a.object.problem !== undefined) - Number(b.object.problem !== undefined) ||
    contents(b.object) - contents(a.object) ||
    b.object.mtimeMs - a.object.mtimeMs
  );
}

/**
 * The copy that counts: of the version that the PG's authority names. A whiteout is an object that
 * does not exist, whatever a pool below may have.
 */
export function pickCopy(
  copies: readonly MetadataCopy[],
  decision: PgDecision,
): MetadataObject | 'absent' | 'whiteout' {
  const ranked = copies.map(({ osd, object }): Ranked & { osd: number } => {
    const info = objectInfoOf(object);
    return { osd, object, info, version: info?.version ?? ZERO_EVERSION };
  });
  if (ranked.length === 0) return 'absent';
  const evidence = ranked.map(({ osd, info }) => ({ osd, version: info?.version }));
  const verdict = judgeObject(decision, copies[0]!.object.ref.id, evidence);
  if (!verdict.exists) return 'absent';
  const { version } = verdict;
  const current = ranked.filter(
    (r) => version === undefined || compareEversion(r.version, version) === 0,
  );
  const best = (current.length > 0 ? current : ranked).sort(compare)[0]!;
  return best.info !== undefined && isWhiteout(best.info)
    ? 'whiteout'
    : withDoubt(best.object, verdict.doubt);
}

/**
 * What makes a choice uncertain makes everything read from the object uncertain. Not so where the
 * catalog keeps no versions (they are read when needed), or only the first of several shards.
 */
function withDoubt(object: MetadataObject, doubt: string | undefined): MetadataObject {
  const isJudged = wantsOf(object.ref).attrs && object.ref.id.shard < 0;
  if (doubt === undefined || object.problem !== undefined || !isJudged) return object;
  return { ...object, problem: doubt };
}
