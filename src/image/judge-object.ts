import { compareEversion, type Eversion, formatEversion } from '../ceph/encoding.ts';
import type { ObjectId } from '../store/object-store.ts';
import { hobjectKey } from './pg-copies.ts';
import { isPeer, type PgDecision } from './pg-decision.ts';

/** One copy of an object, as far as choosing goes. */
export interface CopyEvidence {
  /** index in `Cluster.osds` */
  osd: number;
  /** by object_info; undefined when that is lost or the copy cannot be read */
  version: Eversion | undefined;
}

/** What the choice comes to: which version counts, and whether that is certain. */
export type Verdict =
  | { exists: false; doubt: string | undefined }
  | { exists: true; version: Eversion | undefined; doubt: string | undefined };

/** The newest version among copies. */
export function newestVersion(evidence: readonly CopyEvidence[]): Eversion | undefined {
  let newest: Eversion | undefined;
  for (const { version } of evidence) {
    if (version === undefined) continue;
    if (newest === undefined || compareEversion(version, newest) > 0) newest = version;
  }
  return newest;
}

const has = (evidence: readonly CopyEvidence[], version: Eversion): boolean =>
  evidence.some(
    (copy) => copy.version !== undefined && compareEversion(copy.version, version) === 0,
  );

/**
 * Which version of an object counts, given every copy that lies on the OSDs.
 * docs/replica-choice.md, "Per object".
 */
export function judgeObject(
  decision: PgDecision,
  id: Pick<ObjectId, 'name' | 'namespace' | 'key' | 'snap'>,
  evidence: readonly CopyEvidence[],
): Verdict {
  const verdict = judgeByAuthority(decision, id, evidence);
  const { authority, blind } = decision;
  if (blind.size === 0 || authority === undefined) return verdict;
  // What an OSD without PG info has is no proof, but it may be newer than all that have some.
  const newer = newestVersion(evidence.filter(({ osd }) => blind.has(osd)));
  if (newer !== undefined && compareEversion(newer, authority.info.lastUpdate) > 0) {
    const names = [...blind.values()].join(', ');
    return {
      exists: true,
      version: newer,
      doubt: `${names} has a newer version and no readable PG info`,
    };
  }
  if (!verdict.exists) return verdict;
  const lacking = [...blind].find(([osd]) => !evidence.some((copy) => copy.osd === osd));
  const why =
    lacking && `${lacking[1]}, whose PG info cannot be read, does not have it: it may be deleted`;
  return { ...verdict, doubt: verdict.doubt ?? why };
}

function judgeByAuthority(
  decision: PgDecision,
  id: Pick<ObjectId, 'name' | 'namespace' | 'key' | 'snap'>,
  evidence: readonly CopyEvidence[],
): Verdict {
  const { authority, doubt } = decision;
  if (authority === undefined) return judgeWithoutAuthority(decision, id, evidence);
  const key = hobjectKey(id);
  const missing = authority.missing.get(key);
  if (missing?.isDelete) return { exists: false, doubt };
  if (missing !== undefined) {
    if (has(evidence, missing.need)) return { exists: true, version: missing.need, doubt };
    const found = newestVersion(evidence);
    const had = found === undefined ? 'no copy' : `version ${formatEversion(found)}`;
    const why = `version ${formatEversion(missing.need)} is needed, the OSDs here have ${had}`;
    return { exists: true, version: found, doubt: why };
  }
  return judgeByPeers(decision, key, evidence);
}

/**
 * Copies of the PG that are as good as the authority: by Ceph's rules they hold the same objects, so
 * where their disks differ one of them is damaged. A file is lost more easily than it comes into
 * being: the object exists where any of them has it.
 */
function judgeByPeers(
  decision: PgDecision,
  key: string,
  evidence: readonly CopyEvidence[],
): Verdict {
  const { authority, doubt, copies } = decision;
  const { lastUpdate } = authority!.info;
  const peers = copies.filter((copy) => isPeer(copy, authority!) && !copy.missing.has(key));
  const held = evidence.filter(({ osd }) => peers.some((peer) => peer.osd.index === osd));
  if (held.length === 0) return { exists: false, doubt: decision.absenceDoubt };
  const versioned = held.filter(
    ({ version }) => version !== undefined && compareEversion(version, lastUpdate) <= 0,
  );
  const version = newestVersion(versioned) ?? newestVersion(evidence);
  const why =
    held.length * 2 <= peers.length
      ? `only ${held.length} of ${peers.length} equal copies of the PG have it`
      : versioned.length === 0
        ? 'no copy that counts tells its version'
        : undefined;
  return { exists: true, version, doubt: doubt ?? why };
}

/** No complete copy: newest version, unless some copy knows that the object was deleted since. */
function judgeWithoutAuthority(
  { copies, doubt }: PgDecision,
  id: Pick<ObjectId, 'name' | 'namespace' | 'key' | 'snap'>,
  evidence: readonly CopyEvidence[],
): Verdict {
  const version = newestVersion(evidence);
  const key = hobjectKey(id);
  const deleted = copies.some(({ missing }) => {
    const item = missing.get(key);
    return item?.isDelete && (version === undefined || compareEversion(item.need, version) > 0);
  });
  if (deleted || evidence.length === 0) return { exists: false, doubt };
  return { exists: true, version, doubt };
}
