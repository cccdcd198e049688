import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { OP } from '../../../../src/store/filestore/journal/op-codes.ts';
import { workDirectory } from '../../../helpers/fixtures.ts';
import { blob, concat, inflate, patched, u64 } from '../../../helpers/hex.ts';
import { setXattr } from '../../../helpers/xattrs.ts';
import { map, type Name, records, type WrittenOp, write } from './journal-builder.ts';
import { guard, LabOsd, refOf } from './lab-osd.ts';

/** object_info_t of Ceph 16.2.15; its version is at 133. */
const OBJECT_INFO = inflate(
  'E+TQZmRgYGH2ZYAANSAuSkqJT0ksSdQzNDCzNEpLNkg1MLHQM0AFpv/+Q8Bh5YIOBjagtpLUvMS8EiaoQWzMSkASxgMpBIvC1UF1g0WfQFWBdDyAshVBuplEgSRHpgBEqIgBCXDwgan9HozZS3c/lIEoJR48QRdggRrm/+uxDMJtUJvhNAMDAA==',
);
const VERSION_AT = 133;

const work = workDirectory();
afterAll(work.dispose);

const head: Name = { name: 'rbd_data.1.0000000000000001' };
const clone: Name = { ...head, snap: 4n };
const other: Name = { name: 'rbd_data.1.0000000000000002', hash: 0x1b };

let osd: LabOsd;
let n = 0;
beforeEach(() => {
  osd = new LabOsd(path.join(work.path, `osd-${n++}`));
});

/** Each op is an entry of its own. */
const replay = (...ops: WrittenOp[]) => osd.journal(ops.map((op) => records([op])));
const simple = (code: number, object: Name, rest: Partial<WrittenOp> = {}) => ({
  code,
  object,
  ...rest,
});

describe('data', () => {
  it('is written over the file, and beyond its end', () => {
    osd.file(head, 'abcdefgh');
    replay(write(head, 2, 'XY'), write(head, 10, 'Z'));
    expect(osd.text(head)).toBe('abXYefgh\0\0Z');
  });

  it('is zeroed, which extends', () => {
    osd.file(head, 'abcdefgh');
    replay(simple(OP.zero, head, { offset: 6, length: 4 }), simple(OP.zero, head, { offset: 20 }));
    expect(osd.text(head)).toBe('abcdef\0\0\0\0');
  });

  it('is truncated, and extended by truncation', () => {
    osd.file(head, 'abcdefgh');
    replay(simple(OP.truncate, head, { offset: 3 }), simple(OP.truncate, head, { offset: 5 }));
    expect(osd.text(head)).toBe('abc\0\0');
  });

  it('of an object that is not there is made by a write, not by a truncation', () => {
    replay(write(head, 3, 'new'), simple(OP.truncate, other, { offset: 5 }));
    expect(osd.text(head)).toBe('\0\0\0new');
    expect(osd.text(other)).toBeUndefined();
  });

  it('is empty where an object was created only', () => {
    replay(simple(OP.touch, head), simple(OP.create, other));
    expect(osd.text(head)).toBe('');
    expect(osd.text(other)).toBe('');
  });

  it('is gone with the object, also what is written before it comes back', () => {
    osd.file(head, 'abcdefgh');
    replay(write(head, 0, 'X'), simple(OP.remove, head));
    expect(osd.text(head)).toBeUndefined();
    replay(write(head, 0, 'X'), simple(OP.remove, head), write(head, 2, 'Y'));
    expect(osd.text(head)).toBe('\0\0Y');
  });

  it('is read in pieces of any place and size', () => {
    osd.file(head, 'abcdefghij');
    replay(write(head, 3, 'XYZ'), simple(OP.zero, head, { offset: 7, length: 1 }));
    const object = osd.reader().open(refOf(head));
    const whole = 'abcXYZg\0ij';
    for (let from = 0; from <= 10; from++) {
      for (let to = from; to <= 12; to++) {
        const target = Buffer.alloc(to - from, '?');
        const got = object.read(target, from);
        expect(target.toString('latin1', 0, got)).toBe(whole.slice(from, to));
      }
    }
  });

  it('says where it is: holes of the journal are holes', () => {
    osd.file(head, Buffer.alloc(8192, 'a'));
    replay(simple(OP.truncate, head, { offset: 4096 }), write(head, 1 << 20, 'Z'));
    const object = osd.reader().open(refOf(head));
    expect(object.nextData(0, object.size)).toEqual([0, 4096]);
    expect(object.nextData(4096, object.size)).toEqual([1 << 20, (1 << 20) + 1]);
    expect(object.nextData(object.size, object.size)).toBeUndefined();
  });

  it('follows the order of transactions in an entry and of ops in a transaction', () => {
    osd.journal([
      concat(
        records([write(head, 0, 'one'), write(head, 0, 'two')]),
        records([write(head, 1, 'X')]),
      ),
    ]);
    expect(osd.text(head)).toBe('tXo');
  });
});

describe('clones', () => {
  it('are the object as it was then', () => {
    osd.file(head, 'before');
    replay(
      write(head, 0, 'B'),
      simple(OP.clone, head, { destObject: clone }),
      write(head, 0, 'after!'),
    );
    expect(osd.text(clone)).toBe('Before');
    expect(osd.text(head)).toBe('after!');
  });

  it('outlive what they were made from: removal, creation', () => {
    osd.file(head, 'before');
    replay(
      simple(OP.clone, head, { destObject: clone }),
      simple(OP.remove, head),
      simple(OP.create, head),
    );
    expect(osd.text(clone)).toBe('before');
    expect(osd.text(head)).toBe('');
  });

  it('replace what was there', () => {
    osd.file(head, 'head');
    osd.file(clone, 'a much longer clone');
    replay(
      write(clone, 0, 'X'),
      simple(OP.clone, head, { destObject: clone }),
      write(clone, 4, '+'),
    );
    expect(osd.text(clone)).toBe('head+');
  });

  it('of what is not there change nothing', () => {
    osd.file(clone, 'kept');
    replay(simple(OP.clone, head, { destObject: clone }));
    expect(osd.text(clone)).toBe('kept');
  });

  it('of ranges copy to another place, or to the same', () => {
    osd.file(head, '0123456789');
    osd.file(other, 'abcdefghij');
    const to = { destObject: other };
    replay(simple(OP.cloneRange2, head, { ...to, offset: 2, length: 3, destOffset: 6 }));
    expect(osd.text(other)).toBe('abcdef234j');
    replay(simple(OP.cloneRange, head, { ...to, offset: 8, length: 5, destOffset: 0 }));
    expect(osd.text(other)).toBe('abcdefgh89');
  });

  it('of clones without end are refused, not followed', () => {
    const chain = Array.from({ length: 300 }, (_, i) => ({
      ...simple(OP.clone, { ...head, snap: BigInt(i + 1) }),
      destObject: { ...head, snap: BigInt(i + 2) },
    }));
    osd.file({ ...head, snap: 1n }, 'first');
    osd.journal(
      chain.map((op) => records([op])),
      { ring: 2 << 20 },
    );
    expect(osd.text({ ...head, snap: 50n })).toBe('first');
    expect(() => osd.text({ ...head, snap: 301n })).toThrow('clones of clones without end');
  });
});

describe('moves', () => {
  it('take data and attributes along', () => {
    osd.file(head, 'moved', { 'user.ceph._': Buffer.from('info') });
    replay(simple(OP.tryRename, head, { destObject: other }), write(other, 5, '!'));
    expect(osd.text(other)).toBe('moved!');
    expect(osd.attr(other, '_')).toBe('info');
    expect(osd.text(head)).toBeUndefined();
  });

  it('bring an object in that recovery had received', () => {
    const temporary = { ...head, pool: -4 };
    replay(
      write(temporary, 0, 'received'),
      simple(OP.collMoveRename, temporary, { destColl: '2.b_head', destObject: head }),
    );
    expect(osd.text(head)).toBe('received');
  });

  it('of old releases are an addition and a removal', () => {
    osd.file(head, 'moved');
    replay(
      simple(OP.collAdd, head, { destColl: '2.1b_head' }),
      simple(OP.collRemove, head, { coll: '2.b_head' }),
    );
    expect(osd.text(head, '2.1b_head')).toBe('moved');
    expect(osd.text(head)).toBeUndefined();
  });
});

describe('attributes', () => {
  it('come from the journal where it has them, else from the file', () => {
    osd.file(head, '', {
      'user.ceph._': Buffer.from('old'),
      'user.ceph.snapset': Buffer.from('set'),
    });
    replay(simple(OP.setattrs, head, { data: map({ _: 'new', _user: 'u' }) }));
    expect(osd.attr(head, '_')).toBe('new');
    expect(osd.attr(head, '_user')).toBe('u');
    expect(osd.attr(head, 'snapset')).toBe('set');
  });

  it('are set and removed one by one, and all at once', () => {
    osd.file(head, '', {
      'user.ceph._': Buffer.from('old'),
      'user.ceph.snapset': Buffer.from('set'),
    });
    replay(
      simple(OP.setattr, head, { data: concat(blob('_'), blob('new')) }),
      simple(OP.rmattr, head, { data: blob('snapset') }),
    );
    expect(osd.attr(head, '_')).toBe('new');
    expect(osd.attr(head, 'snapset')).toBeUndefined();
    replay(
      simple(OP.rmattrs, head),
      simple(OP.setattr, head, { data: concat(blob('_'), blob('x')) }),
    );
    expect(osd.attr(head, '_')).toBe('x');
    expect(osd.attr(head, 'snapset')).toBeUndefined();
  });

  it('go with a clone as they are then, and go with the object', () => {
    osd.file(head, '', {
      'user.ceph._': Buffer.from('old'),
      'user.ceph.snapset': Buffer.from('set'),
    });
    const set = (value: string) => simple(OP.setattrs, head, { data: map({ _: value }) });
    replay(
      ...[set('one'), simple(OP.clone, head, { destObject: clone }), set('two')],
      simple(OP.rmattr, clone, { data: blob('snapset') }),
    );
    expect(osd.attr(clone, '_')).toBe('one');
    expect(osd.attr(clone, 'snapset')).toBeUndefined();
    expect(osd.attr(head, 'snapset')).toBe('set');
    replay(simple(OP.remove, head), simple(OP.create, head));
    expect(osd.attr(head, '_')).toBeUndefined();
  });
});

describe('what the file system has already', () => {
  it('is not done again on a file whose guard says so', () => {
    osd.file(head, 'newer', { 'user.cephos.seq': guard(102, 0, 0, false) });
    replay(write(head, 0, 'OLD'), simple(OP.remove, head), write(head, 0, 'N'));
    expect(osd.text(head)).toBe('Newer');
  });

  it('is done again where it was broken off', () => {
    osd.file(head, 'source');
    osd.file(clone, 'so', { 'user.cephos.seq': guard(101, 0, 0, true) });
    replay(simple(OP.clone, head, { destObject: clone }));
    expect(osd.text(clone)).toBe('source');
  });

  it('keeps a clone from being made of a head that is too new', () => {
    osd.file(head, 'written later');
    osd.file(clone, 'as it was', { 'user.cephos.seq': guard(101, 0, 0, false) });
    replay(simple(OP.clone, head, { destObject: clone }), write(head, 0, 'written later'));
    expect(osd.text(clone)).toBe('as it was');
  });

  it('is not done again on a collection whose guard says so', () => {
    const collection = path.join(osd.location.dataPath, '2.b_head');
    setXattr(collection, 'user.cephos.gseq', guard(101));
    osd.file(head, 'newer');
    replay(write(head, 0, 'OLD'), write(head, 0, 'N'));
    expect(osd.text(head)).toBe('Newer');
  });

  it('is a move whose target says so: the source is left alone', () => {
    osd.file(head, 'came back');
    osd.file(other, 'moved', { 'user.cephos.seq': guard(101, 0, 0, false) });
    replay(simple(OP.tryRename, head, { destObject: other }));
    expect(osd.text(head)).toBe('came back');
    expect(osd.text(other)).toBe('moved');
  });

  it('is the same after a replay over itself', () => {
    osd.file(head, 'Xbcd', { 'user.ceph._': Buffer.from('new') });
    replay(
      write(head, 0, 'X'),
      simple(OP.setattrs, head, { data: map({ _: 'new' }) }),
      simple(OP.remove, other),
    );
    expect(osd.text(head)).toBe('Xbcd');
    expect(osd.attr(head, '_')).toBe('new');
    expect(osd.text(other)).toBeUndefined();
  });
});

describe('files', () => {
  it('are found in index directories, at whatever depth', () => {
    osd.file(other, 'deep', {}, '2.b_head/DIR_B/DIR_1');
    mkdirSync(path.join(osd.location.dataPath, '2.b_head/DIR_B/DIR_1'), { recursive: true });
    replay(write(other, 4, '!'));
    expect(osd.text(other, '2.b_head/DIR_B/DIR_1')).toBe('deep!');
  });

  it('are found one level up while a directory is being split', () => {
    mkdirSync(path.join(osd.location.dataPath, '2.b_head/DIR_B'), { recursive: true });
    osd.file(head, 'above');
    replay(write(head, 5, '!'));
    expect(osd.text(head)).toBe('above!');
  });
});

describe('PGs', () => {
  const inBoth = { name: 'rbd_data.1.0000000000000003', hash: 0x1b };

  it('are split: objects whose hash says so move, touched by the journal or not', () => {
    osd.file(head, 'stays');
    osd.file(inBoth, 'moves');
    replay(
      simple(OP.mkcoll, head, { coll: '2.1b_head', bits: 5 }),
      write(inBoth, 5, '!'),
      {
        code: OP.splitCollection2,
        coll: '2.b_head',
        destColl: '2.1b_head',
        bits: 5,
        remainder: 0x1b,
      },
      write(inBoth, 6, '!', '2.1b_head'),
    );
    expect(osd.text(inBoth, '2.1b_head')).toBe('moves!!');
    expect(osd.text(inBoth)).toBeUndefined();
    expect(osd.text(head)).toBe('stays');
    const reader = osd.reader();
    expect(reader.pgBits(Buffer.from('2.1b_head'))).toBe(5);
    expect(reader.pgBits(Buffer.from('2.b_head'))).toBe(5);
  });

  it('are merged', () => {
    osd.file(inBoth, 'comes', {}, '2.1b_head');
    osd.file(head, 'stays');
    replay({ code: OP.mergeCollection, coll: '2.1b_head', destColl: '2.b_head', bits: 4 });
    expect(osd.text(inBoth)).toBe('comes');
    expect(osd.text(head)).toBe('stays');
    expect(osd.text(inBoth, '2.1b_head')).toBeUndefined();
  });

  it('leave nothing behind in a collection that was merged on disk already', () => {
    osd.file(inBoth, 'came');
    setXattr(
      path.join(osd.location.dataPath, '2.b_head'),
      'user.cephos.seq',
      guard(102, 0, 0, false),
    );
    replay(write(inBoth, 0, 'phantom', '2.1b_head'), {
      ...{ code: OP.mergeCollection, coll: '2.1b_head', destColl: '2.b_head', bits: 4 },
    });
    expect(osd.text(inBoth, '2.1b_head')).toBeUndefined();
    expect(osd.text(inBoth)).toBe('came');
  });
});

describe('where the journal has lost its end', () => {
  const version = (n: number) => patched(OBJECT_INFO, VERSION_AT, u64(n));

  beforeEach(() => {
    const entries = [
      records([
        write(head, 0, 'one'),
        { code: OP.setattrs, object: head, data: map({ _: version(1) }) },
      ]),
      records([write(head, 0, 'two')]),
      records([write(head, 0, 'three')]),
    ];
    const { bytes, at } = osd.journal(entries);
    bytes[at[1]! + 60]! ^= 1;
    osd.write(bytes);
  });

  const inFile = (n: number) => {
    const bytes = version(n);
    const chunks = { 'user.ceph._': bytes.subarray(0, 250), 'user.ceph._@1': bytes.subarray(250) };
    osd.file(head, 'file', chunks);
  };

  it('takes the file where that is ahead of what is left', () => {
    expect(osd.survey().replay).toMatchObject({ broken: true, to: 101 });
    inFile(3);
    expect(osd.text(head)).toBe('file');
  });

  it('takes what is left where the file is not ahead', () => {
    inFile(1);
    expect(osd.text(head)).toBe('onee');
    osd.file(head, 'file');
    expect(osd.text(head)).toBe('onee');
  });
});
