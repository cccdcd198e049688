import { describe, expect, it } from 'vitest';
import type { DiffRun } from '../../src/export/block-runs.ts';
import { type DiffEnds, RecordWriter, writeDiff } from '../../src/export/diff-writer.ts';
import type { Snapshot } from '../../src/rbd/snapshot.ts';
import { applyDiff, parseDiffV1 } from '../helpers/diff-parser.ts';
import { hex } from '../helpers/hex.ts';

const snapshot = (name: string, protection: Snapshot['protection'] = 'unprotected'): Snapshot => ({
  ...{ id: 4n, name: Buffer.from(name), size: 8 << 20, features: undefined, parent: undefined },
  ...{ protection, flags: 0n, namespace: { type: 'user' }, timestamp: undefined },
  ...{ childCount: 0, parentOverlap: undefined },
});

async function written(version: 1 | 2, ends: DiffEnds, runs: DiffRun[][]) {
  const chunks: Buffer[] = [];
  const records = new RecordWriter({
    write: async (bytes) => void chunks.push(Buffer.from(bytes)),
    close: async () => {},
  });
  await writeDiff(
    version,
    ends,
    (async function* () {
      yield* runs;
    })(),
    records,
  );
  return { bytes: Buffer.concat(chunks), writes: chunks.length, counted: records.bytes };
}

describe('diff writer', () => {
  it('writes the records of rbd export-diff from s1 to s2', async () => {
    const ends = { from: snapshot('s1'), to: snapshot('s2'), size: 0x1800000 };
    const zeros = { offset: 0x4000, length: 0x3218, data: undefined };
    const { bytes } = await written(1, ends, [[zeros]]);
    const wanted = hex(
      `7262642064696666207631 0a 66 02000000 7331 74 02000000 7332 73 0000800100000000
       7a 0040000000000000 1832000000000000 65`,
    );
    expect(bytes).toEqual(Buffer.from(wanted));
  });

  it('writes lengths in version 2, and of a protected snapshot one byte where it says eight', async () => {
    const ends = { from: undefined, to: snapshot('s1', 'protected'), size: 0x1800000 };
    const { bytes } = await written(2, ends, [
      [{ offset: 0, length: 3, data: Buffer.from('abc') }],
    ]);
    const wanted = hex(
      `7262642064696666207632 0a 74 0600000000000000 02000000 7331 70 0800000000000000 01
       73 0800000000000000 0000800100000000
       77 1300000000000000 0000000000000000 0300000000000000 616263 65`,
    );
    expect(bytes).toEqual(Buffer.from(wanted));
  });

  it('names no snapshot where the end is the head', async () => {
    const { bytes } = await written(1, { from: undefined, to: undefined, size: 512 }, []);
    expect(parseDiffV1(bytes)).toEqual({
      ...{ from: undefined, to: undefined, protected: undefined, size: 512, writes: [] },
    });
  });

  it('gathers small records, writes large data as it lies, and keeps the order', async () => {
    const small = Array.from({ length: 100 }, (_, i) => ({
      ...{ offset: i * 8192, length: 4096, data: Buffer.alloc(4096, i + 1) },
    }));
    const large = { offset: 1 << 20, length: 1 << 20, data: Buffer.alloc(1 << 20, 0xee) };
    const last = { offset: 2 << 20, length: 4096, data: undefined };
    const ends = { from: undefined, to: undefined, size: 4 << 20 };
    const { bytes, writes, counted } = await written(1, ends, [small, [large, last]]);
    expect(counted).toBe(bytes.length);
    expect(writes).toBeLessThan(8);
    const image = applyDiff(Buffer.alloc(4 << 20, 0x77), parseDiffV1(bytes));
    expect(image[99 * 8192]).toBe(100);
    expect(image[99 * 8192 + 4096]).toBe(0x77);
    expect(image[(2 << 20) - 1]).toBe(0xee);
    expect(image[2 << 20]).toBe(0);
  });
});
