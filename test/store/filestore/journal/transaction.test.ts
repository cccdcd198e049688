import { describe, expect, it } from 'vitest';
import { PayloadCursor } from '../../../../src/store/filestore/journal/cursor.ts';
import { OP } from '../../../../src/store/filestore/journal/op-codes.ts';
import { JournalRing } from '../../../../src/store/filestore/journal/ring.ts';
import { decodeEntryOps } from '../../../../src/store/filestore/journal/transaction.ts';
import { blob, concat, hex, inflate, patched, u32, u64 } from '../../../helpers/hex.ts';
import { BLOCK, coll, ghobject, map, records, stream, write } from './journal-builder.ts';

/** Payloads of journal entries of Ceph 16.2.15. */
const CREATED = inflate(
  'rVTNSgJRFP7OndGcsjSpVkaGC4lIHAUNoheQVq0LM6+CBBaOT2CP0gO0iRbhMtq0jdq1r03QOjRm5t46YxYpfpt7z++c+e45x7LMEJA0AAGAAFRiBCxGLAJMw4aPOID2saw0ZVY2nVq1LeuyP/DxenC+7jkJ5Rw2kkxyXcDuWo4qXQJBCLEMIJKJ+2KXmZQKLw84eTwsF33X/yM6rFhSyZ6f9op3vYtdXivHDACnVT1z6p00AEOsMiONioirz9m5fKlQrxVKsiFdRtYA5BTs7WzuB+z8LYAegAXzWmWf8B0mYFgzy8OJwoFwohVVl36PN1XBNxMfR/dpy22mRtXpNFuN0xsv8GqoqlH3OabLsLLm3zeK4546V7pc8U5TydYQQ5eJoLwVQsA/RX4PTAOxKeWZ/aXrxkXqrzYeA+R1FpFLJekWFHro+2zyhbcjNlmstgqwOL4wBl76sLEzyRwM+Nr5elPN1b768U8=',
);
const REMOVED = inflate(
  '4+SczcTAcIGRgYGJgYFBnoGBwQAKDC30DDCAoeEtBgaGSwwMDHwsZxgYGJgZGBhYmN0ZIECNgYGhKCklPiWxJFHP0MDI3Dg12dg8JS0F3SSjf/8hQPb4zMlgrUxQI7ihtBADAwMXEpuJSZSBgYFDXQAitJsBAV5dYciOl52liqydkZGNARkwMoqBSDDbAUz+/78f7AKEmu6KvSmcDAwM8WmJxSWZeWn5u8Aat6C5Chsb2aVuSM5iDoxhJpXmYkAFjFAa5qF0KB0Dpdlh6gRQ1XswMDAoMFAHMIJjgJER5D9GWFSxgkPx////sMiEqWRj1kbSC5NlhQnA9P//j6QP7mx0wMn5EclDvAPkoUDqpXDC3gbFGgA=',
);

const head = { name: 'rbd_data.1.0000000000000001' };
const clone = { ...head, snap: 4n };

/** A ring that holds just these bytes, at its beginning. */
function ringOf(bytes: Uint8Array): JournalRing {
  const source = {
    ...{ path: 'journal', size: BLOCK + bytes.length, close: () => {} },
    read(target: Uint8Array, position: number): number {
      const part = bytes.subarray(position - BLOCK, position - BLOCK + target.length);
      target.set(part);
      return part.length;
    },
  };
  const header = {
    ...{ version: 4, hasCrcs: true, fsid: undefined, fsidLow: 0n, blockSize: BLOCK },
    ...{ maxSize: BLOCK + bytes.length, start: BLOCK, committedUpTo: 0, startSeq: 1 },
  };
  return new JournalRing(source, header);
}

function opsOf(payload: Uint8Array) {
  const ring = ringOf(payload);
  const found: Record<string, unknown>[] = [];
  const cursor = new PayloadCursor(ring, { at: BLOCK, length: payload.length }, 4096);
  decodeEntryOps(cursor, ({ object, destObject, argument, ...op }, transaction, index) => {
    const bytes = (text: string) => Buffer.from(text, 'latin1').toString('hex');
    const data = Buffer.from(ring.bytes(argument.at || BLOCK, argument.length)).toString('latin1');
    const names = { object: bytes(object), destObject: bytes(destObject) };
    found.push({ ...op, ...names, data, place: [transaction, index] });
  });
  return found;
}

const encoded = (name: { name: string; snap?: bigint }, version?: number) =>
  Buffer.from(ghobject(name, version)).toString('hex');

describe('transactions with op records', () => {
  it('tell what a client did: an image was given an id', () => {
    const ops = opsOf(CREATED);
    expect(ops.map(({ code }) => code)).toEqual([OP.create, OP.setattrs, OP.write, OP.omapSetKeys]);
    expect(ops.every(({ coll }) => coll === '2.2_head')).toBe(true);
    // string: the id of image "discarded"
    expect(ops[2]).toMatchObject({ offset: 0, length: 16, data: '\x0c\0\0\x0010273ec37dfd' });
    expect(ops[3]!.data).toContain('_fastinfo');
  });

  it('come several to an entry: the log of a PG, then the removal of an object', () => {
    const ops = opsOf(REMOVED);
    expect(ops.map(({ code, place }) => [code, place])).toEqual([
      [OP.omapSetKeys, [0, 0]],
      [OP.remove, [1, 0]],
    ]);
    const name = Buffer.from('rbd_data.10273ec37dfd.0000000000000002').toString('hex');
    expect(ops[1]!.object).toContain(name);
  });

  it('take arguments from the data in the order of the ops', () => {
    const ops = opsOf(
      records([
        { code: OP.setattrs, object: head, data: map({ _: 'info', snapset: 'set' }) },
        write(head, 4096, 'data'),
        { code: OP.omapRmKeyRange, object: head, data: concat(blob('a'), blob('b')) },
        { code: OP.clone, object: head, destObject: clone },
        { code: OP.rmattr, object: clone, data: blob('snapset') },
      ]),
    );
    expect(ops.map(({ code, data }) => [code, data])).toEqual([
      [OP.setattrs, Buffer.from(map({ _: 'info', snapset: 'set' })).toString('latin1')],
      [OP.write, 'data'],
      [OP.omapRmKeyRange, Buffer.from(concat(blob('a'), blob('b'))).toString('latin1')],
      [OP.clone, ''],
      [OP.rmattr, Buffer.from(blob('snapset')).toString('latin1')],
    ]);
    expect(ops[1]).toMatchObject({
      offset: 4096,
      length: 4,
      coll: '2.b_head',
      object: encoded(head),
    });
    expect(ops[3]).toMatchObject({ object: encoded(head), destObject: encoded(clone) });
  });

  it('may carry version 8 by mistake', () => {
    const ops = opsOf(records([write(head, 0, 'data')], 8));
    expect(ops).toEqual([expect.objectContaining({ code: OP.write, data: 'data' })]);
  });

  it('number transactions and ops from 0', () => {
    const ops = opsOf(concat(records([]), records([write(head, 0, 'a'), write(head, 1, 'b')])));
    expect(ops.map(({ place }) => place)).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });
});

describe.each([7, 8] as const)('transactions as a stream (version %i)', (version) => {
  const object = ghobject(head, 5);
  const target = ghobject(clone, 5);
  const inColl = coll('2.b_head');
  const op = (code: number, ...fields: Uint8Array[]) => concat(u32(code), ...fields);
  const one = (code: number, ...fields: Uint8Array[]) =>
    opsOf(stream([op(code, ...fields)], version))[0];

  it('has offset, length and data of a write', () => {
    const found = one(OP.write, inColl, object, u64(5), u64(4), blob('data'));
    const names = { coll: '2.b_head', object: encoded(head, 5) };
    expect(found).toMatchObject({ ...names, offset: 5, length: 4, data: 'data' });
  });

  it('has both objects of a clone, and the offsets of a range', () => {
    const range = [u64(1), u64(2), u64(3)];
    const found = one(OP.cloneRange2, inColl, object, target, ...range);
    expect(found).toMatchObject({
      destObject: encoded(clone, 5),
      offset: 1,
      length: 2,
      destOffset: 3,
    });
    expect(one(OP.cloneRange, inColl, object, target, u64(7), u64(8))).toMatchObject({ offset: 7 });
  });

  it('names the new collection of a move first, and that of a move with a rename last', () => {
    const added = one(OP.collAdd, coll('2.1b_head'), inColl, object);
    expect(added).toMatchObject({
      coll: '2.b_head',
      destColl: '2.1b_head',
      object: encoded(head, 5),
    });
    const moved = one(OP.collMoveRename, inColl, object, coll('2.b_TEMP'), target);
    expect(moved).toMatchObject({
      coll: '2.b_head',
      destColl: '2.b_TEMP',
      destObject: encoded(clone, 5),
    });
  });

  it('passes over hints and stays in step', () => {
    const ops = opsOf(
      stream(
        [
          op(OP.setAllocHint, inColl, object, u64(1 << 22), u64(1 << 22)),
          op(OP.collHint, inColl, u32(1), blob('hint')),
          op(OP.splitCollection2, inColl, u32(5), u32(0x1b), coll('2.1b_head')),
          op(OP.nop),
          op(OP.omapSetKeys, inColl, object, map({ key: 'value' })),
          op(OP.truncate, inColl, object, u64(9)),
        ],
        version,
      ),
    );
    expect(ops.map(({ code }) => code)).toEqual([39, 40, 36, 0, 32, 12]);
    expect(ops[2]).toMatchObject({ destColl: '2.1b_head', bits: 5, remainder: 0x1b });
    expect(ops[5]).toMatchObject({ offset: 9 });
  });

  it('refuses what is left over', () => {
    const bad = stream([op(OP.touch, inColl, object, u64(0))], version);
    expect(() => opsOf(bad)).toThrow('bytes behind its last op');
  });
});

describe('transactions that lie', () => {
  const good = records([write(head, 0, 'data'), { code: OP.touch, object: head }]);
  const dataEnd = 6 + 4 + 8;

  it.each([
    ['the length of the whole', patched(good, 2, u32(good.length))],
    ['the length of the data', patched(good, 6, u32(0x7fffffff))],
    ['the length of the op records', patched(good, dataEnd, u32(0x7fffffff))],
    ['the number of ops', patched(good, good.length - 24, u64(3))],
    ['a number of ops beyond 2^53', patched(good, good.length - 24, u64(2n ** 60n))],
    ['the length of what is written', patched(good, 10, u32(5))],
    ['an op', patched(good, dataEnd + 4, u32(200))],
    ['its version', patched(good, 0, hex('0404'))],
    ['its version, which is to come', patched(good, 0, hex('0a0a'))],
    ['its end', good.subarray(0, good.length - 1)],
    ['its beginning', good.subarray(0, 5)],
  ])('about %s are refused', (_, bytes) => {
    expect(() => opsOf(bytes)).toThrow(
      expect.objectContaining({ code: expect.stringMatching('CORRUPT|UNSUPPORTED') }),
    );
  });
});
