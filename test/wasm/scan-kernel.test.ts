import { describe, expect, it, test } from 'vitest';
import { unpackColumn } from '../../src/catalog/columns.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import { NO_GENERATION } from '../../src/ceph/hobject.ts';
import { DataObjectNameParser } from '../../src/store/filestore/fast-filename.ts';
import { parseFileName } from '../../src/store/filestore/object-filename.ts';
import { ScanKernel } from '../../src/wasm/scan-kernel.ts';
import { type DirectoryEntry, directoryRecords } from '../helpers/directory-records.ts';
import { nameVariants } from '../helpers/name-variants.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Gives prefix and tail of a name numbers, as the host does with the first name that has them. */
function learn(kernel: ScanKernel, file: string, number = 0, tail = number): void {
  const name = latin1(file);
  const parser = new DataObjectNameParser();
  if (!parser.parse(name, 0, name.length)) throw new Error(`${file} is not canonical`);
  kernel.addTail(name.subarray(parser.tailStart), tail);
  const at = kernel.place(name, 0, parser.prefixEnd);
  kernel.addPrefix(at, parser.prefixEnd, tail, number);
}

function taken(kernel: ScanKernel, entries: readonly DirectoryEntry[], unit = 0) {
  const records = directoryRecords(entries);
  kernel.listing().set(records);
  return [...kernel.take(records.length, unit, false)];
}

/** Rows of each group as [object number, snap + 2, hash, unit]. */
function rowsOf(kernel: ScanKernel, groups: number): number[][][] {
  const packed = kernel.pack(groups);
  return packed.groups.map(({ rows, at, columns }) => {
    const out = [0, 1, 2, 3].map(() => new Uint32Array(rows));
    let from = at;
    for (const [i, column] of out.entries()) {
      const head = { base: columns[2 * i]!, width: columns[2 * i + 1]! };
      const end = from + rows * head.width;
      unpackColumn(head, packed.bytes.subarray(from, end), rows, column, 0);
      from = end;
    }
    return Array.from({ length: rows }, (_, row) => out.map((column) => column[row]!));
  });
}

const CANONICAL = [
  'rbd\\udata.102b6c4ee5e6.0000000000000004__head_DEE5305C__2',
  'rbd\\udata.102b6c4ee5e6.00000000fedcba98__4_0123ABCD__2',
  'rbd\\udata.1.00000000ffffffff__fffffff0_FFFFFFFF__2',
  'rbd\\udata.5.102b6c4ee5e6.0000000000000000__1f_00000000_n\\us_a',
  'rbd\\udata.5.102b6c4ee5e6.0000000000000001__head_FFFFFFFF__4_ffffffffffffffff_1',
  'rb.0.1012.2ae8944a.00000000000a__head_DEE5305C__2',
  'rb.0.1.2.0000ffffffff__12345678_0000000A_tenant_2_ffffffffffffffff_a',
];

/** What a name stands for by the parser of all names, as a row in unit 7. */
function rowBySlowParser(file: string): number[] {
  const { name, snap, hash } = parseFileName(latin1(file));
  const number = Buffer.from(name).toString('latin1').split('.').at(-1)!;
  return [Number.parseInt(number, 16), snap === NOSNAP ? 0 : Number(snap) + 2, hash, 7];
}

describe('names in canonical form', () => {
  test.each(CANONICAL)('%s becomes a row', (file) => {
    const kernel = new ScanKernel();
    learn(kernel, file);
    expect(taken(kernel, [{ name: latin1(file) }], 7)).toEqual([]);
    expect(rowsOf(kernel, 1)).toEqual([[rowBySlowParser(file)]]);
  });

  it('are told apart by prefix and by tail', () => {
    const kernel = new ScanKernel();
    const files = [
      'rbd\\udata.102b6c4ee5e6.0000000000000001__head_00000001__2',
      'rbd\\udata.102b6c4ee5e7.0000000000000002__head_00000001__2',
      'rbd\\udata.102b6c4ee5e6.0000000000000003__head_00000001_ns_2',
    ];
    for (const [number, file] of files.entries()) learn(kernel, file, number, number >> 1);
    const twice = [...files, ...files.toReversed()].map((file) => ({ name: latin1(file) }));
    expect(taken(kernel, twice)).toEqual([]);
    const numbers = rowsOf(kernel, 3).map((rows) => rows.map(([objectNo]) => objectNo));
    expect(numbers).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  it('are files, links, or of a type that is not known', () => {
    const kernel = new ScanKernel();
    learn(kernel, CANONICAL[0]!);
    const types = [0, 1, 2, 4, 6, 8, 10, 12];
    const entries = types.map((type) => ({ name: latin1(CANONICAL[0]!), type }));
    const size = directoryRecords(entries.slice(0, 1)).length;
    const left = taken(kernel, entries).map((at) => types[at / size]);
    expect(left).toEqual([1, 2, 4, 6, 12]);
    expect(kernel.rows).toBe(3);
  });
});

describe('left to the host, where they begin', () => {
  const FIRST = CANONICAL[0]!;

  test.each([
    ['of a prefix without number', FIRST.replace('102b6c4ee5e6', '102b6c4ee5e7')],
    ['of a tail without number', FIRST.replace('__2', '__3')],
    ['of another tail with the same end', FIRST.replace('__2', '_a__2')],
    ['the snapdir', FIRST.replace('head', 'snapdir')],
    ['with a number beyond 32 bits', FIRST.replace('0000000000000004', '0000000100000004')],
    ['with a snap that rows cannot hold', FIRST.replace('head', 'fffffff1')],
    ['with a longer snap', FIRST.replace('head', '100000000')],
    ['with a locator key', FIRST.replace('__head', '_key_head')],
    ['of an index directory', 'DIR_A'],
    ['of PG metadata', '__head_0000005C__2'],
  ])('names %s', (_, file) => {
    const kernel = new ScanKernel();
    learn(kernel, FIRST);
    const before = directoryRecords([{ name: latin1(FIRST) }]).length;
    const entries = [FIRST, file, FIRST].map((name) => ({ name: latin1(name) }));
    expect(taken(kernel, entries)).toEqual([before]);
    expect(kernel.rows).toBe(2);
  });

  it('names at the end of the longest name there is', () => {
    const kernel = new ScanKernel();
    learn(kernel, FIRST);
    const long = latin1(`rbd\\udata.${'a'.repeat(200)}.0000000000000004__head_DEE5305C__2`);
    expect(taken(kernel, [{ name: long }])).toEqual([0]);
  });

  it('not the directory itself and its parent', () => {
    const kernel = new ScanKernel();
    const names = ['.', '..', '...', '.a'];
    const entries = names.map((name) => ({ name: latin1(name), type: 4 }));
    expect(taken(kernel, entries)).toEqual([48, 72]);
  });

  it('all, once its prefixes are forgotten', () => {
    const kernel = new ScanKernel();
    learn(kernel, FIRST);
    expect(taken(kernel, [{ name: latin1(FIRST) }])).toEqual([]);
    kernel.clear();
    expect(taken(kernel, [{ name: latin1(FIRST) }])).toEqual([0]);
    expect(kernel.rows).toBe(0);
  });

  it('those of the seventeenth tail', () => {
    const kernel = new ScanKernel();
    const files = Array.from({ length: 17 }, (_, i) => FIRST.replace('__2', `_ns${i}_2`));
    for (const [i, file] of files.entries()) learn(kernel, file, i);
    const entries = files.map((file) => ({ name: latin1(file) }));
    const left = taken(kernel, entries);
    expect(left).toEqual([directoryRecords(entries.slice(0, 16)).length]);
  });
});

it('goes through names with a NUL behind each as through records', () => {
  const kernel = new ScanKernel();
  const [first, second] = CANONICAL as [string, string];
  learn(kernel, first);
  const text = `${['DIR_A', first, 'x'.repeat(255), second, 'y'].join('\0')}\0`;
  const n = kernel.listing().write(text, 'latin1');
  const left = [...kernel.take(n, 7, true)];
  expect(left).toEqual([0, text.indexOf('xx'), n - 2]);
  expect(rowsOf(kernel, 1)).toEqual([[first, second].map(rowBySlowParser)]);
});

it('ends with records that claim to have no length', () => {
  const kernel = new ScanKernel();
  kernel.listing().fill(0, 0, 4096);
  expect([...kernel.take(4096, 0, false)]).toEqual([0]);
});

describe('names with one character changed, dropped or added', () => {
  test.each(CANONICAL)('%s: what is taken means the same to the parser of all names', (file) => {
    const kernel = new ScanKernel();
    let rows = 0;
    const { name: own, namespace, pool, shard } = parseFileName(latin1(file));
    const prefix = Buffer.from(own).toString('latin1').split('.').slice(0, -1).join('.');
    for (const variant of nameVariants(file)) {
      kernel.clear();
      learn(kernel, file);
      if (taken(kernel, [{ name: latin1(variant) }], 7).length > 0) continue;
      rows++;
      const parsed = parseFileName(latin1(variant));
      expect(Buffer.from(parsed.name).toString('latin1').startsWith(`${prefix}.`)).toBe(true);
      expect(parsed).toMatchObject({ namespace, pool, shard, generation: NO_GENERATION });
      expect(parsed.key).toHaveLength(0);
      expect(rowsOf(kernel, 1)).toEqual([[rowBySlowParser(variant)]]);
    }
    expect(rows).toBeGreaterThan(file.includes('head') ? 20 : 24);
  });
});

describe('packed rows', () => {
  it('stand by group as they came, over many chunks', () => {
    const kernel = new ScanKernel();
    const n = 150_000;
    for (let i = 0; i < n; i++) kernel.push(i % 3, i, (i % 5) + 1, 0xffffffff - i, i >>> 10);
    expect(kernel.rows).toBe(n);
    const groups = rowsOf(kernel, 4);
    expect(groups.map((rows) => rows.length)).toEqual([n / 3, n / 3, n / 3, 0]);
    for (const [group, rows] of groups.slice(0, 3).entries()) {
      for (const at of [0, 1, 2730, 2731, n / 3 - 1]) {
        const i = at * 3 + group;
        expect(rows[at]).toEqual([i, (i % 5) + 1, 0xffffffff - i, i >>> 10]);
      }
    }
  });

  const TOP = 2 ** 32 - 1;
  it.each([
    [0, 0],
    [255, 1],
    [256, 2],
    [65535, 2],
    [65536, 4],
    [TOP, 4],
  ])('of a range of %i take %i bytes a value', (range, width) => {
    for (const base of [0, Math.min(7, TOP - range), TOP - range]) {
      const kernel = new ScanKernel();
      const values = [base, base + range, base];
      for (const value of values) kernel.push(0, value, value, value, value);
      const { columns, length, rows } = kernel.pack(1).groups[0]!;
      expect(columns).toEqual([base, width, base, width, base, width, base, width]);
      expect([rows, length]).toEqual([3, 12 * width]);
      expect(rowsOf(kernel, 1)[0]!.map(([objectNo]) => objectNo)).toEqual(values);
    }
  });

  it('begin anew when cleared', () => {
    const kernel = new ScanKernel();
    for (let i = 0; i < 70_000; i++) kernel.push(1, i, 0, 0, 0);
    kernel.pack(2);
    kernel.clear();
    kernel.push(0, 42, 5, 6, 7);
    expect(rowsOf(kernel, 1)).toEqual([[[42, 5, 6, 7]]]);
  });
});

describe.each([
  ['of format 2', (i: number) => `rbd\\udata.${(0x100000000000 + i * 7919).toString(16)}`],
  ['of format 1, whose ends are equal', (i: number) => `rb.0.${i.toString(16)}.6b8b4567`],
  ['of growing length', (i: number) => `rb.${'0'.repeat(i % 200)}${i}`],
])('ten thousand prefixes %s', (_, prefix) => {
  it('are found again by their numbers, quickly', () => {
    const kernel = new ScanKernel();
    const started = performance.now();
    const place = (i: number) => {
      const bytes = latin1(prefix(i));
      return [kernel.place(bytes, 0, bytes.length), bytes.length] as const;
    };
    for (let i = 0; i < 10_000; i++) {
      expect(kernel.findPrefix(...place(i), 3)).toBe(-1);
      kernel.addPrefix(...place(i), 3, i);
    }
    for (let i = 0; i < 10_000; i++) {
      expect(kernel.findPrefix(...place(i), 3)).toBe(i);
      expect(kernel.findPrefix(...place(i), 4)).toBe(-1);
    }
    // with all of them in one chain it would be minutes
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

it('tells prefixes apart that differ in one byte or in length', () => {
  const kernel = new ScanKernel();
  const long = 'rbd\\udata.10226b8b4567';
  const changed = [...long].map((_, i) => `${long.slice(0, i)}#${long.slice(i + 1)}`);
  const cut = [...long].map((_, i) => long.slice(0, i));
  const names = [...new Set(['ab', 'aB', 'a', 'abc', 'bb', long, ...changed, ...cut])];
  const number = (name: string) => {
    // Among other bytes, so that what is read beyond either end tells.
    const at = kernel.place(latin1(`<${name}>`), 0, name.length + 2) + 1;
    return { at, found: kernel.findPrefix(at, name.length, 0) };
  };
  for (const [i, name] of names.entries()) {
    const { at, found } = number(name);
    expect([name, found]).toEqual([name, -1]);
    kernel.addPrefix(at, name.length, 0, i);
  }
  expect(names.map((name) => number(name).found)).toEqual(names.map((_, i) => i));
});
