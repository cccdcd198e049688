/** What the report says of a range besides its reason, as far as it is known. */
export interface LossDetail {
  /** placement group: `2.1f` */
  pg?: string;
  /** OSDs that have, or had, copies */
  osds?: string[];
  /** version of the object that counts: epoch'version */
  version?: string;
}

/** A range of the image that may not be what `rbd export` would have given. */
export interface LossRange extends LossDetail {
  /** bytes of the image */
  offset: number;
  length: number;
  /** the data object concerned */
  object: string;
  reason: string;
}

/** With more ranges than this, neighbours of one reason are joined over objects: a report must fit. */
const DETAILED = 200_000;

/** How many times as many as were left the last time may come before they are joined again. */
const MORE = 1.25;

const byPlace = (a: LossRange, b: LossRange): number => a.offset - b.offset || a.length - b.length;

/** Gathers ranges and hands them out sorted, with neighbours of one object and reason joined. */
export class LossMap {
  #ranges: LossRange[] = [];
  /** there are so many that objects are no longer told apart */
  #dense = false;
  readonly #detailed: number;
  #limit: number;

  /** @param detailed ranges up to which objects are told apart; for tests */
  constructor(detailed = DETAILED) {
    this.#detailed = detailed;
    this.#limit = MORE * detailed;
  }

  add(
    offset: number,
    length: number,
    object: string,
    reason: string,
    detail: LossDetail = {},
  ): void {
    if (length > 0) this.#push({ offset, length, object, reason, ...detail });
  }

  #push(range: LossRange): void {
    this.#ranges.push(range);
    // A whole image may be doubtful, object by object.
    if (this.#ranges.length > this.#limit) this.#join();
  }

  /** Takes over all that another one holds. */
  addAll(other: LossMap): void {
    for (const range of other.#ranges) this.#push(range);
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  #join(): void {
    const sorted = this.#ranges.sort(byPlace);
    let joined = join(sorted, (a, b) => a.object === b.object && a.reason === b.reason);
    this.#dense ||= joined.length > this.#detailed;
    if (this.#dense) joined = join(joined, (a, b) => a.reason === b.reason);
    this.#ranges = joined;
    this.#limit = MORE * Math.max(this.#detailed, joined.length);
  }

  ranges(): LossRange[] {
    this.#join();
    return [...this.#ranges];
  }
}

/** Ranges that touch or overlap made one, where they belong together; the first one's details stay. */
function join(
  sorted: readonly LossRange[],
  belong: (a: LossRange, b: LossRange) => boolean,
): LossRange[] {
  const joined: LossRange[] = [];
  for (const range of sorted) {
    const last = joined[joined.length - 1];
    if (last !== undefined && belong(last, range) && range.offset <= last.offset + last.length) {
      last.length = Math.max(last.length, range.offset + range.length - last.offset);
    } else {
      joined.push({ ...range });
    }
  }
  return joined;
}
