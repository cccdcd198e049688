import { nameToText } from '../../src/bytes/names.ts';
import type { Damage } from '../../src/errors/damage.ts';
import { detectOsds } from '../../src/store/detect.ts';
import { parseFileName } from '../../src/store/filestore/object-filename.ts';
import {
  isUnreadable,
  type ObjectId,
  type ObjectRef,
  type ObjectSink,
  type OsdLocation,
  type UnitStamp,
} from '../../src/store/object-store.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../../src/store/row-snap.ts';
import { type KnownUnit, scanShare, scanShares } from '../../src/store/scan-store.ts';

/** What any kind of OSD holds, by the interfaces that its store shares with the others. */

/** The only OSD at a path. */
export function locate(osd: string): OsdLocation {
  const { osds, problems } = detectOsds(osd);
  if (osds.length !== 1 || problems.length > 0) {
    throw new Error(`${osd}: ${osds.length} OSDs, ${JSON.stringify(problems)}`);
  }
  return osds[0]!.location;
}

function snapField(snap: number): string {
  if (snap === ROW_HEAD) return 'head';
  return snap === ROW_SNAPDIR ? 'snapdir' : snap.toString(16);
}

/** Writes down which objects a scan finds, and in which units. */
export class RefSink implements ObjectSink {
  readonly data: ObjectRef[] = [];
  readonly named: ObjectRef[] = [];
  readonly kept: string[] = [];
  readonly units = new Map<string, KnownUnit & { readable: boolean }>();
  others = 0;
  #directory = new Uint8Array(0);

  beginUnit(path: Uint8Array): void {
    this.#directory = Uint8Array.from(path);
  }
  dataObject(b: Uint8Array, start: number, end: number, ...rest: number[]): boolean {
    const [objectNo, snap, hash, tailStart, tailEnd] = rest as [
      number,
      number,
      number,
      number,
      number,
    ];
    const text = (from: number, to: number) => Buffer.from(b.subarray(from, to)).toString('latin1');
    // Format 1 numbers its objects in 12 digits.
    const digits = text(start, end).startsWith('rb.') ? 12 : 16;
    const name = `${text(start, end)}.${objectNo.toString(16).padStart(digits, '0')}`;
    const place = `${snapField(snap)}_${hash.toString(16).toUpperCase().padStart(8, '0')}`;
    const fileName = Buffer.from(`${name}__${place}${text(tailStart, tailEnd)}`, 'latin1');
    const parsed = parseFileName(fileName);
    const id = { ...parsed, pool: parsed.pool! };
    this.data.push({ id, directory: this.#directory, fileName });
    return true;
  }
  namedObject(id: ObjectId, fileName: Uint8Array): void {
    const own = { ...id, name: Uint8Array.from(id.name), namespace: Uint8Array.from(id.namespace) };
    const ref = { id: own, directory: this.#directory, fileName: Uint8Array.from(fileName) };
    this.named.push(ref);
  }
  otherObject(): void {
    this.others++;
  }
  endUnit(stamp: UnitStamp, subdirectories: readonly string[]): void {
    const unit = { stamp, subdirectories: [...subdirectories], readable: !isUnreadable(stamp) };
    this.units.set(Buffer.from(this.#directory).toString('latin1'), unit);
  }
  keptUnit(path: Uint8Array): void {
    this.kept.push(Buffer.from(path).toString('latin1'));
  }
}

/** Scans an OSD in as many shares as it gives for this number of readers. */
export function scanOsd(
  location: OsdLocation,
  readers = 1,
  known?: ReadonlyMap<string, KnownUnit>,
): { sink: RefSink; damage: Damage[] } {
  const sink = new RefSink();
  const damage: Damage[] = [];
  const report = (d: Damage) => damage.push(d);
  for (const share of scanShares(location, { readers })) {
    scanShare({ location, share, sink, report, known });
  }
  return { sink, damage };
}

export const nameOf = ({ id }: ObjectRef): string => nameToText(id.name);
