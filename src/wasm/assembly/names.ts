/**
 * Reads the names of data objects in whole listings of directories, and keeps a row of each:
 *
 *     <prefix>.<object number>__<snap>_<HASH><tail>        prefix: rbd\udata.<id> or rb.<x>.<y>.<z>
 *
 * Only what is met all the time is taken: names with a tail that is known, of a prefix that has a number.
 * The rest is left to the host, whose parser (store/filestore/fast-filename.ts) says what a name is;
 * what is taken here must mean the same there.
 */
import { LISTING, OTHERS } from './memory';
import { findPrefix } from './prefixes';
import { pushRow } from './rows';
import { lengthOfTail, matchTail, numberOfTail } from './tails';

// struct linux_dirent64
const RECLEN: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;
const DT_UNKNOWN: u32 = 0;
const DT_REG: u32 = 8;
const DT_LNK: u32 = 10;

/** Shorter than any name of a data object, longer than any word that is read at either end. */
const SHORTEST: usize = 24;
/** Records of shorter names have no whole word behind the fixed fields. */
const SHORTEST_RECORD: usize = 48;

// Little-endian words of text: `rbd\udat`, `a.`, `rb.`, `head`, `__`, `0000`.
const RBD_UDAT: u64 = 0x7461_6475_5c64_6272;
const A_DOT: u32 = 0x2e61;
const RB_DOT: u32 = 0x2e6272;
const HEAD: u32 = 0x6461_6568;
const TWO_UNDERSCORES: u32 = 0x5f5f;
const FOUR_ZEROS: u32 = 0x3030_3030;
const DOT: u32 = 0x2e;
const UNDERSCORE: u32 = 0x5f;

const ONES: u64 = 0x0101_0101_0101_0101;
const TO_LOWER: u64 = 0x27;
const TO_UPPER: u64 = 7;
const NO_NUMBER: u64 = u64.MAX_VALUE;

/** Rows hold snaps as they are, but for two: 0 is the head, 1 the snapdir. */
const MAX_SNAP: u64 = 0xfffffff0;

let unit: u32 = 0;
let others: u32 = 0;

/** Rows from here on lie in this directory. */
export function setUnit(number: u32): void {
  unit = number;
}

/**
 * Goes through `n` bytes of what getdents64 gave, in LISTING.
 * @returns how many records are left to the host; where they begin in LISTING stands in OTHERS.
 * -1: there is no memory left for rows
 */
export function takeRecords(n: u32): i32 {
  others = 0;
  const end = LISTING + <usize>n;
  for (let at = LISTING; at < end; ) {
    const length = <usize>load<u16>(at, RECLEN);
    const next = at + length;
    const kind = <u32>load<u8>(at, TYPE);
    let taken: i32 = 0;
    if (length >= SHORTEST_RECORD && (kind === DT_REG || kind === DT_UNKNOWN || kind === DT_LNK)) {
      // Records are padded to 8 bytes behind the name's NUL, with bytes of no meaning.
      const nul = firstZero(load<u64>(next - 8));
      if (nul < 8) taken = takeName(at + NAME, next - 8 + nul);
    }
    if (taken < 0) return -1;
    if (taken === 0 && !isDots(at)) leave(at);
    // A record without a name: the kernel makes none, and one that does not get ahead would never end.
    if (length <= NAME) break;
    at = next;
  }
  return <i32>others;
}

/** The same for `n` bytes of names in LISTING, each with a NUL behind it. */
export function takeNames(n: u32): i32 {
  others = 0;
  const end = LISTING + <usize>n;
  for (let at = LISTING; at < end; ) {
    let nul = at;
    for (let zero = firstZero(load<u64>(nul)); ; zero = firstZero(load<u64>(nul))) {
      nul += zero;
      if (zero < 8 || nul >= end) break;
    }
    const taken: i32 = nul - at < SHORTEST ? 0 : takeName(at, nul);
    if (taken < 0) return -1;
    if (taken === 0) leave(at);
    at = nul + 1;
  }
  return <i32>others;
}

/** Is it the record of `.` or `..`? */
function isDots(at: usize): bool {
  if (load<u8>(at, NAME) !== DOT) return false;
  const second = <u32>load<u8>(at, NAME + 1);
  return second === 0 || (second === DOT && load<u8>(at, NAME + 2) === 0);
}

function leave(at: usize): void {
  store<u32>(OTHERS + ((<usize>others) << 2), <u32>(at - LISTING));
  others++;
}

/** Index of the first byte of a word that is 0; 8 where none is. */
function firstZero(word: u64): usize {
  const zeros = (word - ONES) & ~word & 0x8080_8080_8080_8080;
  return zeros === 0 ? 8 : <usize>(ctz(zeros) >> 3);
}

/** The number that eight hex digits spell; NO_NUMBER where they are none. */
// @inline
function hex8(word: u64, toLetter: u64): u64 {
  // '0' to '9' are 0x30 to 0x39, letters 0x41 or 0x61 and on: the low half, and 9 more for letters.
  const digits = (word & 0x0f0f_0f0f_0f0f_0f0f) + 9 * ((word >> 6) & ONES);
  // Spelled again, since other bytes have the same low half.
  const letters = ((digits + 6 * ONES) >> 4) & ONES;
  const spelled = 0x3030_3030_3030_3030 + digits + letters * toLetter;
  if (spelled !== word || (digits & 0x1010_1010_1010_1010) !== 0) return NO_NUMBER;
  let value = bswap<u64>(digits);
  value = (value | (value >> 4)) & 0x00ff_00ff_00ff_00ff;
  value = (value | (value >> 8)) & 0x0000_ffff_0000_ffff;
  return (value | (value >> 16)) & 0xffff_ffff;
}

/** Value of 1 to 8 lower-case hex digits without a leading zero; NO_NUMBER where they are none. */
function hexUpTo8(start: usize, end: usize): u64 {
  const n = end - start;
  if (n < 1 || n > 8 || (n > 1 && load<u8>(start) === 0x30)) return NO_NUMBER;
  // Zeros in front of them, as if they were eight.
  const shift = (<u64>(8 - n)) << 3;
  const word = (load<u64>(end - 8) >> shift) << shift;
  const zeros = n === 8 ? 0 : 0x3030_3030_3030_3030 & (((<u64>1) << shift) - 1);
  return hex8(word | zeros, TO_LOWER);
}

/** @returns 1: a row was kept; 0: the name is the host's; -1: no memory left */
// @inline
function takeName(start: usize, end: usize): i32 {
  const tail = matchTail(start, end);
  if (tail < 0) return 0;
  const hashStart = end - lengthOfTail(tail) - 8;
  if (load<u8>(hashStart - 1) !== UNDERSCORE) return 0;
  const hash = hex8(load<u64>(hashStart), TO_UPPER);
  if (hash === NO_NUMBER) return 0;

  const snapEnd = hashStart - 1;
  let snapStart = snapEnd - 4;
  let snap: u64 = 0;
  if (load<u32>(snapStart) !== HEAD) {
    snapStart = snapEnd;
    while (snapStart > start && load<u8>(snapStart - 1) !== UNDERSCORE) snapStart--;
    snap = hexUpTo8(snapStart, snapEnd);
    if (snap > MAX_SNAP) return 0;
    snap += 2;
  }
  if (snapStart < start + 18 || load<u16>(snapStart - 2) !== TWO_UNDERSCORES) return 0;

  const numberEnd = snapStart - 2;
  let digits: usize = 16;
  if (load<u64>(start) === RBD_UDAT && load<u16>(start + 8) === A_DOT) {
    if (numberEnd < start + 28 || load<u32>(numberEnd - 16) !== FOUR_ZEROS) return 0;
  } else {
    digits = 12;
    if ((load<u32>(start) & 0xffffff) !== RB_DOT || numberEnd < start + 17) return 0;
  }
  if (load<u32>(numberEnd - 12) !== FOUR_ZEROS) return 0;
  const objectNo = hex8(load<u64>(numberEnd - 8), TO_LOWER);
  const prefixEnd = numberEnd - digits - 1;
  if (objectNo === NO_NUMBER || load<u8>(prefixEnd) !== DOT) return 0;

  const group = findPrefix(start, <u32>(prefixEnd - start), numberOfTail(tail));
  if (group < 0) return 0;
  return pushRow(<u32>group, <u32>objectNo, <u32>snap, <u32>hash, unit) ? 1 : -1;
}
