import { describe, expect, it } from 'vitest';
import { Segment } from '../../src/catalog/segment.ts';
import { SegmentBuilder } from '../../src/catalog/segment-builder.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import { DataObjectNameParser } from '../../src/store/filestore/fast-filename.ts';

const STAMP = { ino: 2n ** 40n, mtimeNs: 1_700_000_000_123_456_789n, ctimeNs: 3n };
const none = new Uint8Array(0);
const ID = {
  pool: 2,
  namespace: none,
  name: Buffer.from('rbd_header.1'),
  key: none,
  snap: NOSNAP,
  hash: 7,
  shard: -1,
};

function building() {
  const payloads: Uint8Array[] = [];
  const counts: number[] = [];
  const builder = new SegmentBuilder((payload, objects) => {
    payloads.push(payload);
    counts.push(objects);
  });
  const parser = new DataObjectNameParser();
  const data = (file: string): boolean => {
    const b = Buffer.from(file, 'latin1');
    if (!parser.parse(b, 0, b.length)) return false;
    const { prefixEnd, objectNo, snap, hash, tailStart } = parser;
    return builder.dataObject(b, 0, prefixEnd, objectNo, snap, hash, tailStart, b.length);
  };
  return { builder, payloads, counts, data };
}

const opened = (payload: Uint8Array) =>
  new Segment((at, n) => payload.subarray(at, at + n), payload.length, 99);

const NAMES = [
  'rbd\\udata.1.0000000000000004__head_DEE5305C__2',
  'rbd\\udata.2.0000000000000000__c_00000001__2',
  'rbd\\udata.1.00000000ffffffff__snapdir_FFFFFFFF__2',
  'rbd\\udata.1.0000000000000004__4_DEE5305C_ns_2',
];

function example() {
  const b = building();
  b.builder.beginUnit(Buffer.from('2.c_head'));
  expect(b.data(NAMES[0]!) && b.data(NAMES[1]!)).toBe(true);
  b.builder.endUnit(STAMP, ['DIR_0', 'DIR_\xff']);
  b.builder.beginUnit(Buffer.from('2.c_head/DIR_0'));
  expect(b.data(NAMES[2]!) && b.data(NAMES[3]!)).toBe(true);
  b.builder.namedObject(ID, Buffer.from('rbd\\uheader.1__head_00000007__2'));
  b.builder.otherObject();
  b.builder.endUnit(STAMP, []);
  b.builder.keptUnit(Buffer.of(0x32, 0xff));
  b.builder.finish();
  return b;
}

describe('a segment', () => {
  it('gives back every row, by prefix and tail', () => {
    const segment = opened(example().payloads[0]!);
    const rows = segment.head.groups.map((group) => {
      const { objectNo, snap, hash, unit } = segment.rows(group);
      const name = Buffer.concat([group[0], group[1]]).toString();
      return [name, [...objectNo], [...snap], [...hash], [...unit]];
    });
    expect(rows).toEqual([
      ['rbd\\udata.1__2', [4, 0xffffffff], [0, 1], [0xdee5305c, 0xffffffff], [0, 1]],
      ['rbd\\udata.2__2', [0], [14], [1], [0]],
      ['rbd\\udata.1_ns_2', [4], [6], [0xdee5305c], [1]],
    ]);
  });

  it('gives back units, named objects and what was kept', () => {
    const segment = opened(example().payloads[0]!);
    const { ino, mtimeNs, ctimeNs } = STAMP;
    expect(segment.units.map(([path, ...rest]) => [Buffer.from(path).toString(), ...rest])).toEqual(
      [
        ['2.c_head', ino, mtimeNs, ctimeNs, 2, 0, ['DIR_0', 'DIR_\xff']],
        ['2.c_head/DIR_0', ino, mtimeNs, ctimeNs, 3, 1, []],
      ],
    );
    expect(segment.named()).toMatchObject([{ unit: 1, id: { snap: NOSNAP, hash: 7, shard: -1 } }]);
    expect(segment.kept().map((p) => [...p])).toEqual([[0x32, 0xff]]);
    expect([segment.head.objects, segment.head.others, segment.position]).toEqual([5, 1, 99]);
  });

  it('forgets the named objects of dead units', () => {
    const segment = opened(example().payloads[0]!);
    segment.dead.add(1);
    expect(segment.named()).toEqual([]);
  });

  it('names the collections that have live units, and counts their objects', () => {
    const { builder, payloads, data } = building();
    const paths = [
      '2.1_head/DIR_0',
      '2.1_head',
      '2.10_head',
      '2.1_head/DIR_1',
      'meta',
      '2.\xff_head/x',
    ];
    for (const one of paths) {
      builder.beginUnit(Buffer.from(one, 'latin1'));
      for (let i = 0; i < 2; i++) builder.otherObject();
      data('rbd\\udata.1.0000000000000004__head_DEE5305C__2');
      builder.endUnit(STAMP, []);
    }
    builder.finish();
    const segment = opened(payloads[0]!);
    expect([...segment.collections()]).toEqual([
      ...[
        ['2.1_head', 9],
        ['2.10_head', 3],
        ['meta', 3],
      ],
      ['2.\xff_head', 3],
    ]);
    for (const dead of [0, 1, 4]) segment.dead.add(dead);
    // Those that are unpacked tell the same.
    expect(segment.units).toHaveLength(6);
    expect([...segment.collections()]).toEqual([
      ...[
        ['2.10_head', 3],
        ['2.1_head', 3],
      ],
      ['2.\xff_head', 3],
    ]);
  });

  it('is flushed when it is full, at the end of a unit', () => {
    const { builder, payloads, counts, data } = building();
    for (let unit = 0; unit < 2; unit++) {
      builder.beginUnit(Buffer.from(String(unit)));
      for (let i = 0; i < 80_000; i++) {
        data(`rbd\\udata.1.${i.toString(16).padStart(16, '0')}__head_00000000__2`);
      }
      builder.endUnit(STAMP, []);
    }
    expect(counts).toEqual([160_000]);
    builder.finish();
    expect(payloads).toHaveLength(1);
    // object numbers take 4 bytes, the unit 1, snap and hash nothing
    expect(payloads[0]!.length).toBeLessThan(160_000 * 5 + 1000);
  });

  it('is flushed too where directories without objects have filled it', () => {
    const { builder, payloads } = building();
    const path = Buffer.from('x'.repeat(1000));
    for (let unit = 0; unit < 20_000; unit++) {
      builder.beginUnit(path);
      builder.endUnit(STAMP, []);
    }
    builder.finish();
    const units = payloads.map((payload) => opened(payload).units.length);
    expect(units.reduce((a, b) => a + b)).toBe(20_000);
    for (const payload of payloads) expect(payload.length).toBeLessThan(9 << 20);
    expect(payloads.length).toBe(3);
  });

  it('can be handed to another thread, however small', () => {
    const payload = example().payloads[0]!;
    const moved = structuredClone(payload, { transfer: [payload.buffer as ArrayBuffer] });
    expect(payload.length).toBe(0);
    expect(opened(moved).head.objects).toBe(5);
  });

  it.each([
    'rbd\\udata.a_b.0000000000000004__head_DEE5305C__2',
    'rbd\\udata.\\x.0000000000000004__head_DEE5305C__2',
    'rbd\\udata.1.0000000100000000__head_DEE5305C__2',
    'rbd\\udata.1.0000000000000004__fffffffff_DEE5305C__2',
  ])('leaves %s to be kept by name', (name) => {
    const { builder, data } = building();
    builder.beginUnit(Buffer.from('2.c_head'));
    expect(data(name)).toBe(false);
  });

  it('that is damaged anywhere is CORRUPT, and never gives other rows', () => {
    const payload = example().payloads[0]!;
    const whole = JSON.stringify([
      ...opened(payload).rows(opened(payload).head.groups[0]!).objectNo,
    ]);
    for (let at = 0; at < payload.length; at++) {
      const damaged = Uint8Array.from(payload);
      damaged[at]! ^= 0x10;
      expect(() => opened(damaged).verify(), `byte ${at}`).toThrow(
        expect.objectContaining({ code: 'CORRUPT' }),
      );
    }
    expect(whole).toBe('[4,4294967295]');
  });

  it('that claims more rows than it has bytes for is CORRUPT, before there is room made for them', () => {
    const { head } = opened(example().payloads[0]!);
    for (const group of head.groups) {
      for (const rows of [group[2] + 1, 2 ** 31, 2 ** 52]) {
        const segment = opened(example().payloads[0]!);
        const claims = [...group] as typeof group;
        claims[2] = rows;
        // One row has no width in any column, and its checksum is that of nothing: two such may be.
        if (group[4] === 0 && rows === 2) continue;
        expect(() => segment.rows(claims)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
        // As many as that would fit, were there such numbers.
        claims[4] = 2000;
        claims[7] = 2000 / rows;
        expect(() => segment.rows(claims)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
      }
    }
  });

  it('has an object twice where a directory has two names for it', () => {
    const { builder, payloads, data } = building();
    builder.beginUnit(Buffer.from('2.c_head'));
    data(NAMES[0]!);
    data(NAMES[0]!);
    builder.endUnit(STAMP, []);
    builder.finish();
    const segment = opened(payloads[0]!);
    expect([...segment.rows(segment.head.groups[0]!).objectNo]).toEqual([4, 4]);
  });

  it('that is cut short is CORRUPT', () => {
    const payload = example().payloads[0]!;
    for (const n of [0, 4, 7, 8, 100]) {
      expect(() => opened(payload.slice(0, n))).toThrow(
        expect.objectContaining({ code: 'CORRUPT' }),
      );
    }
  });
});
