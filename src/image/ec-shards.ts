import { compareEversion, formatEversion } from '../ceph/encoding.ts';
import type { ErasureCode } from '../ec/erasure-code.ts';
import { byVersion, type Candidate, copyOf, hasVersion, isReadable } from './object-candidates.ts';
import type { Resolution } from './resolution.ts';

/** How the shards of a pool make its objects: plain data, so that it can be sent to a worker. */
export interface EcSource {
  profile: [key: string, value: string][];
  /** bytes of one stripe over all data shards */
  stripeWidth: number;
}

/** A pool's erasure code, or why it cannot be used. */
export interface PoolErasure extends EcSource {
  code: ErasureCode | undefined;
  reason: string;
}

const MIXED = 'too few shards of any one version are left: what was written last may be wrong';

const shardsOf = (candidates: readonly Candidate[]): Set<number> =>
  new Set(candidates.map((c) => c.ref.id.shard));

/**
 * One copy of each shard: of the version that counts, else the newest. An overwrite that was cut short has reached some of
 * them only, and has changed a few stripes.
 */
function mixedShards(current: readonly Candidate[], sorted: readonly Candidate[]): Candidate[] {
  const byShard = new Map<number, Candidate>();
  for (const candidate of [...current.filter(isReadable), ...sorted.filter(isReadable)]) {
    const { shard } = candidate.ref.id;
    if (!byShard.has(shard)) byShard.set(shard, candidate);
  }
  return [...byShard.values()];
}

/**
 * Gathers an erasure-coded object: enough shards of the version that counts, else the newest version
 * of which there are enough, else shards of several versions, which agree but for what was written last.
 */
export function chooseShards(
  erasure: PoolErasure,
  current: readonly Candidate[],
  readable: readonly Candidate[],
  doubt: string | undefined,
): Resolution {
  const { code, profile, stripeWidth, reason } = erasure;
  if (code === undefined) return { state: 'lost', reason };
  const versions = [...readable].filter((c) => c.info !== undefined).sort(byVersion);
  const wanted = current[0]!.info;
  for (const { info } of [...current.slice(0, 1), ...versions]) {
    if (info === undefined) continue;
    const shards = readable.filter((c) => isReadable(c) && hasVersion(c, info.version));
    if (code.plan(shardsOf(shards)) === undefined) continue;
    const older =
      wanted !== undefined && compareEversion(info.version, wanted.version) !== 0
        ? `too few shards of version ${formatEversion(wanted.version)} are left: another one was taken`
        : undefined;
    return {
      ...{ state: 'present', copies: shards.map(copyOf), lastResort: [], unexamined: false },
      ...{ erasure: { profile, stripeWidth }, size: info.size, digest: info.dataDigest },
      ...{ version: formatEversion(info.version), doubt: doubt ?? older },
    };
  }
  const mixed = mixedShards(current, versions);
  const newest = wanted ?? versions[0]?.info;
  if (newest !== undefined && code.plan(shardsOf(mixed)) !== undefined) {
    return {
      ...{ state: 'present', copies: mixed.map(copyOf), lastResort: [], unexamined: false },
      ...{ erasure: { profile, stripeWidth }, size: newest.size, digest: undefined },
      ...{ version: formatEversion(newest.version), doubt: MIXED },
    };
  }
  return { state: 'lost', reason: code.shortage(shardsOf(current.filter(isReadable))).text };
}
