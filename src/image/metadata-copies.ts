import { compareEversion, type Eversion, ZERO_EVERSION } from '../ceph/encoding.ts';
import { decodeObjectInfo, isWhiteout, type ObjectInfo } from '../ceph/object-info.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import type { MetadataObject } from '../catalog/metadata.ts';

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

/** The copy that counts: the newest by object_info. undefined: the object does not exist. */
export function pickCopy(copies: readonly MetadataCopy[]): MetadataObject | undefined {
  const ranked = copies.map(({ object }): Ranked => {
    const info = objectInfoOf(object);
    return { object, info, version: info?.version ?? ZERO_EVERSION };
  });
  const best = ranked.sort(compare)[0];
  if (best === undefined || (best.info !== undefined && isWhiteout(best.info))) return undefined;
  return best.object;
}
