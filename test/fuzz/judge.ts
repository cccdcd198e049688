import { isDeepStrictEqual } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { SalvageError } from '../../src/errors/salvage-error.ts';
import type { Decoder } from './decoder.ts';

/** What damage in a source may be called. Other codes belong to the operator's side. */
const FAULTS: ReadonlySet<string> = new Set(['CORRUPT', 'UNSUPPORTED', 'SOURCE_IO', 'NOT_FOUND']);

/** Milliseconds for one input. Machines that are busy with other things get more attempts. */
const MAX_MS = 400;
const ATTEMPTS = 4;

/** Memory may grow with the input by this factor, and has this much for tables of its own. */
const FACTOR = 64;
const FREE_BYTES = 16 << 20;

interface Reading {
  result?: unknown;
  /** a source fault: the input was refused */
  refused?: SalvageError;
  failure?: string;
}

const firstFrames = (error: Error): string => error.stack?.split('\n').slice(0, 4).join(' ') ?? '';

function read(decoder: Decoder, bytes: Uint8Array): Reading {
  try {
    return { result: decoder.run(bytes) };
  } catch (error) {
    if (error instanceof SalvageError) {
      if (FAULTS.has(error.code)) return { refused: error };
      return { failure: `throws ${error.code}: ${error.message}` };
    }
    return { failure: `throws ${error instanceof Error ? firstFrames(error) : String(error)}` };
  }
}

const memory = (): number => {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
};

function measure(
  decoder: Decoder,
  bytes: Uint8Array,
): { reading: Reading; ms: number; grown: number } {
  const before = memory();
  const start = performance.now();
  const reading = read(decoder, bytes);
  return { reading, ms: performance.now() - start, grown: memory() - before };
}

function tooMuch(
  decoder: Decoder,
  bytes: Uint8Array,
  ms: number,
  grown: number,
): string | undefined {
  const allowed = bytes.length * FACTOR + FREE_BYTES + (decoder.fixedBytes ?? 0);
  if (grown > allowed) return `takes ${grown} bytes for ${bytes.length}`;
  if (ms <= MAX_MS) return undefined;
  let best = ms;
  for (let n = 1; n < ATTEMPTS && best > MAX_MS; n++)
    best = Math.min(best, measure(decoder, bytes).ms);
  return best > MAX_MS ? `takes ${Math.round(best)} ms for ${bytes.length} bytes` : undefined;
}

export interface Verdict {
  /** it was decoded, or refused as damaged */
  accepted: boolean;
  failure: string | undefined;
}

/** Decodes one input and says what is wrong with how that went. */
export function judge(decoder: Decoder, input: Uint8Array): Verdict {
  const bytes = Uint8Array.from(input);
  const { reading, ms, grown } = measure(decoder, bytes);
  const accepted = reading.refused === undefined && reading.failure === undefined;
  const failure =
    reading.failure ??
    tooMuch(decoder, bytes, ms, grown) ??
    (Buffer.compare(bytes, input) === 0 ? lawBroken(decoder, bytes) : 'writes to its input');
  return { accepted, failure };
}

/** A fast reader that takes what the full one refuses is wrong, too. */
function lawBroken(decoder: Decoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.law?.(bytes);
  } catch (error) {
    return `taken by one reader, refused by another: ${error instanceof Error ? firstFrames(error) : error}`;
  }
}

/** Bits of a seed that are changed at most, and bytes that are decoded for it at most. */
const FLIPS = 4096;
const FLIP_BYTES = 12 << 20;

/**
 * Changes single bits of an input whose checksums are right. Each change must be noticed, or make no
 * difference. @returns how many were noticed, or what went wrong
 */
export function flipEach(
  decoder: Decoder,
  input: Uint8Array,
): { noticed: number } | { failure: string } {
  const vouches = decoder.vouches as ((result: unknown) => boolean) | undefined;
  const { result } = read(decoder, input);
  if (vouches === undefined || result === undefined || !vouches(result)) return { noticed: 0 };
  const bits = input.length * 8;
  const flips = Math.min(FLIPS, FLIP_BYTES / input.length);
  // Odd, so that all bits of a byte have their turn.
  const step = Math.max(1, Math.floor(bits / flips) | 1);
  let noticed = 0;
  for (let bit = 0; bit < bits; bit += step) {
    const bytes = Uint8Array.from(input);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const other = read(decoder, bytes);
    if (other.failure !== undefined) return { failure: `bit ${bit}: ${other.failure}` };
    if (other.refused !== undefined || !vouches(other.result)) noticed++;
    else if (!isDeepStrictEqual(other.result, result)) {
      return { failure: `bit ${bit} changed: vouched for all the same, and read otherwise` };
    }
  }
  return { noticed };
}
