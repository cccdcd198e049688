import { Semaphore } from '../catalog/semaphore.ts';
import { isSourceFault, type SalvageErrorData, sourceIoError } from '../errors/salvage-error.ts';
import type { DeviceLane, DeviceLanes } from '../io/ports.ts';
import type { OsdLocation } from '../store/object-store.ts';
import { DeviceHealth } from './device-health.ts';
import { isNoAnswer } from './tolerantly.ts';

/** Lets as many readers at each device as it takes, and none once it has stopped answering. */
export class DeviceGates {
  readonly health = new DeviceHealth();
  readonly #lanes: DeviceLanes;
  readonly #readersOf: (device: string) => number | undefined;
  readonly #gates = new Map<string, Semaphore>();
  /** by the data paths of OSDs */
  readonly #devices = new Map<string, DeviceLane>();

  /** @param readersOf what has turned out by now; undefined: as many as the lane says */
  constructor(lanes: DeviceLanes, readersOf: (device: string) => number | undefined) {
    this.#lanes = lanes;
    this.#readersOf = readersOf;
  }

  /** Does an OSD's device answer no more? */
  isGivenUp(location: OsdLocation): boolean {
    return this.health.isGivenUp(this.of(location).device);
  }

  /** The lane of the device that an OSD's data lies on. */
  of(location: OsdLocation): DeviceLane {
    let found = this.#devices.get(location.dataPath);
    if (found === undefined) {
      found = this.#lanesOf(location);
      this.#devices.set(location.dataPath, found);
    }
    return found;
  }

  #lanesOf({ dataPath }: OsdLocation): DeviceLane {
    try {
      return this.#lanes.of(dataPath);
    } catch (error) {
      // A disk that has vanished: its reads say so one by one.
      if (!isSourceFault(error)) throw error;
      return { device: dataPath, readers: 1 };
    }
  }

  /**
   * @param forGood when there is no answer, do not ask the device again
   * @throws SOURCE_IO, errno ETIMEDOUT, when the device has not answered, or is given up
   */
  async through<T>(location: OsdLocation, work: () => Promise<T>, forGood = false): Promise<T> {
    const { device } = this.of(location);
    let began = performance.now();
    try {
      return await this.#gated(location, async () => {
        began = performance.now();
        if (this.health.isGivenUp(device)) {
          throw sourceIoError('its disk has stopped answering', { errno: 'ETIMEDOUT' });
        }
        const value = await work();
        this.health.noteAnswer(device);
        return value;
      });
    } catch (error) {
      if (isNoAnswer(error) && (forGood || !this.health.isGivenUp(device))) {
        this.#blame(device, error.data, forGood, began);
      }
      throw error;
    }
  }

  /**
   * Of an erasure-coded object another OSD may be the silent one; where it is that OSD's own device, and not
   * one that others keep their databases on as well, it is given up at once.
   * @param asked the device that it was asked for, which is given up when that happens again and again
   */
  #blame(
    asked: string,
    { device, owner }: SalvageErrorData,
    isShard: boolean,
    began: number,
  ): void {
    const named = [owner, device].flatMap((one) => (one === undefined ? [] : [String(one)]));
    const lanes = new Set([...this.#devices.values()].map((lane) => lane.device));
    const shard = isShard ? named.find((one) => lanes.has(one)) : undefined;
    const guilty = new Set(isShard ? [shard ?? asked] : [asked, ...named]);
    const forGood = shard !== undefined && (device === undefined || String(device) === shard);
    for (const one of guilty) this.health.noteSilence(one, forGood, began);
  }

  #gated<T>(location: OsdLocation, work: () => Promise<T>): Promise<T> {
    const { device, readers } = this.of(location);
    let gate = this.#gates.get(device);
    if (gate === undefined) {
      gate = new Semaphore(readers);
      this.#gates.set(device, gate);
    }
    gate.limit = this.#readersOf(device) ?? readers;
    return gate.use(work);
  }
}
