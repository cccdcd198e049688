import { describe, expect, it } from 'vitest';
import {
  type EvidenceReader,
  examineHeadless,
  headlessObjects,
} from '../../src/image/examine-headless.ts';
import type { CopyAttrs } from '../../src/store/object-attrs.ts';
import { OBJECT_INFO_HEAD } from '../ceph/samples.ts';
import { segmentOf } from '../helpers/segments.ts';
import { imageOf, NO_AUTHORITY, prefixOf } from './headless-images.ts';

const MIB = 2 ** 20;
const OBJECTS = 500;

/** Behind it: expected write size (u64) and flags (u32). */
const HINT_AT = OBJECT_INFO_HEAD.length - 20;

function infoWith(hint: number): Uint8Array {
  const info = Buffer.from(OBJECT_INFO_HEAD);
  info.writeBigUInt64LE(BigInt(hint), HINT_AT);
  return info;
}

/** An image of heads 0 to OBJECTS - 1 of which nothing else is known. */
function image() {
  const names = Array.from(
    { length: OBJECTS },
    (_, i) => `rbd\\udata.1.${i.toString(16).padStart(16, '0')}__head_0000000C__2`,
  );
  return imageOf(NO_AUTHORITY, prefixOf([segmentOf({ '2.c_head': names })]))!;
}

/** Tells attributes by object number, and how many were asked for each time. */
function readerOf(attrsOf: (objectNo: number) => CopyAttrs) {
  const asked: number[] = [];
  const reader: EvidenceReader = {
    readAttrs: async (copies) => {
      asked.push(copies.length);
      return copies.map(({ ref }) =>
        attrsOf(Number.parseInt(Buffer.from(ref.id.name).toString().slice(-16), 16)),
      );
    },
    readStart: async () => undefined,
  };
  return { asked, reader };
}

const attrs = (size: number, objectInfo?: Uint8Array): CopyAttrs => ({
  size,
  mtimeMs: 0,
  ...(objectInfo === undefined ? {} : { objectInfo }),
});

describe('the object size of an image without a header', () => {
  it('is what clients announced; a few objects that agree are enough', async () => {
    const { asked, reader } = readerOf(() => attrs(4 * MIB, infoWith(8 * MIB)));
    const found = image();
    await examineHeadless(found, headlessObjects(found), reader);
    expect(found.header.order).toBe(23);
    expect(found.header.size).toBe(OBJECTS * 8 * MIB);
    expect(found.guesses[0]).toContain('clients announced objects of 8388608 bytes');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toBeLessThan(12);
  });

  it.each([
    ['some announced nothing', (no: number) => (no % 2 === 0 ? 0 : 8 * MIB)],
    ['they do not agree', (no: number) => (no < 400 ? 4 * MIB : 8 * MIB)],
  ])('is the largest that was announced to many where %s', async (_, hintOf) => {
    const { asked, reader } = readerOf((no) => attrs(4 * MIB, infoWith(hintOf(no))));
    const found = image();
    await examineHeadless(found, headlessObjects(found), reader);
    expect(found.header.order).toBe(23);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toBeGreaterThanOrEqual(64);
  });

  it('is worked out from the sizes of many where nothing was announced', async () => {
    const { asked, reader } = readerOf((no) => attrs(no === 0 ? 5 * MIB : MIB));
    const found = image();
    await examineHeadless(found, headlessObjects(found), reader);
    expect(found.header.order).toBe(23);
    expect(asked).toHaveLength(2);
  });
});
