import { NOSNAP } from '../ceph/encoding.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { FEATURE_OBJECT_MAP, FLAG_OBJECT_MAP_INVALID } from '../rbd/features.ts';
import { objectMapObject } from '../rbd/names.ts';
import { parseObjectMap } from '../rbd/object-map.ts';
import { objectCount } from '../rbd/striping.ts';
import { currentCopies } from './current-copies.ts';
import type { EvidenceReader } from './examine-headless.ts';
import type { Layer } from './layer.ts';

/** Head, footer and CRCs of a map besides its two bits per object; generous. */
const mapBytes = (objects: number): number =>
  64 + Math.ceil(objects / 4) + Math.ceil(objects / 4096) * 4;

/** The header says that the map of this layer is to be trusted. */
function claimsMap({ image, snapshot }: Layer): boolean {
  const { header } = image;
  const flags = snapshot === undefined ? header.flags : snapshot.flags;
  return (header.features & FEATURE_OBJECT_MAP) !== 0n && (flags & FLAG_OBJECT_MAP_INVALID) === 0n;
}

/**
 * Gives a layer, and those below it, their object maps where intact ones are found: flags, size,
 * count and checksums all in order. Without one, absence alone has to do.
 */
export async function attachObjectMaps(layer: Layer, reader: EvidenceReader): Promise<void> {
  const { image, size, geometry, snapId } = layer;
  if (claimsMap(layer)) {
    const name = objectMapObject(image.id, snapId === NOSNAP ? undefined : snapId);
    const expected = objectCount(geometry, size);
    const copies = await currentCopies(image.cluster, image.pool, image.namespace, name, reader);
    const bytes =
      copies.length === 0 ? undefined : await reader.readStart(copies, mapBytes(expected));
    try {
      const map = bytes && parseObjectMap(bytes, expected);
      // A map stored without checksums proves nothing.
      if (map?.checked) layer.objectMap = map;
    } catch (error) {
      if (!isSourceFault(error)) throw error;
    }
  }
  if (layer.parent?.layer !== undefined) await attachObjectMaps(layer.parent.layer, reader);
}
