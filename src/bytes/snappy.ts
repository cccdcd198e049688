import { corruptError, type SalvageError } from '../errors/salvage-error.ts';
import { ByteReader } from './byte-reader.ts';

/** A copy element is 2 bytes or more and yields at most 64: no input can grow more than this. */
const MAX_GROWTH = 32;

const bad = (what: string, at: number): SalvageError =>
  corruptError(`snappy: ${what} at 0x${at.toString(16)}`, { structure: 'snappy', offset: at });

/** A little-endian number of `width` bytes. */
function little(bytes: Uint8Array, at: number, width: number): number {
  if (at + width > bytes.length) throw bad('the input ends inside an element', at);
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}

/** Element kinds: the low two bits of the tag. */
const LITERAL = 0;
const COPY_1 = 1;
const COPY_2 = 2;
/** Literal lengths from here on stand in 1 to 4 bytes behind the tag. */
const LONG_LITERAL = 60;

function copyWithin(output: Uint8Array, at: number, distance: number, length: number): void {
  const from = at - distance;
  for (let i = 0; i < length; i++) output[at + i] = output[from + i]!;
}

/** Decodes the elements from `pos` on; `output` must be filled exactly. */
function elements(bytes: Uint8Array, start: number, output: Uint8Array): void {
  let pos = start;
  let at = 0;
  while (pos < bytes.length) {
    const tag = bytes[pos]!;
    const begin = pos++;
    const kind = tag & 3;
    const room = output.length - at;
    let length = (tag >> 2) + 1;
    if (kind === LITERAL) {
      const width = Math.max(0, length - LONG_LITERAL);
      if (width > 0) length = little(bytes, pos, width) + 1;
      pos += width;
      if (length > bytes.length - pos || length > room) throw bad(`literal of ${length}`, begin);
      output.set(bytes.subarray(pos, pos + length), at);
      pos += length;
    } else {
      let distance: number;
      if (kind === COPY_1) {
        length = ((tag >> 2) & 7) + 4;
        distance = ((tag >> 5) << 8) + little(bytes, pos, 1);
        pos += 1;
      } else {
        const width = kind === COPY_2 ? 2 : 4;
        distance = little(bytes, pos, width);
        pos += width;
      }
      if (distance === 0 || distance > at || length > room) {
        throw bad(`copy of ${length} from ${distance} back`, begin);
      }
      copyWithin(output, at, distance, length);
    }
    at += length;
  }
  if (at !== output.length) throw bad(`${output.length - at} bytes of output are missing`, pos);
}

/**
 * Decompresses raw Snappy: varint uncompressed length, then elements. Our own, because the library
 * at hand never returns from a literal whose 32-bit length is negative as an int.
 * @throws CORRUPT, also when more than `maxLength` bytes are announced (nothing is allocated then)
 */
export function snappyDecode(bytes: Uint8Array, maxLength: number): Uint8Array {
  const reader = new ByteReader(bytes, 'snappy');
  const length = reader.varint32();
  if (length > maxLength || length > bytes.length * MAX_GROWTH) {
    throw bad(`${length} bytes announced, at most ${maxLength} can be`, 0);
  }
  const output = new Uint8Array(length);
  elements(bytes, reader.pos, output);
  return output;
}
