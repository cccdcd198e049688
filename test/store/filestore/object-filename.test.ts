import { describe, expect, it, test } from 'vitest';
import { NOSNAP, SNAPDIR } from '../../../src/ceph/encoding.ts';
import { NO_GENERATION } from '../../../src/ceph/hobject.ts';
import { objectHash } from '../../../src/ceph/placement.ts';
import { isCanonicalField } from '../../../src/store/escaped-field.ts';
import {
  escapeName,
  formatFileName,
  parseFileName,
} from '../../../src/store/filestore/object-filename.ts';
import { bytes, EXAMPLES, type NamedExample } from './names.ts';

const identity = ({
  name,
  key = '',
  snap,
  hash,
  namespace = '',
  pool,
  shard = -1,
}: NamedExample) => ({
  name: bytes(name),
  key: bytes(key),
  snap: snap === 'head' ? NOSNAP : snap,
  hash,
  namespace: bytes(namespace),
  pool,
  generation: NO_GENERATION,
  shard,
});

/** Byte strings compared as bytes, whichever class they are of. */
const plain = (value: object) =>
  Object.fromEntries(
    Object.entries(value).map(([k, v]) => [
      k,
      v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v,
    ]),
  );

describe('names that a real cluster wrote', () => {
  test.each(EXAMPLES)('$file is read', (example) => {
    expect(plain(parseFileName(bytes(example.file)))).toEqual(plain(identity(example)));
  });

  test.each(EXAMPLES)('$file is written', (example) => {
    expect(formatFileName(identity(example)).toString()).toBe(example.file);
  });
});

describe('rare fields of the current format', () => {
  const parse = (text: string) => parseFileName(Buffer.from(text, 'latin1'));

  it('reads pools as hex, temporary ones as two’s complement', () => {
    expect(parse('x__head_00000000__a').pool).toBe(10);
    expect(parse('x__head_00000000__fffffffffffffffc').pool).toBe(-4);
  });

  it('reads a snapdir', () => {
    expect(parse('x__snapdir_00000000__2').snap).toBe(SNAPDIR);
  });

  it('tells an erasure-coding rollback copy by its generation', () => {
    expect(parse('x__head_00000000__4_1a_0')).toMatchObject({ generation: 0x1an, shard: 0 });
  });

  it('takes shard ffffffff for none', () => {
    expect(parse('x__head_00000000__4_1a_ffffffff')).toMatchObject({ shard: -1 });
  });

  it('keeps names that are not UTF-8, and NUL bytes, byte for byte', () => {
    const id = {
      ...parse('x__head_00000000__2'),
      pool: 2,
      name: Uint8Array.of(0xff, 0, 0x2f, 0xc3),
    };
    const file = formatFileName(id);
    expect(file.toString('latin1')).toBe('\xff\\n\\s\xc3__head_00000000__2');
    expect([...parseFileName(file).name]).toEqual([0xff, 0, 0x2f, 0xc3]);
  });

  it('escapes DIR_ and a dot at the beginning only', () => {
    expect(escapeName(bytes('a.DIR_')).toString()).toBe('a.DIR\\u');
    expect(escapeName(bytes('DIR')).toString()).toBe('DIR');
  });
});

describe('older formats, told apart by their fields', () => {
  const text = (value: Uint8Array) => Buffer.from(value).toString();

  it('reads a name without pool, leaving the pool to the directory', () => {
    const parsed = parseFileName(bytes('a\\ub_k_head_0CCB3B8B'));
    expect([text(parsed.name), text(parsed.key), parsed.hash]).toEqual(['a_b', 'k', 0x0ccb3b8b]);
    expect(parsed.pool).toBeUndefined();
  });

  it.each([
    ['rb.0.1.2_head_0CCB3B8B', 'rb.0.1.2', NOSNAP],
    ['a_b_c_1f_0CCB3B8B', 'a_b_c', 31n],
    ['a_b_c_d_e_head_0CCB3B8B', 'a_b_c_d_e', NOSNAP],
  ])('reads %s from the right', (file, name, snap) => {
    const parsed = parseFileName(bytes(file));
    expect([text(parsed.name), parsed.snap, parsed.pool]).toEqual([name, snap, undefined]);
  });
});

describe('keyless names with as many fields as other formats', () => {
  const read = (name: string, hash = objectHash(bytes(name), bytes(''), bytes(''))) => {
    const file = `${name}_head_${hash.toString(16).toUpperCase().padStart(8, '0')}`;
    const parsed = parseFileName(bytes(file));
    return [parsed.name, parsed.key].map((field) => Buffer.from(field).toString());
  };

  it.each(['rbd_directory', 'vm_disk.rbd', 'a_b_c_d.rbd', 'a_b_c_d_e_f', '_a'])(
    'are known by their hash: %s',
    (name) => {
      expect(read(name)).toEqual([name, '']);
    },
  );

  it('are no such names where the hash is that of the key, or of neither', () => {
    expect(read('vm_disk', objectHash(bytes('vm'), bytes('disk'), bytes('')))).toEqual([
      'vm',
      'disk',
    ]);
    expect(read('vm_disk', 0x0ccb3b8b)).toEqual(['vm', 'disk']);
  });

  it('have the hash that a real cluster gave them', () => {
    // rbd_directory of any cluster without namespaces hashes to 30a98c1c
    expect(objectHash(bytes('rbd_directory'), bytes(''), bytes(''))).toBe(0x30a98c1c);
  });
});

describe('names that no Ceph writes', () => {
  it.each([
    ['an unknown escape', 'a\\xb__head_0CCB3B8B__2'],
    ['an escape cut short', 'a\\__head_0CCB3B8B__2'],
    ['a hash of seven digits', 'a__head_0CCB3B8__2'],
    ['a hash of nine digits', 'a__head_0CCB3B8B0__2'],
    ['an upper-case snap', 'a__F_0CCB3B8B__2'],
    ['an empty snap', 'a___0CCB3B8B__2'],
    ['no pool', 'a__head_0CCB3B8B__'],
    ['a pool that is no number', 'a__head_0CCB3B8B__pool'],
    ['an empty generation', 'a__head_0CCB3B8B__4__1'],
    ['a long shard', 'a__head_0CCB3B8B__4_ffffffffffffffff_123456789'],
    ['nothing at all', ''],
    ['one field', 'lost+found'],
  ])('refuses %s', (_, file) => {
    expect(() => parseFileName(bytes(file))).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });

  it('knows which fields can be undone and done again', () => {
    for (const good of ['', 'a', 'a\\u', '\\\\\\s\\n'])
      expect(isCanonicalField(bytes(good))).toBe(true);
    for (const bad of ['_', 'a/', 'a\\', '\\x', '\\d', '\0']) {
      expect(isCanonicalField(bytes(bad))).toBe(false);
    }
  });
});
