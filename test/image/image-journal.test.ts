import { describe, expect, it } from 'vitest';
import type { EvidenceReader } from '../../src/image/examine-headless.ts';
import { readImageJournal } from '../../src/image/image-journal.ts';
import type { Layer } from '../../src/image/layer.ts';
import { FEATURE_JOURNALING } from '../../src/rbd/features.ts';
import { u8, u64 } from '../helpers/hex.ts';

/** What is known of a PG that has none of the journal's objects. */
interface Absence {
  copies?: number;
  absenceDoubt?: string;
}

const reader = {} as EvidenceReader;

/** What is wrong with a journal of which no object is here, and no entry was committed. */
async function problemsOf(
  sets: [minimum: bigint, active: bigint],
  { copies = 1, absenceDoubt }: Absence = {},
  width = 2,
): Promise<string[]> {
  const omap = [
    [Buffer.from('minimum_set'), u64(sets[0])],
    [Buffer.from('active_set'), u64(sets[1])],
    ...(width === 0 ? [] : [[Buffer.from('splay_width'), u8(width)]]),
  ];
  const cluster = {
    metadataObject: () => ({ omap }),
    objectsNamed: () => [],
    pgs: {
      isBlind: false,
      decide: () => ({ copies: new Array(copies), blind: new Map(), absenceDoubt }),
    },
  };
  const header = { features: FEATURE_JOURNALING };
  const image = { cluster, header, pool: 2, id: 'x', namespace: new Uint8Array(0) };
  const journal = await readImageJournal({ image } as unknown as Layer, reader);
  return journal!.problems;
}

describe('journal objects that nobody has', () => {
  it('were not written where their PGs lack nothing', async () => {
    expect(await problemsOf([3n, 4n])).toEqual([]);
  });

  it('may be lost where their PG lacks objects', async () => {
    expect(await problemsOf([3n, 4n], { absenceDoubt: 'it lacks one' })).toEqual(
      [6, 7, 8, 9].map((n) => `journal_data.2.x.${n}: it lacks one`),
    );
  });

  it('may be lost where their PG is nowhere', async () => {
    expect(await problemsOf([0n, 0n], { copies: 0 })).toEqual(
      [0, 1].map((n) => `journal_data.2.x.${n}: its PG is on none of the OSDs`),
    );
  });

  it.each<[string, [bigint, bigint], number]>([
    ['beyond what numbers hold', [2n ** 60n, 2n ** 61n], 2],
    ['far behind each other', [0n, 2n ** 39n], 2],
    ['far ahead', [2n ** 60n, 2n ** 60n], 2],
    ['in the wrong order', [5n, 4n], 2],
    ['of no width', [0n, 0n], 0],
  ])('are not looked for in object sets %s, which is said once', async (_, sets, width) => {
    expect(await problemsOf(sets, { absenceDoubt: 'it lacks one' }, width)).toEqual([
      expect.stringMatching(/^its journal claims object sets/),
    ]);
  });
});
