import { afterPrefix, type OmapEntry } from './omap-values.ts';

/** The RBD namespaces of a pool, from the omap of `rbd_namespace` (keys `name_<namespace>`). */
export function parseNamespaces(entries: Iterable<OmapEntry>): Uint8Array[] {
  const namespaces: Uint8Array[] = [];
  for (const { key } of entries) {
    const name = afterPrefix(key, 'name_');
    if (name !== undefined && name.length > 0) namespaces.push(name);
  }
  return namespaces;
}
