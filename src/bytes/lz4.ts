import { corruptError, type SalvageError } from '../errors/salvage-error.ts';

/** A match is at least this long; the format never writes shorter ones. */
const MIN_MATCH = 4;

const bad = (what: string, at: number): SalvageError =>
  corruptError(`lz4 block: ${what} at 0x${at.toString(16)}`, {
    structure: 'lz4 block',
    offset: at,
  });

/** Longest length that is not continued in further bytes. */
const CONTINUED = 15;

class Lz4Input {
  readonly bytes: Uint8Array;
  pos = 0;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  byte(): number {
    const value = this.bytes[this.pos];
    if (value === undefined) throw bad('the input ends inside a sequence', this.pos);
    this.pos++;
    return value;
  }
  length(nibble: number): number {
    if (nibble < CONTINUED) return nibble;
    let length = nibble;
    for (;;) {
      const more = this.byte();
      length += more;
      if (more < 255) return length;
    }
  }
}

/** Copies inside `output`; source and target may overlap, which repeats a pattern. */
function copyMatch(output: Uint8Array, to: number, distance: number, length: number): void {
  const from = to - distance;
  if (distance >= length) output.copyWithin(to, from, from + length);
  else for (let i = 0; i < length; i++) output[to + i] = output[from + i]!;
}

function copyLiterals(input: Lz4Input, length: number, output: Uint8Array, at: number): void {
  if (length > input.bytes.length - input.pos) throw bad('literals past the end', input.pos);
  output.set(input.bytes.subarray(input.pos, input.pos + length), at);
  input.pos += length;
}

/**
 * Decodes one raw LZ4 block (no frame) into `output[from .. to)`, which it must fill exactly.
 *
 * Matches may refer to anything before them in `output`, also before `from`: that is how a
 * dictionary, or the output of earlier segments, is given.
 * @throws CORRUPT with the offset in `bytes`
 */
export function lz4Block(
  bytes: Uint8Array,
  output: Uint8Array,
  from = 0,
  to = output.length,
): void {
  const input = new Lz4Input(bytes);
  let at = from;
  while (input.pos < bytes.length) {
    const start = input.pos;
    const token = input.byte();
    const literals = input.length(token >> 4);
    if (literals > to - at) throw bad('more output than announced', start);
    copyLiterals(input, literals, output, at);
    at += literals;
    // The last sequence has literals only.
    if (input.pos === bytes.length) break;
    const distance = input.byte() | (input.byte() << 8);
    const length = input.length(token & 15) + MIN_MATCH;
    if (distance === 0 || distance > at) throw bad(`match distance ${distance}`, start);
    if (length > to - at) throw bad('more output than announced', start);
    copyMatch(output, at, distance, length);
    at += length;
  }
  if (at !== to) throw bad(`${to - at} bytes of output are missing`, input.pos);
}
