import { describe, expect, it } from 'vitest';
import { ExtentList, markLosses } from '../../src/export/diff-list.ts';

const loss = (offset: number, length: number) => ({ offset, length, object: 'o', reason: 'r' });

describe('lists of extents', () => {
  it('joins neighbours of one kind only', () => {
    const list = new ExtentList();
    list.add(0, 4, true);
    list.add(4, 4, true);
    list.add(8, 4, false);
    list.add(16, 4, false);
    expect(list.extents).toEqual([
      { offset: 0, length: 8, exists: true },
      { offset: 8, length: 4, exists: false },
      { offset: 16, length: 4, exists: false },
    ]);
  });

  it('marks the part of an extent that is doubtful', () => {
    const extents = [{ offset: 0, length: 10, exists: true }];
    expect(markLosses(extents, { lost: [], doubtful: [loss(4, 2)] })).toEqual([
      { offset: 0, length: 4, exists: true },
      { offset: 4, length: 2, exists: true, doubtful: true },
      { offset: 6, length: 4, exists: true },
    ]);
  });

  it('never leaves out what is lost, though nothing is known to have changed there', () => {
    const extents = [{ offset: 0, length: 4, exists: true }];
    expect(markLosses(extents, { lost: [loss(2, 6)], doubtful: [] })).toEqual([
      { offset: 0, length: 2, exists: true },
      { offset: 2, length: 2, exists: true, lost: true },
      { offset: 4, length: 4, exists: false, lost: true },
    ]);
  });
});
