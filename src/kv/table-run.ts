import { compareKeys, lowerBound } from './key-order.ts';
import type { RangeDelete } from './range-deletes.ts';
import { RECORD, splitInternalKey } from './record.ts';
import { type DataBlock, type KeyRange, tableBlocks } from './table-blocks.ts';
import type { TableFiles } from './table-files.ts';
import type { TableFile } from './version-edit.ts';

/** A table and the keys it spans, range deletes included. */
export interface TableSpan {
  name: string;
  number: number;
  /** `undefined`: unbounded, because nobody knows */
  smallest: Uint8Array | undefined;
  largest: Uint8Array | undefined;
  /** false when `largest` is only the excluded end of a range delete */
  largestIncluded: boolean;
  /** range deletes count within the span only (they are split between tables, but stored whole) */
  clips: boolean;
}

/** Tables that do not overlap, ascending: one cursor reads them one after the other. */
export type TableRun = TableSpan[];

const NO_KEY = new Uint8Array();
/** 2^56 - 1, rounded up as sequences of that size are. */
const MAX_SEQUENCE = 2 ** 56;

/** @throws nothing; a key that is no internal key leaves that side unbounded */
export function spanOf(file: TableFile, name: string): TableSpan {
  const smallest = splitInternalKey(file.smallest);
  const largest = splitInternalKey(file.largest);
  const sentinel = largest?.type === RECORD.rangeDelete && largest.sequence >= MAX_SEQUENCE - 1;
  return {
    name,
    number: file.number,
    smallest: smallest?.userKey,
    largest: largest?.userKey,
    largestIncluded: !sentinel,
    clips: true,
  };
}

function follows(span: TableSpan, before: TableSpan): boolean {
  if (before.largest === undefined || span.smallest === undefined) return false;
  const order = compareKeys(before.largest, span.smallest);
  return order < 0 || (order === 0 && !before.largestIncluded);
}

/**
 * Sorts tables into as few runs as they overlap deep. Levels do not matter for that: which version
 * of a key is newest is told by its sequence number.
 */
export function tableRuns(spans: readonly TableSpan[]): TableRun[] {
  const first = (span: TableSpan): Uint8Array => span.smallest ?? NO_KEY;
  const sorted = [...spans].sort((a, b) => compareKeys(first(a), first(b)));
  const runs: TableRun[] = [];
  for (const span of sorted) {
    const run = runs.find((candidate) => follows(span, candidate.at(-1)!));
    if (run === undefined) runs.push([span]);
    else run.push(span);
  }
  return runs;
}

/** Cuts range deletes to the span of their table. */
function clipped(tombstones: readonly RangeDelete[], span: TableSpan): readonly RangeDelete[] {
  const { smallest, largest } = span;
  if (!span.clips || tombstones.length === 0) return tombstones;
  // The smallest key above an included `largest`.
  const limit =
    largest && (span.largestIncluded ? Buffer.concat([largest, new Uint8Array(1)]) : largest);
  return tombstones
    .map(({ first, end, sequence }) => ({
      first: smallest && compareKeys(first, smallest) < 0 ? smallest : first,
      end: limit && compareKeys(end, limit) > 0 ? limit : end,
      sequence,
    }))
    .filter(({ first, end }) => compareKeys(first, end) < 0);
}

/**
 * The data blocks of a run that may hold keys of the range, in order.
 * @param tombstones gets the range deletes of each table before its first block
 */
export function* runBlocks(
  files: TableFiles,
  run: TableRun,
  range: KeyRange,
  tombstones: (found: readonly RangeDelete[]) => void,
): Generator<DataBlock> {
  const { from, to } = range;
  const reaches = (span: TableSpan): boolean =>
    from === undefined || span.largest === undefined || compareKeys(span.largest, from) >= 0;
  const start = lowerBound(run.length, (i) => reaches(run[i]!));
  for (let i = start; i < run.length; i++) {
    const span = run[i]!;
    if (to !== undefined && span.smallest !== undefined && compareKeys(span.smallest, to) >= 0)
      return;
    const table = files.table(span.name);
    if (table === undefined) continue;
    tombstones(clipped(table.rangeDeletes, span));
    yield* tableBlocks(files, span, table, range);
  }
}
