import { describe, expect, it } from 'vitest';
import type { Journal, JournalPosition } from '../../src/rbd/journal.ts';
import { comparePositions, uncommittedEntries } from '../../src/rbd/journal-replay.ts';
import { bytes } from './helpers.ts';

const at = (tagTid: number, entryTid: number): JournalPosition => ({
  tagTid: BigInt(tagTid),
  entryTid: BigInt(entryTid),
});
const entry = ([tagTid, entryTid]: readonly [number, number]) => ({
  ...at(tagTid, entryTid),
  data: bytes(`${tagTid}/${entryTid}`),
});

/** Tags as a real journal had them: each names the last entry that the one before had applied. */
const TAGS = [
  { tid: 1n, class: 0n, predecessor: undefined },
  { tid: 2n, class: 0n, predecessor: at(1, 27) },
  { tid: 3n, class: 0n, predecessor: at(2, 1) },
];

function journal(committed: [number, number][], tags = TAGS): Journal {
  const commitPositions = committed.map(([t, e], objectNo) => ({ ...at(t, e), objectNo }));
  const clients = [{ id: '', data: bytes(''), commitPositions, state: 0 }];
  return {
    order: 24,
    splayWidth: 4,
    pool: undefined,
    minimumSet: 0n,
    activeSet: 0n,
    clients,
    tags,
    problems: [],
  };
}

const run = (committed: [number, number][], entries: [number, number][], tags = TAGS) => {
  const result = uncommittedEntries(journal(committed, tags), entries.map(entry));
  return { ...result, entries: result.entries.map((e) => [Number(e.tagTid), Number(e.entryTid)]) };
};

describe('uncommittedEntries', () => {
  it('orders by tag, then by entry, and leaves out what is committed', () => {
    expect(
      run(
        [
          [1, 26],
          [1, 25],
        ],
        [
          [2, 1],
          [1, 26],
          [1, 25],
          [2, 0],
          [1, 27],
        ],
      ),
    ).toEqual({
      entries: [
        [1, 27],
        [2, 0],
        [2, 1],
      ],
      gap: undefined,
      beyondGap: 0,
    });
  });
  it('finds nothing to do in a journal that was closed in order', () => {
    expect(
      run(
        [
          [3, 1],
          [3, 0],
          [1, 27],
          [1, 26],
        ],
        [
          [1, 26],
          [1, 27],
          [2, 0],
          [3, 0],
          [3, 1],
        ],
      ).entries,
    ).toEqual([]);
  });
  it('goes by the newest position, wherever it stands', () => {
    expect(
      run(
        [
          [1, 26],
          [3, 1],
        ],
        [
          [1, 27],
          [3, 2],
        ],
      ).entries,
    ).toEqual([[3, 2]]);
  });
  it('takes all where nothing was committed yet', () => {
    expect(
      run(
        [],
        [
          [1, 1],
          [1, 0],
        ],
      ).entries,
    ).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(
      run(
        [],
        [
          [1, 1],
          [1, 2],
        ],
      ),
    ).toEqual({ entries: [], gap: at(1, 0), beyondGap: 2 });
  });
  it('stops at a missing entry', () => {
    expect(
      run(
        [[1, 3]],
        [
          [1, 4],
          [1, 5],
          [1, 7],
          [1, 8],
        ],
      ),
    ).toEqual({
      entries: [
        [1, 4],
        [1, 5],
      ],
      gap: at(1, 6),
      beyondGap: 2,
    });
  });
  it('stops where the end of a tag is missing, which the next tag tells', () => {
    expect(
      run(
        [[1, 25]],
        [
          [1, 26],
          [2, 0],
        ],
      ),
    ).toEqual({ entries: [[1, 26]], gap: at(1, 27), beyondGap: 1 });
  });
  it('stops where the beginning of a tag is missing', () => {
    expect(run([[2, 1]], [[3, 1]])).toEqual({ entries: [], gap: at(3, 0), beyondGap: 1 });
  });
  it('goes on with a tag whose record is lost', () => {
    expect(
      run(
        [[2, 1]],
        [
          [3, 0],
          [3, 1],
        ],
        [],
      ).entries,
    ).toEqual([
      [3, 0],
      [3, 1],
    ]);
  });
  it('counts an entry once though several copies hold it', () => {
    expect(
      run(
        [[1, 3]],
        [
          [1, 4],
          [1, 4],
          [1, 5],
        ],
      ),
    ).toEqual({
      entries: [
        [1, 4],
        [1, 5],
      ],
      gap: undefined,
      beyondGap: 0,
    });
  });
});

describe('comparePositions', () => {
  it('puts tags before entries', () => {
    expect(comparePositions(at(1, 9), at(2, 0))).toBe(-1);
    expect(comparePositions(at(2, 1), at(2, 0))).toBe(1);
    expect(comparePositions(at(2, 1), at(2, 1))).toBe(0);
  });
});
