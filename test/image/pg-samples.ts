import { HOBJECT_MAX, type Hobject } from '../../src/ceph/hobject.ts';
import type { MissingItem } from '../../src/ceph/missing.ts';
import type { PgInfo } from '../../src/ceph/pg-info.ts';
import type { ClusterOsd } from '../../src/image/cluster.ts';
import type { CopyEvidence } from '../../src/image/judge-object.ts';
import { hobjectKey, type PgCopy } from '../../src/image/pg-copies.ts';

/** `66'42` as Ceph writes it. */
export const v = (text: string) => {
  const [epoch, version] = text.split("'");
  return { epoch: Number(epoch), version: BigInt(version!) };
};

const NONE = new Uint8Array(0);
export const object = (name: string, snap = 0xfffffffffffffffen): Hobject => ({
  ...{ name: Buffer.from(name), key: NONE, namespace: NONE, snap, hash: 0x9db7bce5 },
  ...{ pool: 2, max: false },
});

export interface Parts {
  lastUpdate?: string;
  logTail?: string;
  les?: number;
  historyLes?: number;
  lastBackfill?: Hobject;
  bits?: number;
  unlisted?: boolean;
  missing?: [name: string, need: string, isDelete?: boolean, have?: string][];
  /** objects in the collection, and how many the info says there are */
  listed?: number;
  objects?: number;
}

export function copy(osd: number, parts: Parts = {}): PgCopy {
  const { les = 60 } = parts;
  const info = {
    lastUpdate: v(parts.lastUpdate ?? "66'42"),
    logTail: v(parts.logTail ?? "0'0"),
    lastBackfill: parts.lastBackfill ?? HOBJECT_MAX,
    lastEpochStarted: les,
    history: { epochCreated: 14, lastEpochStarted: parts.historyLes ?? les },
    objects: parts.objects,
  } as PgInfo;
  const items = (parts.missing ?? []).map(
    ([name, need, isDelete = false, have = "0'0"]): MissingItem => {
      return { object: object(name), need: v(need), have: v(have), isDelete };
    },
  );
  return {
    osd: { index: osd, name: `osd.${osd}` } as ClusterOsd,
    ...{ pool: 2, seed: 1, shard: -1, bits: parts.bits ?? 3, unlisted: parts.unlisted ?? false },
    ...{ caughtUp: true, listed: parts.listed ?? 0 },
    info,
    missing: new Map(items.map((item) => [hobjectKey(item.object), item])),
  };
}

/** Copies of an object: which OSD has it at which version; undefined where its attributes are lost. */
export const on = (...copies: [osd: number, version?: string][]): CopyEvidence[] =>
  copies.map(([osd, version]) => ({
    osd,
    version: version === undefined ? undefined : v(version),
  }));
