import {
  OBJECT_EXISTS,
  OBJECT_NONEXISTENT,
  OBJECT_PENDING,
  type ObjectMap,
  stateOf,
} from './object-map.ts';

/**
 * Which objects changed between two points in time and exist at the later one, by object maps alone
 * (feature fast-diff): `docs/formats/rbd.md`, "Object map".
 *
 * A map tells what changed since the snapshot before it, whoever took that, so every map in between
 * counts. Announced removals (pending) count as changes, as `rbd du` counts them.
 *
 * @param from map of the earlier point; undefined = the image's beginning, when nothing existed
 * @param maps of all snapshots behind it, oldest first, up to and with the later point; not empty
 * @returns numbers of the objects, ascending
 */
export function changedByMaps(from: ObjectMap | undefined, maps: readonly ObjectMap[]): number[] {
  const last = maps[maps.length - 1]!;
  const found: number[] = [];
  for (let objectNo = 0; objectNo < last.objectCount; objectNo++) {
    let exists = from !== undefined && stateOf(from, objectNo) !== OBJECT_NONEXISTENT;
    let changed = false;
    for (const map of maps) {
      const state = stateOf(map, objectNo);
      const existed = exists;
      exists = state !== OBJECT_NONEXISTENT;
      changed ||= exists !== existed || state === OBJECT_EXISTS || state === OBJECT_PENDING;
    }
    if (exists && changed) found.push(objectNo);
  }
  return found;
}
