import { formatEversion } from '../ceph/encoding.ts';
import { isWhiteout } from '../ceph/object-info.ts';
import { objectHash, pgSeedOf } from '../ceph/placement.ts';
import { dataObjectName } from '../rbd/names.ts';
import { chooseShards } from './ec-shards.ts';
import { judgeObject, type Verdict } from './judge-object.ts';
import type { Layer, PoolObjects } from './layer.ts';
import { byVersion, type Candidate, copyOf, hasVersion, isReadable } from './object-candidates.ts';
import { doubtful, type Resolution } from './resolution.ts';

const NO_KEY = new Uint8Array(0);

/** The candidates of one object that count, and why that may be wrong. */
export function selectCopies(
  { image }: Layer,
  candidates: readonly Candidate[],
): { verdict: Verdict; copies: Candidate[] } {
  const { id } = candidates[0]!.ref;
  const evidence = candidates.map(({ osd, info }) => ({ osd: osd.index, version: info?.version }));
  const verdict = judgeObject(image.cluster.pgs.decide(id.pool, id.hash), id, evidence);
  const version = verdict.exists ? verdict.version : undefined;
  const copies = version === undefined ? [] : candidates.filter((c) => hasVersion(c, version));
  // What became of a file since it was copied out of its OSD nobody knows, whatever its xattrs say.
  const kept = copies.filter((c) => c.osd.catalog.location.kind !== 'loose');
  if (kept.length > 0 || copies.length === 0) return { verdict, copies: kept };
  const doubt = verdict.doubt ?? 'only loose files hold it';
  return { verdict: { ...verdict, doubt } as Verdict, copies };
}

/** What candidates of one object of one pool come to: does it exist, and which of them hold it? */
export function judgeCopies(
  layer: Layer,
  pool: PoolObjects,
  objectNo: number,
  candidates: readonly Candidate[],
  doubt: string | undefined,
): Resolution {
  if (candidates.length === 0)
    return doubtful(nowhere(layer, pool, objectNo), lostHead(pool, objectNo));
  const readable = candidates.filter(isReadable);
  const { verdict, copies } = selectCopies(layer, candidates);
  const why = verdict.doubt ?? doubt;
  if (!verdict.exists) return { state: 'absent', doubt: why };
  if (readable.length === 0) return unreadable(candidates);
  if (copies.length === 0) return unproven(layer, readable, why ?? 'no copy tells its version');
  if (isWhiteout(copies[0]!.info!)) return { state: 'absent', doubt: why, whiteout: true };
  return present(layer, copies, readable, why);
}

/** An object of which nothing lies here: a hole, unless its whole PG is on no OSD. */
export function nowhere({ image }: Layer, { pool }: PoolObjects, objectNo: number): Resolution {
  const { pgs, osdMap } = image.cluster;
  const name = dataObjectName(image.header.objectPrefix, objectNo, image.format);
  const hash = objectHash(name, NO_KEY, image.namespace);
  const { copies, blind, absenceDoubt } = pgs.decide(pool, hash);
  if (copies.length > 0 || blind.size > 0 || pgs.isBlind)
    return { state: 'absent', doubt: absenceDoubt };
  const pgNum = osdMap?.pools.get(pool)?.pgNum;
  const pg = pgNum === undefined ? '' : ` ${pool}.${pgSeedOf(hash, pgNum).toString(16)}`;
  return { state: 'lost', reason: `its PG${pg} is on none of the OSDs` };
}

/** The best that is left, said to be no more than that. */
export function unproven(
  layer: Layer,
  candidates: readonly Candidate[],
  doubt: string,
): Resolution {
  const sorted = candidates.filter(isReadable).sort(byVersion);
  const best = sorted[0];
  if (best === undefined) return unreadable(candidates);
  const same = sorted.filter(
    (c) => c === best || (best.info !== undefined && hasVersion(c, best.info.version)),
  );
  return present(layer, same, sorted, doubt);
}

function present(
  { image }: Layer,
  copies: readonly Candidate[],
  readable: readonly Candidate[],
  doubt: string | undefined,
): Resolution {
  const { info, ref } = copies[0]!;
  const erasure = image.cluster.erasureOf(ref.id.pool);
  if (erasure !== undefined) return chooseShards(erasure, copies, readable, doubt);
  if (copies[0]!.ref.id.shard >= 0) {
    const reason = 'a shard of an erasure-coded pool, whose profile is lost with the OSD maps';
    return { state: 'lost', reason };
  }
  return {
    state: 'present',
    copies: copies.map(copyOf),
    lastResort: readable
      .filter((c) => !copies.includes(c))
      .sort(byVersion)
      .map(copyOf),
    erasure: undefined,
    size: info?.size,
    digest: info?.dataDigest,
    version: info && formatEversion(info.version),
    doubt,
    unexamined: false,
  };
}

function unreadable(candidates: readonly Candidate[]): Resolution {
  const reasons = candidates.map(({ osd, attrs }) => `${osd.name}: ${attrs.error}`);
  return { state: 'lost', reason: reasons.join('; ') };
}

/** Where there are clones there is a head, a whiteout or a snapdir as well, unless it is lost. */
function lostHead({ objects }: PoolObjects, objectNo: number): string | undefined {
  const snaps = objects.rowsOf(objectNo).map((row) => objects.snap(row));
  const isBereft = snaps.some((snap) => snap >= 0) && !snaps.some((snap) => snap < 0);
  return isBereft
    ? 'it has clones, but neither head nor snapdir: its head is lost, or was deleted'
    : undefined;
}
