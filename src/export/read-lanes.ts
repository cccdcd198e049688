import type { CatalogOsd } from '../catalog/catalog.ts';
import { Semaphore } from '../catalog/semaphore.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import type { ObjectCopy } from '../image/resolve-objects.ts';
import type { ImageTarget } from '../io/image-sink.ts';
import type { DeviceLanes, TaskRunner } from '../io/ports.ts';
import type { CopyAttrs, CopyDigest } from '../store/object-attrs.ts';
import type { ObjectRef, OsdLocation } from '../store/object-store.ts';
import type { CopyJob, CopyResult } from './copy-objects.ts';

export interface AttrsTask {
  location: OsdLocation;
  refs: ObjectRef[];
  wantSnapSet: boolean;
}

export interface CopyTask {
  location: OsdLocation;
  jobs: CopyJob[];
  target: ImageTarget;
}

export interface DigestTask {
  location: OsdLocation;
  refs: ObjectRef[];
}

export interface StartTask {
  location: OsdLocation;
  ref: ObjectRef;
  length: number;
}

const NOT_HERE: CopyAttrs = { size: 0, mtimeMs: 0, error: 'its OSD is not at hand' };
/** Objects of one attribute request: enough to be worth a message, few enough to share a disk. */
const ATTRS_BATCH = 512;
/** Whole objects are read: a batch is some 64 MiB. */
const DIGEST_BATCH = 16;

/** The OSDs as readers: a gate for each device, and how much is asked of it already. */
export class ReadLanes {
  readonly #runner: TaskRunner;
  readonly #lanes: DeviceLanes;
  readonly #locations: ReadonlyMap<string, OsdLocation>;
  readonly #gates = new Map<string, Semaphore>();
  readonly #pending = new Map<string, number>();
  readonly #devices = new Map<string, { device: string; readers: number }>();

  readonly #preferred: ReadonlySet<string>;
  readonly #signal: AbortSignal | undefined;

  /**
   * @param preferred names of OSDs to read from where they have a copy that counts
   * @param signal aborted: no copy is begun any more, and those that wait throw its reason
   */
  constructor(
    runner: TaskRunner,
    lanes: DeviceLanes,
    locations: ReadonlyMap<string, OsdLocation>,
    preferred: readonly string[] = [],
    signal?: AbortSignal,
  ) {
    this.#signal = signal;
    this.#preferred = new Set(preferred);
    this.#runner = runner;
    this.#lanes = lanes;
    this.#locations = locations;
  }

  isHere(osd: CatalogOsd): boolean {
    return this.#locations.has(osd.key);
  }

  /** Copies with where their OSDs are; those whose OSD is not at hand are left out. */
  located(copies: readonly ObjectCopy[]): { location: OsdLocation; ref: ObjectRef }[] {
    return copies.flatMap(({ osd, ref }) => {
      const location = this.#locations.get(osd.catalog.key);
      return location === undefined ? [] : [{ location, ref }];
    });
  }

  #device(location: OsdLocation): { device: string; readers: number } {
    let found = this.#devices.get(location.dataPath);
    if (found === undefined) {
      found = this.#lanes.of(location.dataPath);
      this.#devices.set(location.dataPath, found);
    }
    return found;
  }

  #through<T>(location: OsdLocation, work: () => Promise<T>): Promise<T> {
    const { device, readers } = this.#device(location);
    let gate = this.#gates.get(device);
    if (gate === undefined) {
      gate = new Semaphore(readers);
      this.#gates.set(device, gate);
    }
    return gate.use(work);
  }

  /** The copy on the device that has the least to do; its load then counts `bytes` more. */
  leastBusy(copies: readonly ObjectCopy[], bytes: number): ObjectCopy | undefined {
    let best: ObjectCopy | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const copy of copies) {
      const location = this.#locations.get(copy.osd.catalog.key);
      if (location === undefined) continue;
      const own = this.#preferred.has(copy.osd.name) ? -Infinity : 0;
      const load = own + (this.#pending.get(this.#device(location).device) ?? 0);
      if (load < least) {
        least = load;
        best = copy;
      }
    }
    if (best !== undefined) this.#addLoad(best, bytes);
    return best;
  }

  #addLoad(copy: ObjectCopy, bytes: number): void {
    const { device } = this.#device(this.#locations.get(copy.osd.catalog.key)!);
    this.#pending.set(device, (this.#pending.get(device) ?? 0) + bytes);
  }

  /** Attributes of copies, in the order given. */
  readonly readAttrs = (
    copies: readonly ObjectCopy[],
    wantSnapSet: boolean,
  ): Promise<CopyAttrs[]> =>
    this.#perOsd(copies, ATTRS_BATCH, NOT_HERE, (location, refs) => {
      const task: AttrsTask = { location, refs, wantSnapSet };
      return this.#runner.run<CopyAttrs[]>('attrs', task);
    });

  /** What the bytes of copies come to, in the order given. */
  readonly digestCopies = (copies: readonly ObjectCopy[]): Promise<CopyDigest[]> =>
    this.#perOsd(copies, DIGEST_BATCH, { ...NOT_HERE, crc: 0 }, (location, refs) => {
      const task: DigestTask = { location, refs };
      return this.#runner.run<CopyDigest[]>('digests', task);
    });

  /** Asks each OSD about its own copies, in batches through its device's gate. */
  async #perOsd<T>(
    copies: readonly ObjectCopy[],
    batchSize: number,
    notHere: T,
    ask: (location: OsdLocation, refs: ObjectRef[]) => Promise<T[]>,
  ): Promise<T[]> {
    const result = new Array<T>(copies.length).fill(notHere);
    const byOsd = new Map<CatalogOsd, number[]>();
    for (const [i, { osd }] of copies.entries()) {
      const list = byOsd.get(osd.catalog);
      if (list === undefined) byOsd.set(osd.catalog, [i]);
      else list.push(i);
    }
    const askOsd = async (osd: CatalogOsd, indexes: number[]) => {
      const location = this.#locations.get(osd.key);
      if (location === undefined) return;
      for (let at = 0; at < indexes.length; at += batchSize) {
        const batch = indexes.slice(at, at + batchSize);
        const refs = batch.map((i) => copies[i]!.ref);
        const answers = await this.#through(location, () => ask(location, refs));
        for (const [j, i] of batch.entries()) result[i] = answers[j]!;
      }
    };
    await Promise.all([...byOsd].map(([osd, indexes]) => askOsd(osd, indexes)));
    return result;
  }

  /** Up to `length` bytes from the start of the first copy that can be read. */
  readonly readStart = async (
    copies: readonly ObjectCopy[],
    length: number,
  ): Promise<Uint8Array | undefined> => {
    for (const { osd, ref } of copies) {
      const location = this.#locations.get(osd.catalog.key);
      if (location === undefined) continue;
      try {
        const task: StartTask = { location, ref, length };
        return await this.#through(location, () => this.#runner.run<Uint8Array>('start', task));
      } catch (error) {
        if (!isSourceFault(error)) throw error;
      }
    }
    return undefined;
  };

  /** Copies objects of one OSD. `bytes` is what `leastBusy` counted for them. */
  async copy(
    osd: CatalogOsd,
    jobs: CopyJob[],
    target: ImageTarget,
    bytes: number,
  ): Promise<CopyResult[]> {
    const location = this.#locations.get(osd.key)!;
    try {
      const task: CopyTask = { location, jobs, target };
      return await this.#through(location, () => {
        this.#signal?.throwIfAborted();
        return this.#runner.run<CopyResult[]>('copy', task);
      });
    } finally {
      const { device } = this.#device(location);
      this.#pending.set(device, (this.#pending.get(device) ?? 0) - bytes);
    }
  }
}

export type { CopyDigest } from '../store/object-attrs.ts';
