import { describe, expect, it } from 'vitest';
import { changedByMaps } from '../../src/rbd/fast-diff.ts';
import type { ObjectMap } from '../../src/rbd/object-map.ts';

/** A map by its states, one digit an object. */
function map(states: string): ObjectMap {
  const bytes = new Uint8Array(Math.ceil(states.length / 4));
  for (const [i, state] of [...states].entries())
    bytes[i >> 2]! |= Number(state) << (6 - 2 * (i % 4));
  return { objectCount: states.length, states: bytes, checked: true };
}

describe('changes by object maps', () => {
  it('counts everything that exists since the beginning, whatever its state', () => {
    expect(changedByMaps(undefined, [map('01230')])).toEqual([1, 2, 3]);
  });

  it('counts what changed since the snapshot before, not what is clean', () => {
    expect(changedByMaps(map('11111'), [map('13203')])).toEqual([0, 2]);
  });

  it('counts a clean object that did not exist before', () => {
    expect(changedByMaps(map('01'), [map('33')])).toEqual([0]);
  });

  it('does not forget what changed before a snapshot in between', () => {
    expect(changedByMaps(map('111'), [map('133'), map('331')])).toEqual([0, 2]);
  });

  it('counts an object that was removed and made again', () => {
    expect(changedByMaps(map('1'), [map('0'), map('3')])).toEqual([0]);
  });

  it('takes what a smaller image in between did not have for removed', () => {
    expect(changedByMaps(map('1111'), [map('33'), map('3333')])).toEqual([2, 3]);
  });

  it('does not count objects beyond the end, nor removed ones', () => {
    expect(changedByMaps(map('1111'), [map('10')])).toEqual([0]);
  });
});
