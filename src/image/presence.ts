import type { Layer } from './layer.ts';

/** What was found of a layer's own data objects; from the catalog alone. */
export interface Presence {
  /** object numbers that have a head or a clone, and copies in all */
  objects: number;
  copies: number;
  /** how many objects have 1, 2, 3, … copies of a kind at the most */
  byCopies: number[];
  /** names of the OSDs that hold some */
  osds: string[];
}

/** Counts objects and copies. One pass over the rows. */
export function presenceOf(layer: Layer): Presence {
  const { objects } = layer;
  const byCopies: number[] = [];
  const osds = new Set<string>();
  let distinct = 0;
  for (let row = 0; row < objects.length; ) {
    const objectNo = objects.objectNo(row);
    const bySnap = new Map<number, number>();
    for (; row < objects.length && objects.objectNo(row) === objectNo; row++) {
      const snap = objects.snap(row);
      bySnap.set(snap, (bySnap.get(snap) ?? 0) + 1);
      osds.add(objects.osd(row).name);
    }
    const most = Math.max(...bySnap.values());
    byCopies[most] = (byCopies[most] ?? 0) + 1;
    distinct++;
  }
  return { objects: distinct, copies: objects.length, byCopies, osds: [...osds].sort() };
}
