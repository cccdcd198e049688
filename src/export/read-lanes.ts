import type { CatalogOsd } from '../catalog/catalog.ts';
import { Semaphore } from '../catalog/semaphore.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import type { ObjectCopy } from '../image/resolve-objects.ts';
import type { DeviceLanes, TaskRunner } from '../io/ports.ts';
import type { ImageTarget } from '../io/image-sink.ts';
import type { CopyAttrs } from '../store/object-attrs.ts';
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

export interface StartTask {
  location: OsdLocation;
  ref: ObjectRef;
  length: number;
}

const NOT_HERE: CopyAttrs = { size: 0, mtimeMs: 0, error: 'its OSD is not at hand' };
/** Objects of one attribute request: enough to be worth a message, few enough to share a disk. */
const ATTRS_BATCH = 512;

/** The OSDs as readers: a gate for each device, and how much is asked of it already. */
export class ReadLanes {
  readonly #runner: TaskRunner;
  readonly #lanes: DeviceLanes;
  readonly #locations: ReadonlyMap<string, OsdLocation>;
  readonly #gates = new Map<string, Semaphore>();
  readonly #pending = new Map<string, number>();
  readonly #devices = new Map<string, { device: string; readers: number }>();

  constructor(runner: TaskRunner, lanes: DeviceLanes, locations: ReadonlyMap<string, OsdLocation>) {
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
    let found = this.#devices.get(location.path);
    if (found === undefined) {
      found = this.#lanes.of(location.path);
      this.#devices.set(location.path, found);
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
      const load = this.#pending.get(this.#device(location).device) ?? 0;
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
  readonly readAttrs = async (copies: readonly ObjectCopy[], wantSnapSet: boolean): Promise<CopyAttrs[]> => {
    const result: CopyAttrs[] = new Array(copies.length);
    const byOsd = new Map<CatalogOsd, number[]>();
    for (const [i, { osd }] of copies.entries()) {
      const list = byOsd.get(osd.catalog);
      if (list === undefined) byOsd.set(osd.catalog, [i]);
      else list.push(i);
    }
    await Promise.all(
      [...byOsd].map(async ([osd, indexes]) => {
        const location = this.#locations.get(osd.key);
        for (let at = 0; at < indexes.length; at += ATTRS_BATCH) {
          const batch = indexes.slice(at, at + ATTRS_BATCH);
          const refs = batch.map((i) => copies[i]!.ref);
          const attrs = location === undefined ? undefined : await this.#attrs({ location, refs, wantSnapSet });
          for (const [j, i] of batch.entries()) result[i] = attrs?.[j] ?? NOT_HERE;
        }
      }),
    );
    return result;
  };

  #attrs(task: AttrsTask): Promise<CopyAttrs[]> {
    return this.#through(task.location, () => this.#runner.run<CopyAttrs[]>('attrs', task));
  }

  /** Up to `length` bytes from the start of the first copy that can be read. */
  readonly readStart = async (copies: readonly ObjectCopy[], length: number): Promise<Uint8Array | undefined> => {
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
  async copy(osd: CatalogOsd, jobs: CopyJob[], target: ImageTarget, bytes: number): Promise<CopyResult[]> {
    const location = this.#locations.get(osd.key)!;
    try {
      const task: CopyTask = { location, jobs, target };
      return await this.#through(location, () => this.#runner.run<CopyResult[]>('copy', task));
    } finally {
      const { device } = this.#device(location);
      this.#pending.set(device, (this.#pending.get(device) ?? 0) - bytes);
    }
  }
}
