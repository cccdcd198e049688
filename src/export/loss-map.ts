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

/** Gathers ranges and hands them out sorted, with neighbours of one object and reason joined. */
export class LossMap {
  readonly #ranges: LossRange[] = [];

  add(
    offset: number,
    length: number,
    object: string,
    reason: string,
    detail: LossDetail = {},
  ): void {
    if (length > 0) this.#ranges.push({ offset, length, object, reason, ...detail });
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  ranges(): LossRange[] {
    const sorted = [...this.#ranges].sort((a, b) => a.offset - b.offset || a.length - b.length);
    const joined: LossRange[] = [];
    for (const range of sorted) {
      const last = joined[joined.length - 1];
      const same =
        last !== undefined && last.object === range.object && last.reason === range.reason;
      if (same && range.offset <= last.offset + last.length) {
        last.length = Math.max(last.length, range.offset + range.length - last.offset);
      } else {
        joined.push({ ...range });
      }
    }
    return joined;
  }
}
