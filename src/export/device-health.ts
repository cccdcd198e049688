/** A device that has not answered so many times in a row is asked no more. */
const SILENT_LIMIT = 3;
/** The same for one that answers now and then: half an hour of waiting is enough. */
const SILENT_TOTAL = 20;
/** A device with so many unreadable objects is used only for what no other has. */
const FAULTY_LIMIT = 8;

/** Which devices still answer, and which are better left alone; by the ids that `DeviceLanes` gives. */
export class DeviceHealth {
  /** reads in a row that were not answered */
  readonly #silent = new Map<string, number>();
  /** and all in all */
  readonly #allSilent = new Map<string, number>();
  /** when the last silence was noted, by the clock of `performance` */
  readonly #notedAt = new Map<string, number>();
  /** objects that could not be read */
  readonly #faults = new Map<string, number>();

  isGivenUp(device: string): boolean {
    const total = this.#allSilent.get(device) ?? 0;
    return (this.#silent.get(device) ?? 0) >= SILENT_LIMIT || total >= SILENT_TOTAL;
  }

  noteAnswer(device: string): void {
    // What was asked before it was given up may still be answered.
    if (!this.isGivenUp(device)) this.#silent.delete(device);
  }

  /**
   * Of all that wait for a device while it is silent, one counts.
   * @param forGood do not ask it again
   * @param began when it was asked
   */
  noteSilence(device: string, forGood: boolean, began: number): void {
    if (!forGood && began < (this.#notedAt.get(device) ?? 0)) return;
    this.#notedAt.set(device, performance.now());
    this.#allSilent.set(device, (this.#allSilent.get(device) ?? 0) + 1);
    this.#silent.set(device, (this.#silent.get(device) ?? 0) + (forGood ? SILENT_LIMIT : 1));
  }

  noteFault(device: string): void {
    this.#faults.set(device, (this.#faults.get(device) ?? 0) + 1);
  }

  /** Has it failed so often that every other one is better? */
  isFaulty(device: string): boolean {
    return (this.#faults.get(device) ?? 0) >= FAULTY_LIMIT;
  }
}
