import { nameToText } from '../../../src/bytes/names.ts';
import type { Damage } from '../../../src/errors/damage.ts';
import { CollectionScanner, type KnownUnit } from '../../../src/store/filestore/filestore-scan.ts';
import { isUnreadable, type ObjectSink, type UnitStamp } from '../../../src/store/object-store.ts';

export interface Unit extends KnownUnit {
  path: string;
  /** names of objects: file names of data objects, object names of others */
  data: string[];
  named: string[];
  others: number;
  readable: boolean;
}

/** An `ObjectSink` that writes down what it is told. */
export class CollectingSink implements ObjectSink {
  readonly units: Unit[] = [];
  readonly kept: string[] = [];

  get #unit(): Unit {
    return this.units.at(-1)!;
  }
  beginUnit(path: Uint8Array): void {
    const stamp = { ino: 0n, mtimeNs: 0n, ctimeNs: 0n };
    const at = Buffer.from(path).toString('latin1');
    const lists = { data: [], named: [], others: 0, subdirectories: [] };
    this.units.push({ path: at, ...lists, stamp, readable: false });
  }
  dataObject(b: Uint8Array, start: number, ...rest: number[]): boolean {
    this.#unit.data.push(Buffer.from(b.subarray(start, rest.at(-1))).toString('latin1'));
    return true;
  }
  namedObject(id: { name: Uint8Array }): void {
    this.#unit.named.push(nameToText(id.name));
  }
  otherObject(): void {
    this.#unit.others++;
  }
  endUnit(stamp: UnitStamp, subdirectories: readonly string[]): void {
    Object.assign(this.#unit, { stamp, subdirectories: [...subdirectories] });
    this.#unit.readable = !isUnreadable(stamp);
  }
  keptUnit(path: Uint8Array): void {
    this.kept.push(Buffer.from(path).toString('latin1'));
  }
  get objects(): string[] {
    return this.units.flatMap(({ data, named }) => [...data, ...named]).sort();
  }
}

/** Scans one collection. */
export function scanned(dataPath: string, collection: string, known: readonly Unit[] = []) {
  const sink = new CollectingSink();
  const damage: Damage[] = [];
  const index = new Map(known.map((unit) => [unit.path, unit]));
  new CollectionScanner({
    dataPath,
    sink,
    report: (d) => damage.push(d),
    known: (directory) => index.get(directory),
  }).scan(collection);
  return { sink, damage };
}
