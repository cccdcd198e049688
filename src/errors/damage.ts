/**
 * Something that could not be read or did not make sense, and was passed over.
 * Iterators over tables, logs and directories hand these to a reporter and go on:
 * only their caller can decide whether that is fatal.
 */
export interface Damage {
  path: string;
  /** byte offset in `path`, where one is known */
  offset?: number;
  /** bytes given up because of it, where that can be told */
  dropped?: number;
  reason: string;
  /** what every crash leaves behind (the torn end of a log): told, but nothing is missing for it */
  harmless?: boolean;
}

export type DamageReporter = (damage: Damage) => void;
