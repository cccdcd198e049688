import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Damage } from '../../src/errors/damage.ts';
import { SalvageError } from '../../src/errors/salvage-error.ts';
import { compareKeys } from '../../src/kv/key-order.ts';
import { openKvStore } from '../../src/kv/kv-store.ts';
import { readLog } from '../../src/kv/log-reader.ts';
import { RunCursor } from '../../src/kv/run-cursor.ts';
import { openTable } from '../../src/kv/table.ts';
import { tableBlocks } from '../../src/kv/table-blocks.ts';
import { TableFiles } from '../../src/kv/table-files.ts';
import { readTableFooter } from '../../src/kv/table-footer.ts';
import { decodeWriteBatch } from '../../src/kv/write-batch.ts';
import {
  bytesOf,
  fixture,
  fromHex,
  hex,
  listing,
  MemoryDirectory,
  open,
} from './memory-directory.ts';

const NAMES = [
  'leveldb-snappy',
  'rocksdb-plain',
  'rocksdb-snappy',
  'rocksdb-zlib',
  'rocksdb-lz4-twolevel',
  'rocksdb-lz4hc-hash',
  'rocksdb-zstd-twolevel',
  'rocksdb-firstkey',
  'rocksdb-oldest',
  'rocksdb-recycled',
];

const sha256 = (lines: string[]): string =>
  createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex');

describe.each(NAMES)('%s', (name) => {
  it('has the entries its writer lists, and no damage', () => {
    const { directory, expected } = fixture(name);
    const { store, damages } = open(directory);
    const lines = listing(store);
    expect(lines.length).toBe(expected.entries);
    expect(sha256(lines)).toBe(expected.sha256);
    expect(damages).toEqual([]);
    store.close();
    expect(directory.openFiles).toBe(0);
  });

  it('gets every key, and none that is between two keys', () => {
    const { store } = open(fixture(name).directory);
    for (const family of store.families) {
      for (const { key, value } of store.iterate({}, family)) {
        expect(hex(store.get(key, family)!)).toBe(hex(value));
        expect(store.get(Buffer.concat([key, bytesOf('\0')]), family)).toBeUndefined();
      }
    }
  });

  it('begins a range with `from` and ends it before `to`', () => {
    const { store } = open(fixture(name).directory);
    const keys = [...store.iterate()].map((entry) => entry.key);
    for (let i = 0; i < keys.length; i += 3) {
      const [from, to] = [keys[i]!, keys[i + 5]];
      const found = [...store.iterate({ from, to })].map((entry) => hex(entry.key));
      expect(found).toEqual(keys.slice(i, to === undefined ? undefined : i + 5).map(hex));
      const above = Buffer.concat([from, bytesOf('\0')]);
      expect(store.iterate({ from: above }).next().value?.key).toEqual(keys[i + 1]);
    }
  });

  it('loses nothing when MANIFEST and CURRENT are gone, and says so', () => {
    const { directory, expected } = fixture(name);
    for (const file of directory.list()) {
      if (/^(CURRENT|MANIFEST)/.test(file)) directory.files.delete(file);
    }
    const { store, damages } = open(directory);
    expect(damages.map((damage) => damage.reason).join()).toContain('no usable MANIFEST');
    // With nothing but logs, the name of a column family is nowhere.
    const lines = listing(store).map((line) => line.replace(/^family 1/, 'm-0'));
    // Logs and tables that were obsolete may bring deleted keys back, but lose none.
    expect(lines.length).toBeGreaterThanOrEqual(expected.entries);
    const there = new Set(lines);
    for (const line of listing(open(fixture(name).directory).store)) {
      expect(there.has(line)).toBe(true);
    }
  });
});

const noDamage = (damage: Damage): never => expect.fail(damage.reason);

/** Every version ever written that the undamaged files still hold, as `listing` shows them. */
function versions(name: string): Set<string> {
  const { directory } = fixture(name);
  const families = open(directory).store.families;
  const found = new Set<string>();
  const files = new TableFiles(directory, noDamage);
  for (const file of directory.list()) {
    if (!/\.(sst|ldb)$/.test(file)) continue;
    const table = files.table(file)!;
    const blocks = tableBlocks(files, { name: file, number: 0 }, table, {});
    const family = table.familyName ?? 'default';
    for (const c = new RunCursor(blocks, noDamage, undefined); c.valid; c.next()) {
      found.add(`${family} ${hex(c.keyBytes.subarray(0, c.keyLength))} ${hex(c.value())}`);
    }
  }
  for (const file of directory.list().filter((candidate) => candidate.endsWith('.log'))) {
    const options = { number: Number.parseInt(file, 10), newest: true, report: noDamage };
    for (const { payload } of readLog(directory.open(file), options)) {
      decodeWriteBatch(payload, 0, (family, _sequence, _type, key, value) => {
        found.add(`${families[family]} ${hex(key)} ${hex(value)}`);
      });
    }
  }
  return found;
}

describe('damage', () => {
  /**
   * Applies `spoil` to one file at a time, at many places. Nothing may come back that was never
   * written, and nothing may change unreported.
   * @param tellable whether a change of that file can be told from the file's normal end
   */
  function spoilEach(
    name: string,
    spoil: (bytes: Uint8Array, at: number) => Uint8Array,
    tellable: (file: string) => boolean,
  ): void {
    const original = listing(open(fixture(name).directory).store);
    const known = versions(name);
    const files = [...fixture(name).directory.files];
    let seed = 7;
    for (const [file, bytes] of files) {
      const step = Math.max(1, Math.floor(bytes.length / 60));
      for (let at = 0; at < bytes.length; at += step) {
        seed = (seed * 1103515245 + 12345) % 2 ** 31;
        const offset = Math.min(bytes.length - 1, at + (seed % step));
        const spoilt = new Map(files).set(file, spoil(bytes.slice(), offset));
        const { store, damages } = open(new MemoryDirectory(spoilt));
        const lines = listing(store).map((line) => line.replace(/^family 1/, 'm-0'));
        const where = `${file} at ${offset}`;
        expect(
          lines.filter((line) => !known.has(line)),
          where,
        ).toEqual([]);
        const told = damages.length > 0 || lines.join() === original.join();
        expect(told || !tellable(file), where).toBe(true);
      }
    }
  }
  const always = () => true;
  // A log that ends at the border of a record has simply ended; so has one that goes on in zeros.
  const notLogs = (file: string) => !/^MANIFEST|log$/.test(file);

  it.each(['leveldb-snappy', 'rocksdb-zstd-twolevel', 'rocksdb-plain', 'rocksdb-recycled'])(
    'is survived and reported where bits of %s flip',
    (name) => {
      const flip = (bytes: Uint8Array, at: number) => {
        bytes[at]! ^= 1 << (at % 8);
        return bytes;
      };
      spoilEach(name, flip, always);
    },
  );

  it.each(['leveldb-snappy', 'rocksdb-lz4-twolevel', 'rocksdb-recycled'])(
    'is survived and reported where files of %s are cut',
    (name) => spoilEach(name, (bytes, at) => bytes.subarray(0, at), notLogs),
  );

  it.each(['leveldb-snappy', 'rocksdb-lz4hc-hash', 'rocksdb-recycled'])(
    'is survived and reported where sectors of %s are zero',
    (name) => spoilEach(name, (bytes, at) => bytes.fill(0, at, at + 512), notLogs),
  );

  it.each(['rocksdb-firstkey'])('without checksums to show it does no harm in %s', (name) => {
    const files = [...fixture(name).directory.files];
    for (const [file, bytes] of files) {
      for (let at = 0; at < bytes.length; at += 13) {
        const flipped = bytes.slice();
        flipped[at]! ^= 0xff;
        const { store } = open(new MemoryDirectory(new Map(files).set(file, flipped)));
        expect(listing(store).length).toBeLessThan(200);
      }
    }
  });

  it('of one block costs the keys of that block only, and is reported once', () => {
    const { directory, expected } = fixture('rocksdb-plain');
    // The first byte of a table is in its first data block.
    const table = directory.list().find((file) => file.endsWith('.sst'))!;
    const before = listing(open(directory).store);
    directory.files.get(table)![0]! ^= 1;
    const { store, damages } = open(directory);
    const lines = listing(store);
    listing(store);
    expect(lines.length).toBeLessThan(expected.entries);
    expect(lines.length).toBeGreaterThan(expected.entries / 2);
    expect(lines.filter((line) => !before.includes(line)).length).toBeLessThan(10);
    expect(damages.length).toBe(1);
    expect(damages[0]).toMatchObject({ path: `/omap/${table}`, offset: 0 });
    expect(damages[0]!.dropped).toBeGreaterThan(100);
    expect(damages[0]!.reason).toContain('wrong checksum');
  });

  it('is reported for a table the MANIFEST names but nobody has', () => {
    const { directory } = fixture('rocksdb-plain');
    const table = directory.list().find((file) => file.endsWith('.sst'))!;
    directory.files.delete(table);
    const { store, damages } = open(directory);
    expect(damages).toEqual([
      {
        path: `/omap/${table}`,
        dropped: expect.any(Number),
        reason: expect.stringContaining('is missing'),
      },
    ]);
    expect(listing(store).length).toBeGreaterThan(0);
  });

  it('is reported when the log is gone', () => {
    const { directory } = fixture('leveldb-snappy');
    directory.files.delete(directory.list().find((file) => file.endsWith('.log'))!);
    const { damages } = open(directory);
    expect(damages.map((damage) => damage.reason)).toEqual([
      expect.stringContaining('newest writes are missing'),
    ]);
  });

  it('of a table on an unreadable disk is reported with the rest going on', () => {
    const { directory } = fixture('rocksdb-plain');
    const table = directory.list().find((file) => file.endsWith('.sst'))!;
    directory.unreadableFrom.set(table, 0);
    const { store, damages } = open(directory);
    expect(listing(store).length).toBeGreaterThan(0);
    expect(damages.map(({ path, reason }) => [path, reason])).toEqual([
      [`/omap/${table}`, expect.stringContaining('read failed')],
    ]);
  });

  it('of everything but the log leaves the names of column families to OPTIONS', () => {
    const { directory, expected } = fixture('rocksdb-recycled');
    for (const file of directory.list()) {
      if (!file.endsWith('.log')) directory.files.delete(file);
    }
    const nameless = open(directory);
    expect(nameless.store.families).toEqual(['default', 'family 1']);
    expect(nameless.damages.at(-1)!.reason).toContain('name of column family 1');
    // As RocksDB writes it; the rest of the file does not matter here.
    const options = '[DBOptions]\n\n[CFOptions "default"]\n  a=b\n\n[CFOptions "m-0"]\n';
    directory.files.set('OPTIONS-000003', bytesOf(options));
    expect(sha256(listing(open(directory).store))).toBe(expected.sha256);
  });

  it('of CURRENT is a loss where it names a newer manifest than there is', () => {
    const { directory, expected } = fixture('leveldb-snappy');
    directory.files.set('CURRENT', bytesOf('MANIFEST-999999\n'));
    const { store, damages } = open(directory);
    expect(sha256(listing(store))).toBe(expected.sha256);
    expect(damages).toEqual([
      { path: '/omap/CURRENT', reason: expect.stringContaining('MANIFEST-999999') },
    ]);
  });

  it('of CURRENT is no loss where there is one manifest', () => {
    const { directory, expected } = fixture('leveldb-snappy');
    directory.files.delete('CURRENT');
    const { store, damages } = open(directory);
    expect(sha256(listing(store))).toBe(expected.sha256);
    expect(damages).toEqual([
      {
        path: '/omap/CURRENT',
        reason: expect.stringContaining('no such file'),
        harmless: true,
      },
    ]);
  });

  it('of CURRENT is bridged by the newest of several manifests, which may be unfinished', () => {
    const { directory, expected } = fixture('leveldb-snappy');
    const manifest = directory.list().find((file) => file.startsWith('MANIFEST'))!;
    directory.files.set('MANIFEST-000001', directory.files.get(manifest)!);
    directory.files.delete('CURRENT');
    const { store, damages } = open(directory);
    expect(sha256(listing(store))).toBe(expected.sha256);
    expect(damages).toEqual([
      { path: '/omap/CURRENT', reason: expect.stringContaining('no such file') },
    ]);
  });
});

describe('what is not supported', () => {
  /** Changes one byte of every table of `rocksdb-firstkey`, which has no checksums. */
  function patched(at: (bytes: Uint8Array) => number, value: number) {
    const { directory } = fixture('rocksdb-firstkey');
    for (const [file, bytes] of directory.files) if (/sst$/.test(file)) bytes[at(bytes)] = value;
    const { store, damages } = open(directory);
    const lines = listing(store);
    return { lines, reasons: [...new Set(damages.map((damage) => damage.reason))] };
  }

  it('a later format_version costs the table, and the log is read all the same', () => {
    const { lines, reasons } = patched((bytes) => bytes.length - 12, 6);
    expect(lines.length).toBeGreaterThan(0);
    expect(reasons).toEqual([expect.stringContaining('format_version 6')]);
  });

  it('an unknown checksum type costs the table', () => {
    const { reasons } = patched((bytes) => bytes.length - 53, 9);
    expect(reasons).toEqual([expect.stringContaining('checksum type 9')]);
  });
});

describe('a store', () => {
  it('reads only the blocks a range needs', () => {
    const { directory } = fixture('rocksdb-plain');
    const { store } = open(directory);
    [...store.iterate()].length;
    const key = [...store.iterate({}, 'm-0')][3]!.key;
    const { store: fresh } = open(directory);
    const before = directory.reads;
    fresh.get(key, 'm-0');
    // Per table: footer, metaindex, properties, index, range deletes and one block.
    expect(directory.reads - before).toBeLessThanOrEqual(3 * 6);
    const warm = directory.reads;
    fresh.get(key, 'm-0');
    expect(directory.reads).toBe(warm);
  });

  it('refuses a directory without a database', () => {
    const directory = new MemoryDirectory([['readme', bytesOf('x')]]);
    expect(() => openKvStore(directory, () => {})).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', data: { path: '/omap' } }),
    );
  });

  it('refuses a column family that is not there', () => {
    const { store } = open(fixture('rocksdb-plain').directory);
    expect(store.families).toEqual(['default', 'm-0']);
    expect(() => store.get(bytesOf('a'), 'O-0')).toThrow(SalvageError);
  });

  it('leaves entries alone after the iteration has gone on', () => {
    const { store } = open(fixture('rocksdb-lz4hc-hash').directory);
    const kept = [...store.iterate()];
    for (const { key, value } of kept) expect(store.get(key)).toEqual(value);
    for (let i = 1; i < kept.length; i++) {
      expect(compareKeys(kept[i - 1]!.key, kept[i]!.key)).toBeLessThan(0);
    }
  });

  it('reads the one table of a young FileStore', () => {
    // current/omap of a FileStore OSD of Ceph 16.2.15 with LevelDB, before its log.
    const manifest = fromHex(`
      56f9b8f81c0001011a6c6576656c64622e4279746577697365436f6d70617261746f72ca2fad0e3700010208
      0900030904020700079301145f5359535f004845414445520102000000000000145f5359535f004845414445
      520101000000000000`);
    const table = fromHex(`
      49440014105f5359535f0048454144455201020005011c03010a0000000301050d140000000d07100d0c3e1a
      001c000000000100000001f20a825f000000000100000000c0f2a1b00009026001ffffffffffffff00360000
      0000010000000066a0b6563b0848160000000000000000000000000000000000000000000000000000000000
      0000000000000057fb808b247547db`);
    const directory = new MemoryDirectory([
      ['CURRENT', bytesOf('MANIFEST-000006\n')],
      ['MANIFEST-000006', manifest],
      ['000007.ldb', table],
      ['000008.log', new Uint8Array()],
    ]);
    const { store, damages } = open(directory);
    expect(damages).toEqual([]);
    expect(listing(store)).toEqual([
      'default 5f5359535f00484541444552 03010a00000003010000000000000000',
    ]);
  });
});

describe('a table without its index', () => {
  const footerBytes = (name: string) => (name.startsWith('leveldb') ? 48 : 53);
  /** What Ceph has written: crc32c, and no compression but Snappy. */
  const CEPHS = ['leveldb-snappy', 'rocksdb-plain', 'rocksdb-snappy', 'rocksdb-recycled'];
  const tablesOf = (directory: MemoryDirectory) =>
    directory.list().filter((file) => /\.(sst|ldb)$/.test(file));
  const noneDropped = (directory: MemoryDirectory) =>
    tablesOf(directory)
      .sort()
      .map((file) => ({
        path: `/omap/${file}`,
        dropped: 0,
        reason: expect.stringMatching(/: \d+ data blocks? found without index, 0 bytes dropped$/),
      }));

  const byPath = (a: Damage, b: Damage) => (a.path < b.path ? -1 : 1);

  it.each(CEPHS)('gives all its data blocks where its footer is zeros (%s)', (name) => {
    const { directory, expected } = fixture(name);
    for (const file of tablesOf(directory)) directory.files.get(file)!.fill(0, -footerBytes(name));
    const { store, damages } = open(directory);
    expect(sha256(listing(store))).toBe(expected.sha256);
    expect(damages.sort(byPath)).toEqual(noneDropped(directory));
  });

  it.each(CEPHS)('gives all its data blocks where its index fails its checksum (%s)', (name) => {
    const { directory, expected } = fixture(name);
    for (const file of tablesOf(directory)) {
      const { index } = readTableFooter(directory.open(file));
      directory.files.get(file)![index.offset]! ^= 0x10;
    }
    const { store, damages } = open(directory);
    expect(sha256(listing(store))).toBe(expected.sha256);
    expect(damages.sort(byPath)).toEqual(noneDropped(directory));
  });

  it('keeps its column family where the MANIFEST is gone too', () => {
    const { directory, expected } = fixture('rocksdb-plain');
    const whole = listing(open(directory).store);
    for (const file of tablesOf(directory))
      directory.files.get(file)!.fill(0, -footerBytes('rocksdb-plain'));
    for (const file of directory.list()) {
      if (/^(CURRENT|MANIFEST)/.test(file)) directory.files.delete(file);
    }
    const lines = new Set(listing(open(directory).store));
    expect(whole.length).toBe(expected.entries);
    expect(whole.filter((line) => !lines.has(line))).toEqual([]);
  });

  it.each([
    ['leveldb-snappy', 0],
    ['leveldb-snappy', 1],
    ['rocksdb-plain', 0],
    ['rocksdb-plain', 1],
    ['rocksdb-snappy', 1],
  ])('loses no other block than the damaged one (%s, block %i)', (name, n) => {
    const { directory } = fixture(name);
    const handlesOf = (file: string) => openTable(directory.open(file), noDamage).index;
    const file = tablesOf(directory).find((candidate) => handlesOf(candidate).count > n + 1)!;
    const index = handlesOf(file);
    const [offset, size] = [index.offsets[n]!, index.sizes[n]!];
    const bytes = directory.files.get(file)!;
    bytes[offset + 3]! ^= 0x40;
    // What is lost with its index in place is what may be lost without.
    const withIndex = open(directory);
    const expected = listing(withIndex.store);
    expect(withIndex.damages).toHaveLength(1);
    bytes.fill(0, -footerBytes(name));
    const { store, damages } = open(directory);
    expect(listing(store)).toEqual(expected);
    expect(damages).toMatchObject([{ path: `/omap/${file}`, dropped: size + 5 }]);
  });

  it('is left out where no block of it is whole, zeros included', () => {
    const { directory } = fixture('rocksdb-plain');
    const [file] = tablesOf(directory);
    directory.files.get(file!)!.fill(0);
    const { damages, store } = open(directory);
    listing(store);
    expect(damages).toMatchObject([
      { path: `/omap/${file}`, reason: expect.stringMatching(/^table left out/) },
    ]);
  });
});
