/**
 * Numbers of the images' prefixes, by (prefix, tail): an open-addressing table over bytes. The host
 * numbers them, after it has looked at each new one.
 */
import { allocate } from './memory';

const FIRST_SLOTS: u32 = 1024;
/** u32 number + 1 (0: empty), u32 prefix's length | tail << 16, u32 where its bytes are, u32 hash */
const SLOT_BITS = 4;

let slots: usize = 0;
let capacity: u32 = 0;
let taken: u32 = 0;

/** @returns false where there is no memory left */
export function clearPrefixes(): bool {
  taken = 0;
  return makeSlots(FIRST_SLOTS);
}

function makeSlots(n: u32): bool {
  const at = allocate((<usize>n) << SLOT_BITS);
  if (at === 0) return false;
  slots = at;
  capacity = n;
  memory.fill(at, 0, (<usize>n) << SLOT_BITS);
  return true;
}

/** All of it: format 1 prefixes often end alike (rb.0.<id>.6b8b4567), format 2 ones begin alike. */
// @inline
function hashOf(at: usize, length: u32, tail: u32): u32 {
  let h: u64 = 0x9e3779b97f4a7c15 ^ ((<u64>length) << 32) ^ <u64>tail;
  let i: usize = 0;
  const end = <usize>length;
  for (; i + 8 <= end; i += 8) h = rotl<u64>(h, 27) ^ (load<u64>(at + i) * 0xff51afd7ed558ccd);
  if (length >= 8) h = rotl<u64>(h, 27) ^ (load<u64>(at + end - 8) * 0xc4ceb9fe1a85ec53);
  else for (; i < end; i++) h = (h ^ <u64>load<u8>(at + i)) * 0xc4ceb9fe1a85ec53;
  h = (h ^ (h >> 29)) * 0xc4ceb9fe1a85ec53;
  return <u32>(h >> 32) ^ <u32>h;
}

// @inline
function isEqual(a: usize, b: usize, length: u32): bool {
  const end = <usize>length;
  if (length < 8) {
    for (let i: usize = 0; i < end; i++) if (load<u8>(a + i) !== load<u8>(b + i)) return false;
    return true;
  }
  // The last word first: that is where ids differ.
  if (load<u64>(a + end - 8) !== load<u64>(b + end - 8)) return false;
  for (let i: usize = 0; i + 8 < end; i += 8) {
    if (load<u64>(a + i) !== load<u64>(b + i)) return false;
  }
  return true;
}

/** Number of a prefix, or -1. A prefix has fewer than 2^16 bytes, and there are as many tails. */
// @inline
export function findPrefix(at: usize, length: u32, tail: u32): i32 {
  const hash = hashOf(at, length, tail);
  const mask = capacity - 1;
  const key = length | (tail << 16);
  let i = hash & mask;
  let slot = slots + ((<usize>i) << SLOT_BITS);
  let number = load<u32>(slot);
  while (number !== 0) {
    if (load<u32>(slot, 12) === hash && load<u32>(slot, 4) === key) {
      if (isEqual(<usize>load<u32>(slot, 8), at, length)) break;
    }
    i = (i + 1) & mask;
    slot = slots + ((<usize>i) << SLOT_BITS);
    number = load<u32>(slot);
  }
  return <i32>number - 1;
}

/** Gives a new prefix its number. @returns false where there is no memory left */
export function addPrefix(at: usize, length: u32, tail: u32, number: u32): bool {
  if (taken * 2 >= capacity && !grow()) return false;
  const copy = allocate(<usize>length);
  if (copy === 0) return false;
  memory.copy(copy, at, <usize>length);
  place(number + 1, length | (tail << 16), <u32>copy, hashOf(at, length, tail));
  taken++;
  return true;
}

function place(number: u32, key: u32, copy: u32, hash: u32): void {
  const mask = capacity - 1;
  let i = hash & mask;
  while (load<u32>(slots + ((<usize>i) << SLOT_BITS)) !== 0) i = (i + 1) & mask;
  const slot = slots + ((<usize>i) << SLOT_BITS);
  store<u32>(slot, number);
  store<u32>(slot, key, 4);
  store<u32>(slot, copy, 8);
  store<u32>(slot, hash, 12);
}

function grow(): bool {
  const old = slots;
  const end = old + ((<usize>capacity) << SLOT_BITS);
  if (!makeSlots(capacity * 4)) return false;
  for (let slot = old; slot < end; slot += 1 << SLOT_BITS) {
    const number = load<u32>(slot);
    if (number === 0) continue;
    place(number, load<u32>(slot, 4), load<u32>(slot, 8), load<u32>(slot, 12));
  }
  return true;
}
