import { binaryKey } from '../bytes/names.ts';
import { isSourceFault, ofDestination } from '../errors/salvage-error.ts';
import { isUnreadable, type ObjectRef } from '../store/object-store.ts';
import type { CatalogOsd } from './catalog.ts';
import type { OsdEnd } from './osd-records.ts';
import { unpack } from './packing.ts';
import type { KnownUnits } from './scan-messages.ts';
import type { Segment, UnitEntry } from './segment.ts';

/** One OSD during a scan: what earlier scans know of it, and what this one has found. */
export class OsdScan {
  readonly #earlier: Segment[] = [];
  readonly #fresh: Segment[] = [];
  /** the directories of their named objects, packed */
  readonly #directories: Uint8Array[] = [];
  /** live units of earlier scans, by collection and path, that no task has got yet: grouped once for all shares */
  #known: Map<string, Map<string, UnitEntry>> | undefined;
  /** segments of earlier scans that are damaged: their directories are listed again */
  readonly #lost: number[];

  readonly name: string;

  constructor(name: string, known: CatalogOsd | undefined) {
    this.name = name;
    this.#lost = [...(known?.lost ?? [])];
    for (const segment of known?.segments ?? []) {
      try {
        segment.verify();
        this.#earlier.push(segment);
      } catch (error) {
        if (!isSourceFault(error)) throw error;
        this.#lost.push(segment.position);
      }
    }
  }

  add(segment: Segment, directories: Uint8Array): void {
    this.#fresh.push(segment);
    this.#directories.push(directories);
  }

  /**
   * Live units of earlier scans in some collections, each of which is asked for once.
   * @param collections undefined: all, as often as wanted
   */
  knownUnits(collections: readonly string[] | undefined): KnownUnits | undefined {
    if (this.#earlier.length === 0) return undefined;
    this.#known ??= this.#knownByCollection();
    const known: KnownUnits = { paths: [], stamps: [], subdirectories: [] };
    for (const collection of collections ?? this.#known.keys()) {
      for (const [path, [, ino, mtimeNs, ctimeNs, , , names]] of this.#known.get(collection) ??
        []) {
        known.paths.push(path);
        known.stamps.push({ ino, mtimeNs, ctimeNs });
        known.subdirectories.push(names);
      }
    }
    // Its task has them from here on.
    for (const collection of collections ?? []) this.#known.delete(collection);
    return known;
  }

  /** A later segment's word on a directory replaces an earlier one's, unless the later scan could not read it. */
  #knownByCollection(): Map<string, Map<string, UnitEntry>> {
    const known = new Map<string, Map<string, UnitEntry>>();
    for (const segment of this.#earlier) {
      for (const [i, unit] of segment.units.entries()) {
        if (segment.dead.has(i)) continue;
        const path = binaryKey(unit[0]);
        const collection = path.split('/', 1)[0]!;
        let units = known.get(collection);
        if (units === undefined) {
          units = new Map();
          known.set(collection, units);
        }
        if (!isUnreadable({ mtimeNs: unit[2] }) || !units.has(path)) units.set(path, unit);
      }
    }
    return known;
  }

  /** Which paths this scan found unchanged, could not read, or listed. */
  #outcome(): { kept: Set<string>; listed: Set<string> } {
    const kept = new Set<string>();
    const listed = new Set<string>();
    for (const segment of this.#fresh) {
      for (const path of segment.kept()) kept.add(binaryKey(path));
      for (const [path, , mtimeNs] of segment.units) {
        // What was in it is lost with it only where no earlier scan could read it.
        (isUnreadable({ mtimeNs }) ? kept : listed).add(binaryKey(path));
      }
    }
    return { kept, listed };
  }

  /**
   * Which units of earlier scans count no more, by segment.
   * @param complete false: this scan failed half-way, so what it has not come to still stands
   */
  deadUnits(complete: boolean): OsdEnd['dead'] {
    if (this.#earlier.length === 0) return this.#lost.map((position) => [position, null]);
    const { kept, listed } = this.#outcome();
    const taken = new Set<string>();
    const stands = ([unit, , mtimeNs]: UnitEntry): boolean => {
      const path = binaryKey(unit);
      if (isUnreadable({ mtimeNs })) return !complete && !listed.has(path) && !kept.has(path);
      // Only the newest segment that knows an unchanged unit keeps it.
      if (taken.has(path)) return false;
      taken.add(path);
      return complete ? kept.has(path) : !listed.has(path);
    };
    const dead: OsdEnd['dead'] = this.#lost.map((position) => [position, null]);
    for (const segment of this.#earlier.toReversed()) {
      for (const [i, unit] of segment.units.entries()) {
        if (!segment.dead.has(i) && !stands(unit)) segment.dead.add(i);
      }
      if (segment.dead.size > 0) dead.push([segment.position, [...segment.dead]]);
    }
    return dead;
  }

  /** Every named object of live units, where it lies. @throws DESTINATION when the catalog cannot be read back */
  namedRefs(): ObjectRef[] {
    try {
      return this.#namedRefs();
    } catch (error) {
      throw ofDestination(error);
    }
  }

  #namedRefs(): ObjectRef[] {
    this.deadUnits(true);
    const earlier = this.#earlier.flatMap((segment) =>
      segment.named().map(({ id, fileName, unit }) => ({
        ...{ id, fileName, directory: segment.units[unit]![0] },
      })),
    );
    const fresh = this.#fresh.flatMap((segment, i) => {
      const directories = unpack<Uint8Array[]>(this.#directories[i]!, 'directories');
      return segment.named().map(({ id, fileName }, j) => ({
        ...{ id, fileName, directory: directories[j]! },
      }));
    });
    return [...earlier, ...fresh];
  }

  /** What is in the live units. */
  totals(): { objects: number; others: number } {
    let objects = 0;
    let others = 0;
    for (const { head } of this.#fresh) {
      objects += head.objects;
      others += head.others;
    }
    for (const segment of this.#earlier) {
      for (const [i, unit] of segment.units.entries()) {
        if (segment.dead.has(i)) continue;
        objects += unit[4];
        others += unit[5];
      }
    }
    return { objects, others };
  }
}
