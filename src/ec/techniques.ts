import * as coding from './coding-matrix.ts';
import type { Field } from './galois.ts';

/** What erasure code plugins offer. See docs/formats/erasure-code.md, "Profiles". */

/** What a technique needs: defaults of absent values, and its parity rows. */
export interface Technique {
  k: number;
  m: number;
  w?: readonly number[];
  packets?: true;
  /** m, whatever the profile says */
  fixedM?: number;
  /** fewer than m rows: the rest is not known here */
  rows(field: Field, k: number, m: number): coding.Matrix;
}

const WORD_SIZES = [8, 16, 32];
/** jerasure's RAID 6 bit matrices: P is the exclusive or in all of them, Q is not known here. */
const RAID6_BIT_MATRIX: Technique = {
  k: 2,
  m: 2,
  fixedM: 2,
  rows: (field, k) => coding.raid6(field, k).slice(0, 1),
};

/** Defaults are those of the plugins' sources (ErasureCodeJerasure.h, ErasureCodeIsa.h, ...). */
const TECHNIQUES: Readonly<Record<string, Readonly<Record<string, Technique>>>> = {
  jerasure: {
    reed_sol_van: { k: 7, m: 3, w: WORD_SIZES, rows: coding.jerasureVandermonde },
    reed_sol_r6_op: { k: 7, m: 2, w: WORD_SIZES, fixedM: 2, rows: coding.raid6 },
    cauchy_orig: { k: 7, m: 3, packets: true, rows: coding.jerasureCauchy },
    cauchy_good: { k: 7, m: 3, packets: true, rows: coding.jerasureCauchyGood },
    liberation: RAID6_BIT_MATRIX,
    blaum_roth: RAID6_BIT_MATRIX,
    liber8tion: RAID6_BIT_MATRIX,
  },
  isa: {
    reed_sol_van: { k: 7, m: 3, w: [8], rows: coding.isaVandermonde },
    cauchy: { k: 7, m: 3, w: [8], rows: coding.isaCauchy },
  },
};

/** Plugins whose data chunks lie in the clear, but whose parity is not known here. */
const DATA_ONLY: Readonly<Record<string, { k: number; m: number }>> = {
  shec: { k: 4, m: 3 },
  clay: { k: 4, m: 2 },
};

/** What the monitor puts into a profile that names no technique. */
export const DEFAULT_TECHNIQUE = 'reed_sol_van';

/** Names come from the disk: `constructor` must not be found. */
const own = <Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

export const isTechniquePlugin = (plugin: string): boolean => own(TECHNIQUES, plugin) !== undefined;

export const techniqueOf = (plugin: string, name: string): Technique | undefined =>
  own(own(TECHNIQUES, plugin) ?? {}, name);

export const dataOnlyDefaults = (plugin: string): { k: number; m: number } | undefined =>
  own(DATA_ONLY, plugin);
