import type { Field } from './galois.ts';

/** A parity shard and what it is made of. */
export interface Parity {
  shard: number;
  /** coefficient of each data chunk */
  row: readonly number[];
}

/** How missing data chunks follow from others. */
export interface Solution {
  /** the parities that say something new */
  parities: Parity[];
  /** for each missing chunk: the factor of each parity, data chunks taken out; undefined: lost */
  factors: (number[] | undefined)[];
}

interface Equation {
  /** coefficients of the missing chunks; reduced so that it has one 1 at `pivot` */
  unknowns: number[];
  /** the chosen parities that were added up, and how often */
  factors: number[];
  pivot: number;
}

/** target += factor * source */
function addMultiple(field: Field, target: number[], source: readonly number[], f: number): void {
  for (let i = 0; i < source.length; i++) {
    target[i] = (target[i]! ^ field.multiply(f, source[i]!)) >>> 0;
  }
}

function eliminate(field: Field, from: Equation, by: Equation): void {
  const factor = from.unknowns[by.pivot]!;
  if (factor === 0) return;
  addMultiple(field, from.unknowns, by.unknowns, factor);
  addMultiple(field, from.factors, by.factors, factor);
}

function scale(field: Field, equation: Equation, factor: number): void {
  equation.unknowns = equation.unknowns.map((element) => field.multiply(element, factor));
  equation.factors = equation.factors.map((element) => field.multiply(element, factor));
}

/**
 * Solves for the missing data chunks by Gauss and Jordan, taking parities in the given order and
 * passing over those that say nothing new (some codes have such).
 * @param missing data chunk indexes
 */
export function solve(
  field: Field,
  candidates: readonly Parity[],
  missing: readonly number[],
): Solution {
  const equations: Equation[] = [];
  const parities: Parity[] = [];
  for (const parity of candidates) {
    if (parities.length === missing.length) break;
    const next: Equation = {
      unknowns: missing.map((chunk) => parity.row[chunk]!),
      factors: missing.map((_, i) => (i === parities.length ? 1 : 0)),
      pivot: 0,
    };
    for (const known of equations) eliminate(field, next, known);
    next.pivot = next.unknowns.findIndex((element) => element !== 0);
    if (next.pivot < 0) continue;
    scale(field, next, field.invert(next.unknowns[next.pivot]!));
    for (const known of equations) eliminate(field, known, next);
    equations.push(next);
    parities.push(parity);
  }
  const solved = equations.filter(({ unknowns }) => unknowns.filter((u) => u !== 0).length === 1);
  return {
    parities,
    factors: missing.map((_, i) => solved.find(({ pivot }) => pivot === i)?.factors),
  };
}
