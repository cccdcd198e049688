import type { Catalog, CatalogOsd } from '../catalog/catalog.ts';
import { osdName } from '../catalog/osd-records.ts';
import { decodeOsdMap, type OsdMap } from '../ceph/osdmap.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { Cluster } from './cluster.ts';
import { ImageIndex } from './image-index.ts';

function newestMap(maps: { bytes: Uint8Array; epoch: number }[]): OsdMap | undefined {
  for (const { bytes } of maps.sort((a, b) => b.epoch - a.epoch)) {
    try {
      return decodeOsdMap(bytes);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
    }
  }
  return undefined;
}

/**
 * The clusters whose OSDs the catalogs hold. An OSD that several catalogs know counts once, as the
 * latest finished scan saw it.
 * @param excluded names of OSDs to leave out
 */
export function clustersOf(
  catalogs: readonly Catalog[],
  excluded: readonly string[] = [],
): Cluster[] {
  const known = catalogs
    .flatMap((catalog) => catalog.osds())
    .filter(({ identity, location }) => !excluded.includes(osdName(identity, location.path)));
  const osds = new Map<string, CatalogOsd>();
  for (const osd of known) {
    const other = osds.get(osd.key);
    if (other === undefined || (other.end?.at ?? 0) <= (osd.end?.at ?? 0)) osds.set(osd.key, osd);
  }
  const byFsid = new Map<string | undefined, CatalogOsd[]>();
  const fsids = new Set([...osds.values()].flatMap(({ identity }) => identity.clusterFsid ?? []));
  for (const osd of osds.values()) {
    // Loose files do not say where they are from: beside one cluster's OSDs they are taken for its own.
    const isGuest = osd.location.kind === 'loose' && fsids.size === 1;
    const fsid = osd.identity.clusterFsid ?? (isGuest ? [...fsids][0] : undefined);
    byFsid.set(fsid, [...(byFsid.get(fsid) ?? []), osd]);
  }
  const maps = catalogs.flatMap((catalog) => catalog.osdMaps());
  return [...byFsid].map(([fsid, members]) => {
    const own = maps.filter((map) => fsid === undefined || map.clusterFsid === fsid);
    return new Cluster(fsid, members, newestMap(own), (cluster) => new ImageIndex(cluster));
  });
}
