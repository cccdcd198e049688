import type { Cluster } from '../../image/cluster.ts';
import { journalSummary } from '../../store/survey-store.ts';

/** What the journals of a cluster's OSDs were good for; OSDs without one are left out. */
export function osdJournals(cluster: Cluster) {
  return cluster.osds.flatMap(({ name, catalog }) => {
    const summary = journalSummary(catalog.location);
    return summary === undefined ? [] : [{ osd: name, ...summary }];
  });
}

export type OsdJournals = ReturnType<typeof osdJournals>;

export const journalLines = (journals: OsdJournals): string[] =>
  journals.map(({ osd, text }) => `${osd}: ${text}`);
