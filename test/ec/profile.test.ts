import { expect, it } from 'vitest';
import { erasureCode } from '../../src/ec/erasure-code.ts';
import { vectorOf, without } from './vectors.ts';

const profile = (words: string): Map<string, string> =>
  new Map(words.split(' ').map((word) => word.split('=') as [string, string]));

it('reads the default profile of Ceph 16.2, which has no w', () => {
  const { shards } = vectorOf('van-4-2');
  const code = erasureCode(profile('k=4 m=2 plugin=jerasure technique=reed_sol_van'));
  const out = new Map<number, Uint8Array>();
  code.decode(without(shards, [0, 2]), [0, 2], out);
  expect(out.get(0)).toEqual(shards[0]);
});

it.each([
  ['technique=reed_sol_van', 7, 3, 1],
  ['technique=reed_sol_van k= m= w=', 7, 3, 1],
  ['plugin=jerasure', 7, 3, 1],
  ['technique=reed_sol_r6_op', 7, 2, 1],
  ['technique=reed_sol_r6_op k=4 m=9', 4, 2, 1],
  ['technique=reed_sol_van w=16', 7, 3, 2],
  ['technique=reed_sol_van w=32', 7, 3, 4],
  ['technique=cauchy_orig', 7, 3, 8 * 2048],
  ['technique=cauchy_good packetsize=512 w=4', 7, 3, 4 * 512],
  ['technique=liber8tion', 2, 2, 1],
  ['plugin=isa', 7, 3, 1],
  ['plugin=isa w=16 technique=cauchy', 7, 3, 1],
  ['plugin=shec', 4, 3, 1],
  ['plugin=clay', 4, 2, 1],
  ['plugin=lrc k=8 m=4 l=3', 8, 8, 1],
  ['technique=of_tomorrow k=3 m=2', 3, 2, 1],
  ['technique=constructor k=3 m=2', 3, 2, 1],
])('reads %s as k=%i m=%i, coded in %i bytes', (words, k, m, unit) => {
  expect(erasureCode(profile(words))).toMatchObject({ k, m, unit });
});

it('is a clear word for a technique or plugin that it does not know', () => {
  expect(erasureCode(profile('technique=of_tomorrow')).unsupported).toBe('technique of_tomorrow');
  for (const plugin of ['example', 'constructor', '__proto__']) {
    expect(() => erasureCode(profile(`plugin=${plugin}`))).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED',
        message: `erasure code profile: plugin ${plugin}`,
      }),
    );
  }
});

it.each([
  'k=0',
  'k=-4',
  'k=x',
  'm=0',
  'k=1e2',
  'k=100 m=29',
  'k=99999999999999999999',
  'w=7',
  'w=64',
  'technique=cauchy_good w=1',
  'technique=cauchy_good w=33',
  'technique=cauchy_orig w=3 k=6 m=3',
  'technique=cauchy_good packetsize=0',
  'technique=cauchy_good packetsize=4294967296',
  'plugin=lrc',
  'plugin=lrc k=4 m=2 l=4',
  'plugin=lrc k=4 m=2 l=0',
  'plugin=lrc l=3',
  'plugin=lrc k=64 m=64 l=1',
  'plugin=lrc mapping=____',
])('calls %s damage', (words) => {
  expect(() => erasureCode(profile(words))).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
});
