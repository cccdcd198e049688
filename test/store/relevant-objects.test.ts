import { expect, it } from 'vitest';
import { isRelevant } from '../../src/store/relevant-objects.ts';

const id = (pool: number, name: string) => {
  const none = new Uint8Array(0);
  return {
    pool,
    name: Buffer.from(name),
    namespace: none,
    key: none,
    snap: 0n,
    hash: 0,
    shard: -1,
  };
};

it.each([
  '',
  'rbd_directory',
  'rbd_header.1',
  'rbd_id.x',
  'rbd_trash',
  'vm.rbd',
  'journal.1',
  'journal_data.2.1.0',
  'rb.0.1.2.000000000003',
])('a recovery needs %s', (name) => {
  expect(isRelevant(id(2, name))).toBe(true);
});

it.each(['foo', 'rb.0.1.2.00000000003', 'benchmark_data_1', 'rbd', 'gc.0'])(
  'it does not need %s',
  (name) => {
    expect(isRelevant(id(2, name))).toBe(false);
  },
);

it('needs the superblock and full maps of meta, and nothing else there', () => {
  const meta = ['osd_superblock', 'osdmap.10', 'inc_osdmap.10', 'snapmapper', 'rbd_directory'];
  expect(meta.filter((name) => isRelevant(id(-1, name)))).toEqual(['osd_superblock', 'osdmap.10']);
});

it('never takes temporary objects for data', () => {
  expect(isRelevant(id(-4, 'rbd_header.1'))).toBe(false);
});
