import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../../../src/bytes/crc32c.ts';
import { SalvageError } from '../../../../src/errors/salvage-error.ts';
import { OP } from '../../../../src/store/filestore/journal/op-codes.ts';
import { workDirectory } from '../../../helpers/fixtures.ts';
import { concat, patched, u32 } from '../../../helpers/hex.ts';
import { BLOCK, journal, map, type Name, records, write } from './journal-builder.ts';
import { contentOf, LabOsd, refOf } from './lab-osd.ts';

const work = workDirectory();
afterAll(work.dispose);

const head: Name = { name: 'rbd_data.1.0000000000000001' };
const clone: Name = { ...head, snap: 4n };
const payloads = [
  concat(
    records([
      { code: OP.setattrs, object: head, data: map({ _: 'info', snapset: 'set' }) },
      write(head, 0, 'first'),
    ]),
    records([{ code: OP.omapSetKeys, object: head, data: map({ key: 'value' }) }]),
  ),
  records([{ code: OP.clone, object: head, destObject: clone }, write(head, 2, 'second')]),
  records([{ code: OP.truncate, object: head, offset: 6 }]),
];
const { bytes, at } = journal(payloads, { ring: 8 * BLOCK });
const end = at[3]!;

/** What the head is after no, one, two and three entries. */
const STATES = ['file', 'first', 'fisecond', 'fiseco'];

const osd = new LabOsd(path.join(work.path, 'osd'));
osd.file(head, 'file');

/** Surveys and replays a damaged journal. Whatever it holds, nothing but our own errors may come out. */
function outcome(damaged: Uint8Array) {
  osd.write(damaged);
  const { replay, damage } = osd.survey();
  let text: string | undefined;
  const reader = osd.reader();
  try {
    text = contentOf(reader, refOf(head))?.toString('latin1');
    contentOf(reader, refOf(clone));
    const object = reader.open(refOf(head));
    object.attr('_');
    object.close();
  } catch (error) {
    if (!(error instanceof SalvageError)) throw error;
  } finally {
    reader.close();
  }
  return { replay, damage, text };
}

/** Told, and no entry behind the damage is taken. */
function expectSafe({ replay, damage, text }: ReturnType<typeof outcome>): void {
  expect(STATES).toContain(text);
  expect(replay.to - replay.committed).toBe(STATES.indexOf(text!));
  if (replay.to < 103)
    expect(damage.length + (replay.reason === undefined ? 0 : 1)).toBeGreaterThan(0);
}

describe('a damaged journal', () => {
  it('is the one that the rest of this file takes it for', () => {
    expect(outcome(bytes)).toMatchObject({ damage: [], text: 'fiseco', replay: { to: 103 } });
  });

  it('is never replayed beyond a flipped bit, and never silently (every byte of entries)', () => {
    const structure = [...Array(end - BLOCK).keys()].map((i) => i + BLOCK);
    const inPadding = (i: number) =>
      payloads.some((payload, n) => i >= at[n]! + 40 + payload.length && i < at[n + 1]! - 40);
    for (const i of structure.filter((position) => !inPadding(position))) {
      const flipped = Buffer.from(bytes);
      flipped[i]! ^= 1 << (i % 8);
      const found = outcome(flipped);
      expectSafe(found);
      expect(found.replay.to).toBeLessThan(103);
    }
  });

  it('is refused, or replayed in part, or told of when its header is damaged', () => {
    for (let bit = 0; bit < 72 * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expectSafe(outcome(flipped));
    }
  });

  it('is replayed as far as it goes when it is cut short', () => {
    for (let size = 0; size < end; size += 97) {
      const found = outcome(bytes.subarray(0, size));
      expectSafe(found);
      expect(found.damage).toHaveLength(1);
    }
  });

  it('is replayed as far as it goes when blocks are zeros', () => {
    for (let block = BLOCK; block < end; block += 512) {
      const zeroed = Buffer.from(bytes);
      zeroed.fill(0, block, block + 512);
      if (zeroed.equals(bytes)) continue;
      expectSafe(outcome(zeroed));
    }
  });
});

describe('a transaction that is damaged under a good checksum', () => {
  const payload = payloads[0]!;

  /** The payload's own checksum is made to fit. */
  function disguised(changed: Uint8Array): Uint8Array {
    const built = Buffer.from(bytes);
    built.set(changed, at[0]! + 40);
    const crc = u32(cephCrc32c(0, changed));
    return patched(patched(built, at[0]! + 8, crc), at[1]! - 32, crc);
  }

  it('stops the replay or does something: never a crash, never without end', () => {
    for (let i = 0; i < payload.length; i++) {
      for (const value of [0, 0xff, payload[i]! ^ 0x10]) {
        outcome(disguised(patched(payload, i, Uint8Array.of(value))));
      }
    }
  });

  it('may claim any length', () => {
    for (let i = 0; i + 4 <= payload.length; i++) {
      for (const value of [0x7fffffff, 0xffffffff, 0x01000000]) {
        outcome(disguised(patched(payload, i, u32(value))));
      }
    }
  });
});
