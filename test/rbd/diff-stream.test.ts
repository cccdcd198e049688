import { describe, expect, it } from 'vitest';
import {
  DIFF_V1_BANNER,
  DIFF_V2_BANNER,
  dataRecord,
  endRecord,
  fromSnapshotRecord,
  imageDiffsHeader,
  imageRecords,
  protectionRecord,
  sizeRecord,
  toSnapshotRecord,
  zeroRecord,
} from '../../src/rbd/diff-stream.ts';
import { bytes, hex } from './helpers.ts';

const joined = (...parts: Uint8Array[]): string => Buffer.concat(parts).toString('hex');
const zeros = (n: number): Uint8Array => new Uint8Array(n);

describe('diff stream v1', () => {
  it('is what rbd export-diff --from-snap s1 wrote of e@s2', () => {
    // An image of two 4 KiB objects: "hello" before s1; then object 0 discarded, "world" at 4608.
    const real = `${Buffer.from('rbd diff v1\n').toString('hex')}
      66 02000000 7331 74 02000000 7332 73 0020000000000000
      7a 0000000000000000 6900000000000000
      77 0010000000000000 0502000000000000 ${'00'.repeat(512)} 776f726c64 65`;
    const stream = joined(
      DIFF_V1_BANNER,
      fromSnapshotRecord(1, bytes('s1')),
      toSnapshotRecord(1, bytes('s2')),
      sizeRecord(1, 8192),
      zeroRecord(1, 0, 105),
      dataRecord(1, 4096, 517),
      zeros(512),
      bytes('world'),
      endRecord(),
    );
    expect(stream).toBe(Buffer.from(hex(real)).toString('hex'));
  });
});

describe('image stream v2', () => {
  it('is what rbd export --export-format 2 wrote of the same image', () => {
    const text = (s: string) => Buffer.from(s).toString('hex');
    const real = `${text('rbd image v2\n')}
      4f 0800000000000000 0c00000000000000 54 0800000000000000 0100000000000000
      55 0800000000000000 0010000000000000 43 0800000000000000 0100000000000000
      4d 0d00000000000000 02000000 6b6b 03000000 767676 45
      ${text('rbd image diffs v2\n')} 0300000000000000
      ${text('rbd diff v2\n')}
      74 0600000000000000 02000000 7331 70 0800000000000000 01 73 0800000000000000 0020000000000000
      77 7900000000000000 0000000000000000 6900000000000000 ${'00'.repeat(100)} ${text('hello')} 65
      ${text('rbd diff v2\n')}
      66 0600000000000000 02000000 7331 74 0600000000000000 02000000 7332 70 0800000000000000 00
      73 0800000000000000 0020000000000000
      7a 1000000000000000 0000000000000000 6900000000000000
      77 1502000000000000 0010000000000000 0502000000000000 ${'00'.repeat(512)} ${text('world')} 65
      ${text('rbd diff v2\n')}
      66 0600000000000000 02000000 7332 73 0800000000000000 0020000000000000
      77 9501000000000000 0512000000000000 8501000000000000 ${'00'.repeat(387)} 2121 65`;
    const [s1, s2] = [bytes('s1'), bytes('s2')];
    const stream = joined(
      imageRecords({
        order: 12,
        features: 1n,
        stripeUnit: 4096,
        stripeCount: 1,
        metadata: [{ key: bytes('kk'), value: bytes('vvv') }],
      }),
      imageDiffsHeader(3),
      ...[DIFF_V2_BANNER, toSnapshotRecord(2, s1), protectionRecord(true), sizeRecord(2, 8192)],
      ...[dataRecord(2, 0, 105), zeros(100), bytes('hello'), endRecord()],
      ...[
        DIFF_V2_BANNER,
        fromSnapshotRecord(2, s1),
        toSnapshotRecord(2, s2),
        protectionRecord(false),
      ],
      ...[sizeRecord(2, 8192), zeroRecord(2, 0, 105)],
      ...[dataRecord(2, 4096, 517), zeros(512), bytes('world'), endRecord()],
      ...[DIFF_V2_BANNER, fromSnapshotRecord(2, s2), sizeRecord(2, 8192)],
      ...[dataRecord(2, 4613, 389), zeros(387), bytes('!!'), endRecord()],
    );
    expect(stream).toBe(Buffer.from(hex(real)).toString('hex'));
  });
  it('holds sizes beyond 32 bits', () => {
    expect(joined(sizeRecord(1, 2 ** 40 + 1))).toBe('730100000000010000');
  });
});
