import type { Segment } from '../../src/catalog/segment.ts';
import type { Cluster, ClusterOsd } from '../../src/image/cluster.ts';
import { headlessImage } from '../../src/image/headless.ts';
import type { Image } from '../../src/image/image.ts';
import type { DataPrefix } from '../../src/image/object-table.ts';
import type { PgDecision } from '../../src/image/pg-decision.ts';

/** An image's rows, a segment on an OSD of its own each. */
export function prefixOf(segments: Segment[]): DataPrefix {
  const postings = segments.flatMap((segment, index) =>
    segment.head.groups.map((group) => {
      const osd = { index, name: `osd.${index}` } as ClusterOsd;
      return { osd, segment, group, shard: -1 };
    }),
  );
  const names = { prefix: Buffer.from('rbd_data.1'), namespace: Buffer.alloc(0) };
  return { pool: 2, ...names, postings, odd: [] };
}

/** No OSD has the PG's metadata: whatever lies there exists. */
export const NO_AUTHORITY: PgDecision = {
  ...{ authority: undefined, copies: [], doubt: undefined, absenceDoubt: undefined, agreed: false },
  blind: new Map(),
};
const DELETED = new Map([['key', { isDelete: true }]]);
/** The one PG there is knows all objects as deleted. */
export const KNOWS_BETTER = {
  ...NO_AUTHORITY,
  copies: [{ missing: { get: () => DELETED.get('key') } }],
} as unknown as PgDecision;

/** A cluster all of whose PGs are decided like this, with the data objects of one image and no others. */
export const clusterThat = (decision: PgDecision, prefix: DataPrefix): Cluster =>
  ({
    pgs: { decide: () => decision },
    dataPrefix: () => prefix,
    copiesOf: () => [],
  }) as unknown as Cluster;

/** An image that its objects alone tell of. @returns undefined where none exists */
export const imageOf = (decision: PgDecision, prefix: DataPrefix): Image | undefined =>
  headlessImage(clusterThat(decision, prefix), prefix, () => ({
    ...{ name: Buffer.from('1'), named: false, trash: undefined },
  }));
