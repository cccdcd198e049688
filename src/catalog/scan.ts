import { MessageChannel } from 'node:worker_threads';
import { DamageLog } from '../errors/damage-log.ts';
import { errorText, isSourceFault, type SalvageError } from '../errors/salvage-error.ts';
import { realPath } from '../io/file-source.ts';
import type { DeviceLanes, Progress, TaskRunner } from '../io/ports.ts';
import type { FoundOsd } from '../store/detect.ts';
import { journalText } from '../store/filestore/journal/summary.ts';
import type { JournalSurvey } from '../store/filestore/journal/survey.ts';
import type { OsdLocation } from '../store/object-store.ts';
import { type ScanShare, scanShares, shareCollections } from '../store/scan-shares.ts';
import { type Catalog, type CatalogOsd, owned, packOsdMap } from './catalog.ts';
import { type OsdEnd, osdKey, osdName } from './osd-records.ts';
import { OsdScan } from './osd-scan.ts';
import { pack } from './packing.ts';
import { RECORD, type RecordType } from './record-log.ts';
import { ScanLane, type SpareThreads } from './scan-lane.ts';
import type {
  FinishedSegment,
  MetadataResult,
  MetadataTask,
  ScanTask,
  ShareResult,
} from './scan-messages.ts';
import { Segment } from './segment.ts';
import { SegmentStore } from './segment-store.ts';

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
  /** what the journal of a FileStore was good for */
  journal?: string;
  /** set when the OSD could not be scanned at all */
  error?: string;
}

/** Scans OSDs into an open catalog. What fails on one OSD does not stop the others. */
export class CatalogScan {
  readonly #catalog: Catalog;
  readonly #context: ScanContext;
  readonly #devices = new Map<string, ScanLane>();
  readonly #newestMap = new Map<string, number>();
  readonly #spare: SpareThreads;

  constructor(catalog: Catalog, context: ScanContext) {
    this.#catalog = catalog;
    this.#context = context;
    this.#spare = { left: context.runner.spare ?? 0 };
    for (const { clusterFsid, epoch } of catalog.osdMaps()) this.#sawMap(clusterFsid, epoch);
  }

  #sawMap(clusterFsid: string, epoch: number): void {
    this.#newestMap.set(clusterFsid, Math.max(epoch, this.#newestMap.get(clusterFsid) ?? 0));
  }

  async run(osds: readonly FoundOsd[]): Promise<OsdScanSummary[]> {
    const known = new Map(this.#catalog.osds().map((osd) => [osd.key, osd]));
    const keyed = osds.map((osd) => ({
      osd,
      key: osdKey(osd.identity, realPath(osd.location.path)),
    }));
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

  async #scanOsd(
    osd: FoundOsd,
    key: string,
    known: CatalogOsd | undefined,
  ): Promise<OsdScanSummary> {
    const name = osdName(osd.identity, osd.location.path);
    const run = new OsdScan(name, known);
    const damage = new DamageLog();
    let { location } = osd;
    const begin = () =>
      this.#append(RECORD.osdBegin, pack({ key, ...osd, location, at: Date.now() }));
    const error = await tolerantly(async () => {
      try {
        location = await this.#withJournal(osd.location, damage);
      } finally {
        begin();
      }
      await this.#scanObjects(location, key, run, damage);
      await this.#readMetadata(location, key, run, damage);
    });
    if (error !== undefined) damage.report({ path: osd.location.path, reason: error });
    const end: OsdEnd = {
      ...{ key, at: Date.now(), dead: run.deadUnits(error === undefined) },
      ...{ damage: damage.kept, damageCount: damage.count },
    };
    this.#catalog.log.storage.sync();
    this.#append(RECORD.osdEnd, pack(end));
    const { objects, others } = run.totals();
    const summary: OsdScanSummary = {
      ...{ key, name, objects, others, damage: damage.kept, damageCount: damage.count },
      ...(location.replay === undefined ? {} : { journal: journalText(location.replay) }),
    };
    return error === undefined ? summary : { ...summary, error };
  }

  /** The location with what its journal is good for: from there on all readers replay it. */
  async #withJournal(location: OsdLocation, damage: DamageLog): Promise<OsdLocation> {
    if (location.kind !== 'filestore') return location;
    const survey = await this.#device(location).use(() =>
      this.#context.runner.run<JournalSurvey>('journal', location),
    );
    damage.add({ damage: survey.damage, damageCount: survey.damage.length });
    return { ...location, replay: survey.replay };
  }

  #device(location: OsdLocation): ScanLane {
    const lane = this.#context.lanes.of(location.dataPath);
    let device = this.#devices.get(lane.device);
    if (device === undefined) {
      device = new ScanLane(lane, this.#spare);
      this.#devices.set(lane.device, device);
    }
    return device;
  }

  /**
   * @throws why a share could not be scanned, once the others are through: what they find counts too. Where the
   * disk does not answer, none is begun any more.
   */
  async #scanObjects(location: OsdLocation, key: string, run: OsdScan, damage: DamageLog) {
    const device = this.#device(location);
    const faults: SalvageError[] = [];
    const isSilent = () => faults.some(({ data }) => data.errno === 'ETIMEDOUT');
    let left = 0;
    const scanShare = async (share: ScanShare) => {
      if (isSilent()) {
        left++;
        return undefined;
      }
      const known = run.knownUnits(shareCollections(location, share));
      const { port1, port2 } = new MessageChannel();
      const store = new SegmentStore(port1, (message) => this.#take(message, key, run));
      const task: ScanTask = { location, share, known, port: port2, pending: store.pending };
      try {
        const scanned = this.#context.runner.run<ShareResult>('scan', task, [port2]);
        // A task whose segments cannot be stored waits for ever.
        const result = await Promise.race([scanned, store.failed]);
        damage.add(result);
        // Of other stores a unit is no directory.
        if (location.kind === 'filestore') device.note(result);
      } catch (error) {
        if (!isSourceFault(error)) {
          store.close();
          throw error;
        }
        faults.push(error);
      }
      return store;
    };
    const shares = scanShares(location, device.lane);
    await Promise.all(
      shares.map(async (share) => {
        const store = await device.use(() => scanShare(share));
        await store?.end();
      }),
    );
    const [fault, ...others] = faults;
    if (fault === undefined) return;
    const partly = `${faults.length} of ${shares.length} parts of it were looked at in part only`;
    damage.report({ path: location.path, reason: `${partly}, ${left} not at all` });
    for (const { text } of others) damage.report({ path: location.path, reason: text });
    throw fault;
  }

  #take({ segment, objects, directories }: FinishedSegment, key: string, run: OsdScan): void {
    run.add(this.#storeSegment(key, segment), directories);
    this.#context.progress.advance(objects, run.name);
  }

  /** Appends a segment and opens it in place: its rows stay on disk. */
  #storeSegment(key: string, segment: Uint8Array): Segment {
    const entry = this.#catalog.log.append(RECORD.segment, owned(key, segment));
    const at = entry.at + entry.length - segment.length;
    const read = (from: number, n: number) => this.#catalog.log.storage.read(at + from, n);
    return new Segment(read, segment.length, entry.at);
  }

  async #readMetadata(location: OsdLocation, key: string, run: OsdScan, damage: DamageLog) {
    const refs = run.namedRefs();
    const task: MetadataTask = { location, refs, knownEpochs: this.#newestMap };
    const result = await this.#device(location).use(() =>
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

/** Why `work` failed, where that is a source's fault; undefined when it did not. */
async function tolerantly(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (failure) {
    if (!isSourceFault(failure)) throw failure;
    return errorText(failure);
  }
}
