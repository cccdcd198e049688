import { describe, expect, it, test } from 'vitest';
import { NOSNAP, SNAPDIR } from '../../../src/ceph/encoding.ts';
import { NO_GENERATION } from '../../../src/ceph/hobject.ts';
import { unescapeField } from '../../../src/store/escaped-field.ts';
import { DataObjectNameParser } from '../../../src/store/filestore/fast-filename.ts';
import {
  formatFileName,
  type ParsedFileName,
  parseFileName,
} from '../../../src/store/filestore/object-filename.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../../../src/store/row-snap.ts';
import { nameVariants } from '../../helpers/name-variants.ts';
import { bytes, DATA_EXAMPLES, EXAMPLES } from './names.ts';

/** What the fast parser makes of a name that stands somewhere inside a larger buffer. */
function fast(name: Uint8Array, parser = new DataObjectNameParser()) {
  const padded = Buffer.concat([Buffer.from('__junk'), name, Buffer.from('_2')]);
  if (!parser.parse(padded, 6, 6 + name.length)) return undefined;
  const { prefixEnd, objectNo, snap, hash, tailStart } = parser;
  return {
    prefix: padded.subarray(6, prefixEnd),
    tail: padded.subarray(tailStart, 6 + name.length).toString('latin1'),
    ...{ objectNo, snap, hash },
  };
}

/** The same object, put together again from what the fast parser said. */
function rebuilt(name: Uint8Array): ParsedFileName | undefined {
  const row = fast(name);
  if (row === undefined) return undefined;
  const [, namespace, pool, , shard] = row.tail.split('_');
  const digits = row.prefix.toString().startsWith('rb.') ? 12 : 16;
  const number = row.objectNo.toString(16).padStart(digits, '0');
  return {
    name: Buffer.concat([unescapeField(row.prefix), Buffer.from(`.${number}`)]),
    key: Buffer.alloc(0),
    snap: row.snap === ROW_HEAD ? NOSNAP : row.snap === ROW_SNAPDIR ? SNAPDIR : BigInt(row.snap),
    hash: row.hash,
    namespace: unescapeField(Buffer.from(namespace!, 'latin1')),
    pool: Number.parseInt(pool!, 16),
    generation: NO_GENERATION,
    shard: shard === undefined ? -1 : Number.parseInt(shard, 16),
  };
}

const formatted = (id: ParsedFileName) =>
  formatFileName({ ...id, pool: id.pool! }).toString('latin1');

const CANONICAL = [
  ...DATA_EXAMPLES.map(({ file }) => file),
  'rbd\\udata.102b6c4ee5e6.00000000000000ff__snapdir_DEE5305C__2',
  'rbd\\udata.1.0000000000000000__head_00000000_n\\us_a',
  'rbd\\udata.5.102b6c4ee5e6.0000000000000000__1f_FFFFFFFF__4_ffffffffffffffff_1',
  'rb.0.1.2.ffffffffffff__fffffffffffff_0000000A_tenant_2_ffffffffffffffff_a',
];

describe('canonical names', () => {
  test.each(CANONICAL)('%s means the same to both parsers', (file) => {
    const again = rebuilt(bytes(file));
    expect(again && formatted(again)).toBe(file);
    expect(formatted(parseFileName(bytes(file)))).toBe(file);
  });

  it('gives the parts of a name', () => {
    expect(fast(bytes('rbd\\udata.102b6c4ee5e6.0000000000000004__c_DEE5305C_ns_2'))).toEqual({
      prefix: Buffer.from('rbd\\udata.102b6c4ee5e6'),
      tail: '_ns_2',
      objectNo: 4,
      snap: 12,
      hash: 0xdee5305c,
    });
  });

  it('does not carry the tail of one name over to another', () => {
    const parser = new DataObjectNameParser();
    const tails = ['__2', '_ns_2', '__12', '__2_ffffffffffffffff_2', '_2_2', '__2'];
    const seen = tails.map(
      (tail) => fast(bytes(`rb.0.1.2.000000000003__head_0000000A${tail}`), parser)?.tail,
    );
    expect(seen).toEqual(tails);
  });
});

describe('anything else is left to the slow parser', () => {
  const others = EXAMPLES.filter(({ file }) => !CANONICAL.includes(file)).map(({ file }) => file);
  test.each([
    ...others,
    'rbd\\udata.1.0000000000000000_key_head_00000000__2',
    'rbd\\udata.1.0000000000000000__head_00000000__2_1a_0',
    'rbd\\udata.1.0000000000000000__head_00000000_ffffffffffffffff_2_1a_0',
    'rbd\\udata.1.0000000000000000__head_00000000__fffffffffffffffc',
    'rbd\\udata.1.0000000000000000__head_00000000__none',
    'rbd\\udata.1.0000000000000000__head_00000000_n\\xs_2',
    'rbd\\udata.1.0000000000000000__04_00000000__2',
    'rbd\\udata.1.0000000000000000__0_00000000__02',
    'rbd\\udata.1.000000000000000__head_00000000__2',
    'rbd\\udata.1.fffffffffffffffe__head_00000000__2',
    'rbd\\udata..0000000000000000__head__2',
    'rbd\\udata.',
    'rb.',
    '',
  ])('%s', (file) => {
    expect(fast(bytes(file))).toBeUndefined();
  });
});

describe('names with one character changed, dropped or added', () => {
  test.each(CANONICAL)('%s: the fast parser takes only what it can give back', (file) => {
    let taken = 0;
    for (const variant of nameVariants(file)) {
      const row = fast(Buffer.from(variant, 'latin1'));
      if (row === undefined) continue;
      // The prefix is the sink's to look at, once for each new one.
      if (/_|\\(?![su\\n])|\//.test(row.prefix.toString('latin1').replaceAll('\\\\', ''))) continue;
      taken++;
      const slow = parseFileName(Buffer.from(variant, 'latin1'));
      expect(formatted(rebuilt(Buffer.from(variant, 'latin1'))!)).toBe(variant);
      expect(formatted(slow)).toBe(variant);
    }
    expect(taken).toBeGreaterThan(0);
  });
});
