import { describe, expect, it } from 'vitest';
import { imageClient, parseJournal } from '../../src/rbd/journal.ts';
import { expectFlipsSurvived, hex, omap } from './helpers.ts';

/** omap of a real journal (16.2), written to under three tags. */
const JOURNAL = {
  active_set: '0000000000000000',
  client_: `0101 9e000000 00000000 13000000 02010d0000000000000000000000000000000001
    01 7c000000 04000000
    0101 18000000 0100000000000000 0300000000000000 0100000000000000
    0101 18000000 0000000000000000 0300000000000000 0000000000000000
    0101 18000000 0300000000000000 0100000000000000 1b00000000000000
    0101 18000000 0200000000000000 0100000000000000 1a00000000000000 00`,
  minimum_set: '0000000000000000',
  next_tag_class: '0100000000000000',
  next_tag_tid: '0500000000000000',
  order: '18',
  pool_id: 'ffffffffffffffff',
  splay_width: '04',
  tag_0000000000000001:
    '01012d000000 0100000000000000 0000000000000000 19000000 00000000 00000000 00 0000000000000000 0000000000000000',
  tag_0000000000000002:
    '01012d000000 0200000000000000 0000000000000000 19000000 00000000 00000000 01 0100000000000000 1b00000000000000',
};

describe('parseJournal', () => {
  it('reads configuration, clients and tags', () => {
    const journal = parseJournal(omap(JOURNAL));
    expect(journal).toMatchObject({
      order: 24,
      splayWidth: 4,
      pool: undefined,
      minimumSet: 0n,
      activeSet: 0n,
    });
    expect(journal.problems).toEqual([]);
    expect(journal.tags).toEqual([
      { tid: 1n, class: 0n, predecessor: undefined },
      { tid: 2n, class: 0n, predecessor: { tagTid: 1n, entryTid: 27n } },
    ]);
    // As `rbd journal status` printed it.
    expect(imageClient(journal)?.commitPositions).toEqual([
      { objectNo: 1, tagTid: 3n, entryTid: 1n },
      { objectNo: 0, tagTid: 3n, entryTid: 0n },
      { objectNo: 3, tagTid: 1n, entryTid: 27n },
      { objectNo: 2, tagTid: 1n, entryTid: 26n },
    ]);
    expect(imageClient(journal)?.state).toBe(0);
  });
  it('names the pool of a journal kept elsewhere', () => {
    expect(parseJournal(omap({ pool_id: '0300000000000000' })).pool).toBe(3);
  });
  it('tells a mirror peer from the image itself', () => {
    const peer = `0101 17000000 04000000 70656572 00000000 0101 04000000 00000000 00`;
    const journal = parseJournal(omap({ client_peer: peer }));
    expect(journal.clients.map((c) => c.id)).toEqual(['peer']);
    expect(imageClient(journal)).toBeUndefined();
  });
  it('reports every truncated value and goes on', () => {
    for (const [key, value] of Object.entries(JOURNAL)) {
      if (key.startsWith('next_')) continue; // of no use to a reader
      const good = hex(value);
      for (let n = 0; n < good.length; n++) {
        const entries = omap({ ...JOURNAL, [key]: Buffer.from(good.slice(0, n)).toString('hex') });
        const { problems } = parseJournal(entries);
        expect(problems, `${key}, ${n} bytes`).toHaveLength(1);
        expect(problems[0]).toMatch(new RegExp(`^${key}: `));
      }
    }
  });
  it('survives any byte and disbelieves counts', () => {
    const parse = (value: Uint8Array) =>
      parseJournal(omap({ client_: Buffer.from(value).toString('hex') }));
    expectFlipsSurvived(hex(JOURNAL.client_), parse);
    const value = hex(JOURNAL.client_);
    value.set([0xff, 0xff, 0xff, 0x7f], 39);
    expect(parse(value).problems[0]).toMatch(/claimed/);
    expect(parseJournal(omap({ splay_width: '00' })).problems[0]).toMatch(/splay width/);
  });
});
