import { decode } from '@msgpack/msgpack';
import { expect, it } from 'vitest';
import { UnitPacker } from '../../src/catalog/unit-packer.ts';
import { UNREADABLE, type UnitStamp } from '../../src/store/object-store.ts';

const STAMP = { ino: 2n ** 63n + 5n, mtimeNs: 1_700_000_000_123_456_789n, ctimeNs: 0n };

type Unit = [string, UnitStamp, objects: number, others: number, subdirectories: string[]];

const units: Unit[] = [
  ['2.c_head', STAMP, 0, 0, ['DIR_0', 'DIR_\xff', '']],
  ['2.c_head/DIR_0', UNREADABLE, 2 ** 32 - 1, 70_000, []],
  ['', { ...STAMP, ctimeNs: -(2n ** 62n) }, 1, 2, Array.from({ length: 70 }, (_, i) => `D${i}`)],
  [`\xff\0${'x'.repeat(70_000)}`, STAMP, 200, 5, ['y'.repeat(255), '\xe9'.repeat(255)]],
];

/** As another implementation of MessagePack reads them: that of the catalog's readers. */
function packed(packer: UnitPacker): unknown {
  for (const [path, stamp, objects, others, subdirectories] of units) {
    packer.begin(Buffer.from(path, 'latin1'));
    packer.end(stamp, objects, others, subdirectories);
  }
  return decode(new Uint8Array(packer.packed()), { useBigInt64: true });
}

const expected = units.map(([path, { ino, mtimeNs, ctimeNs }, ...rest]) => [
  new Uint8Array(Buffer.from(path, 'latin1')),
  ...[ino, mtimeNs, ctimeNs],
  ...rest,
]);

it('writes what any decoder of MessagePack reads as the units that were given', () => {
  const packer = new UnitPacker();
  expect(packed(packer)).toEqual(expected);
  expect(packer.count).toBe(units.length);
});

it('begins anew', () => {
  const packer = new UnitPacker();
  packed(packer);
  packer.clear();
  expect([packer.count, decode(packer.packed())]).toEqual([0, []]);
  expect(packed(packer)).toEqual(expected);
});

it('tells the path of the unit that is open, in memory of its own', () => {
  const packer = new UnitPacker();
  packer.begin(Buffer.from('first'));
  packer.end(STAMP, 0, 0, []);
  packer.begin(Buffer.from('2.c_head/DIR_0'));
  const path = packer.path();
  packer.end(STAMP, 0, 0, []);
  packer.clear();
  packer.begin(Buffer.from('something else'));
  expect(Buffer.from(path).toString()).toBe('2.c_head/DIR_0');
});

it('writes nothing that cannot be read, whatever is begun or ended twice', () => {
  const packer = new UnitPacker();
  packer.end(STAMP, 1, 2, ['DIR_0']);
  packer.begin(Buffer.from('first'));
  expect(() => packer.begin(Buffer.from('within'))).toThrow('has begun');
  expect(() => packer.packed()).toThrow('has begun');
  packer.end(STAMP, 1, 2, []);
  packer.end(STAMP, 3, 4, ['DIR_0']);
  const units = decode(new Uint8Array(packer.packed()), { useBigInt64: true }) as unknown[][];
  expect(units.map(([, , , , objects, others]) => [objects, others])).toEqual([[1, 2]]);
});
