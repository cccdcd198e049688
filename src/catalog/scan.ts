import { MessageChannel } from 'node:worker_threads';
import { DamageLog } from '../errors/damage-log.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { realPath } from '../io/file-source.ts';
import type { DeviceLanes, Progress, TaskRunner } from '../io/ports.ts';
import type { FoundOsd } from '../store/detect.ts';
import { listCollections } from '../store/filestore/filestore-scan.ts';
import type { ObjectRef, OsdLocation } from '../store/object-store.ts';
import { Catalog, type CatalogOsd, owned, packOsdMap } from './catalog.ts';
import { osdKey, type OsdEnd } from './osd-records.ts';
import { pack } from './packing.ts';
import { RECORD, type RecordType } from './record-log.ts';
import type {
  KnownUnits,
  MetadataResult,
  MetadataTask,
  ScanResult,
  ScanTask,
  SegmentMessage,
} from './scan-messages.ts';
import { Segment } from './segment.ts';
import { Semaphore } from './semaphore.ts';

export interface ScanContext {
  runner: TaskRunner;
  lanes: DeviceLanes;
  progress: Progress;
}

export interface OsdScanSummary {
  key: string;
  name: string;
  objects: number;
  others: number;
  damage: OsdEnd['damage'];
  damageCount: number;
  /** set when the OSD could not be scanned at all */
  error?: string;
}

/** Collections of one task: enough tasks that no reader of a device is left without work. */
const TASKS_PER_READER = 4;

/** Scans OSDs into an open catalog. What fails on one OSD does not stop the others. */
export class CatalogScan {
  readonly #catalog: Catalog;
  readonly #context: ScanContext;
  readonly #devices = new Map<string, Semaphore>();
  readonly #newestMap = new Map<string, number>();

  constructor(catalog: Catalog, context: ScanContext) {
    this.#catalog = catalog;
    this.#context = context;
    for (const { clusterFsid, epoch } of catalog.osdMaps()) this.#sawMap(clusterFsid, epoch);
  }

  #sawMap(clusterFsid: string, epoch: number): void {
    this.#newestMap.set(clusterFsid, Math.max(epoch, this.#newestMap.get(clusterFsid) ?? 0));
  }

  async run(osds: readonly FoundOsd[]): Promise<OsdScanSummary[]> {
    const known = new Map(this.#catalog.osds().map((osd) => [osd.key, osd]));
    const keyed = osds.map((osd) => ({ osd, key: osdKey(osd.identity, realPath(osd.location.path)) }));
    this.#catalog.log.prepareToAppend();
    this.#append(RECORD.scanBegin, pack({ at: Date.now(), osds: keyed.map(({ key }) => key) }));
    this.#context.progress.begin('scan', 'objects', undefined);
    const summaries = await Promise.all(
      keyed.map(({ osd, key }) => this.#scanOsd(osd, key, known.get(key))),
    );
    this.#context.progress.end();
    this.#catalog.log.storage.sync();
    this.#append(RECORD.scanEnd, pack({ at: Date.now() }));
    this.#catalog.log.storage.sync();
    return summaries;
  }

  #append(type: RecordType, payload: Uint8Array): void {
    this.#catalog.log.append(type, payload);
  }

  async #scanOsd(osd: FoundOsd, key: string, known: CatalogOsd | undefined): Promise<OsdScanSummary> {
    const name = osd.identity.whoami === undefined ? osd.location.path : `osd.${osd.identity.whoami}`;
    const run = new OsdScan(known);
    this.#append(RECORD.osdBegin, pack({ key, ...osd, at: Date.now() }));
    const damage = new DamageLog();
    let error: string | undefined;
    try {
      await this.#scanCollections(osd.location, key, run, damage);
      await this.#readMetadata(osd.location, key, run, damage);
    } catch (failure) {
      if (!isSourceFault(failure)) throw failure;
      error = errorText(failure);
      damage.report({ path: osd.location.path, reason: error });
    }
    const end: OsdEnd = {
      ...{ key, at: Date.now(), dead: run.deadUnits() },
      ...{ damage: damage.kept, damageCount: damage.count },
    };
    this.#catalog.log.storage.sync();
    this.#append(RECORD.osdEnd, pack(end));
    const { objects, others } = run.totals();
    const summary = { key, name, objects, others, damage: damage.kept, damageCount: damage.count };
    return error === undefined ? summary : { ...summary, error };
  }

  #device(location: OsdLocation): { gate: Semaphore; readers: number } {
    const { device, readers } = this.#context.lanes.of(location.path);
    let gate = this.#devices.get(device);
    if (gate === undefined) {
      gate = new Semaphore(readers);
      this.#devices.set(device, gate);
    }
    return { gate, readers };
  }

  async #scanCollections(location: OsdLocation, key: string, run: OsdScan, damage: DamageLog) {
    const { gate, readers } = this.#device(location);
    const batches = split(listCollections(location.dataPath), readers);
    await Promise.all(
      batches.map((collections) =>
        gate.use(async () => damage.add(await this.#scanBatch(location, key, run, collections))),
      ),
    );
  }

  async #scanBatch(
    location: OsdLocation,
    key: string,
    run: OsdScan,
    collections: string[],
  ): Promise<ScanResult> {
    const { port1, port2 } = new MessageChannel();
    const pending = new SharedArrayBuffer(4);
    const counter = new Int32Array(pending);
    const stored = new Promise<void>((resolve, reject) => {
      port1.on('message', (message: SegmentMessage) => {
        if (message === undefined) return resolve();
        try {
          run.add(this.#storeSegment(key, message.segment));
        } catch (error) {
          return reject(error);
        }
        this.#context.progress.advance(message.objects);
        Atomics.sub(counter, 0, 1);
        Atomics.notify(counter, 0);
      });
    });
    stored.catch(() => {}); // awaited below, unless the task itself fails first
    const task: ScanTask = { location, collections, known: run.knownUnits(), port: port2, pending };
    try {
      const result = await this.#context.runner.run<ScanResult>('scan', task, [port2]);
      await stored;
      return result;
    } finally {
      port1.close();
    }
  }

  /** Appends a segment and opens it in place: its rows stay on disk. */
  #storeSegment(key: string, segment: Uint8Array): Segment {
    const entry = this.#catalog.log.append(RECORD.segment, owned(key, segment));
    const at = entry.at + entry.length - segment.length;
    return new Segment((from, n) => this.#catalog.log.storage.read(at + from, n), segment.length);
  }

  async #readMetadata(location: OsdLocation, key: string, run: OsdScan, damage: DamageLog) {
    const refs = run.namedRefs();
    const knownEpoch = Math.max(0, ...this.#newestMap.values());
    const task: MetadataTask = { location, refs, knownEpoch };
    const result = await this.#device(location).gate.use(() =>
      this.#context.runner.run<MetadataResult>('metadata', task),
    );
    this.#append(RECORD.rbdMetadata, owned(key, result.rbd));
    this.#append(RECORD.pgMetadata, owned(key, result.pg));
    const map = result.osdMap;
    if (map !== undefined && map.epoch > (this.#newestMap.get(map.clusterFsid) ?? 0)) {
      this.#append(RECORD.osdMap, packOsdMap(map));
      this.#sawMap(map.clusterFsid, map.epoch);
    }
    damage.add(result);
  }
}

/** Batches of collections, dealt out so that each holds some of every pool. */
function split(collections: string[], readers: number): string[][] {
  const n = readers === 1 ? 1 : Math.min(collections.length, readers * TASKS_PER_READER);
  const batches: string[][] = Array.from({ length: n }, () => []);
  for (const [i, collection] of collections.entries()) batches[i % n]!.push(collection);
  return batches;
}

/** One OSD during a scan: what earlier scans know of it, and what this one has found. */
class OsdScan {
  readonly #earlier: Segment[];
  readonly #fresh: Segment[] = [];

  constructor(known: CatalogOsd | undefined) {
    this.#earlier = known?.segments ?? [];
  }

  add(segment: Segment): void {
    this.#fresh.push(segment);
  }

  /** Live units of earlier scans; a later segment's word on a directory replaces an earlier one's. */
  knownUnits(): KnownUnits | undefined {
    if (this.#earlier.length === 0) return undefined;
    const byPath = new Map<string, KnownUnits['stamps'][number]>();
    for (const segment of this.#earlier) {
      for (const [i, [path, ino, mtimeNs, ctimeNs]] of segment.units.entries()) {
        if (segment.dead.has(i)) continue;
        byPath.set(Buffer.from(path).toString('latin1'), { ino, mtimeNs, ctimeNs });
      }
    }
    return { paths: [...byPath.keys()], stamps: [...byPath.values()] };
  }

  /** What this scan found changed or gone, by segment. */
  deadUnits(): OsdEnd['dead'] {
    const kept = new Set<string>();
    for (const segment of this.#fresh) {
      for (const path of segment.kept()) kept.add(Buffer.from(path).toString('latin1'));
    }
    const dead: OsdEnd['dead'] = [];
    for (let s = this.#earlier.length - 1; s >= 0; s--) {
      const segment = this.#earlier[s]!;
      const units: number[] = [];
      for (const [i, [path]] of segment.units.entries()) {
        // Deleted from the set: only the newest segment that has an unchanged unit keeps it.
        const alive = !segment.dead.has(i) && kept.delete(Buffer.from(path).toString('latin1'));
        if (!alive) units.push(i);
      }
      for (const unit of units) segment.dead.add(unit);
      if (units.length > 0) dead.push([s, units]);
    }
    return dead;
  }

  /** Every named object of live units, where it lies. */
  namedRefs(): ObjectRef[] {
    this.deadUnits();
    return [...this.#earlier, ...this.#fresh].flatMap((segment) =>
      segment.named().map(({ id, fileName, unit }) => ({
        id,
        fileName,
        directory: segment.units[unit]![0],
      })),
    );
  }

  totals(): { objects: number; others: number } {
    let objects = 0;
    let others = 0;
    for (const { head } of [...this.#earlier, ...this.#fresh]) {
      objects += head.objects;
      others += head.others;
    }
    return { objects, others };
  }
}
