/** Rows of data objects: group, object number, snap + 2, hash, unit; five words, in chunks. */
import { allocate, CHUNKS, MAX_CHUNKS } from './memory';

const CHUNK_BITS = 13;
const CHUNK_ROWS: u32 = 1 << CHUNK_BITS;
const ROW: usize = 20;
const CHUNK_BYTES: usize = (1 << CHUNK_BITS) * ROW;
const COLUMNS: usize = 4;

let length: u32 = 0;
let next: usize = 0;
let end: usize = 0;

export function rowCount(): u32 {
  return length;
}

export function clearRows(): void {
  length = 0;
  next = 0;
  end = 0;
}

/** @returns false where there is no memory left for it */
// @inline
export function pushRow(group: u32, objectNo: u32, snap: u32, hash: u32, unit: u32): bool {
  if (next === end && !nextChunk()) return false;
  const at = next;
  store<u32>(at, group);
  store<u32>(at, objectNo, 4);
  store<u32>(at, snap, 8);
  store<u32>(at, hash, 12);
  store<u32>(at, unit, 16);
  next = at + ROW;
  length++;
  return true;
}

function nextChunk(): bool {
  const i = <usize>(length >> CHUNK_BITS);
  if (i >= MAX_CHUNKS) return false;
  const chunk = allocate(CHUNK_BYTES);
  if (chunk === 0) return false;
  store<u32>(CHUNKS + i * 4, <u32>chunk);
  next = chunk;
  end = chunk + CHUNK_BYTES;
  return true;
}

/**
 * A group as it is packed, 64 bytes: u32 rows, u32 where its bytes begin, then for each column u32
 * minimum and u32 width; while packing, the maximum and then where the next value goes.
 */
const GROUP: usize = 64;
const GROUP_ROWS: usize = 0;
const GROUP_AT: usize = 4;
const COLUMN_HEADS: usize = 8;
const SCRATCH_WORDS: usize = 40;

let packedAt: usize = 0;
let packedBytes: usize = 0;

/** Where the packed columns are, after `packRows`. */
export function packedStart(): usize {
  return packedAt;
}

export function packedLength(): usize {
  return packedBytes;
}

/**
 * Packs all rows by group, those of a group in the order in which they came; columns one after the
 * other, each as differences from its minimum in as few bytes as hold them.
 * @returns where the groups' heads are, 64 bytes each; 0 where there is no memory left
 */
export function packRows(groups: u32): usize {
  const heads = allocate(<usize>groups * GROUP + 16);
  if (heads === 0) return 0;
  for (let g: u32 = 0; g < groups; g++) {
    const head = heads + <usize>g * GROUP;
    store<u32>(head, 0, GROUP_ROWS);
    for (let c: usize = 0; c < COLUMNS; c++) {
      store<u32>(head + c * 8, 0xffffffff, COLUMN_HEADS);
      store<u32>(head + c * 4, 0, SCRATCH_WORDS);
    }
  }
  measureRows(heads);
  packedBytes = placeGroups(heads, groups);
  packedAt = allocate(packedBytes + 16);
  if (packedAt === 0) return 0;
  for (let g: u32 = 0; g < groups; g++) {
    const head = heads + <usize>g * GROUP;
    for (let c: usize = 0; c < COLUMNS; c++) {
      const to = head + c * 4;
      store<u32>(to, load<u32>(to, SCRATCH_WORDS) + <u32>packedAt, SCRATCH_WORDS);
    }
  }
  placeRows(heads);
  return heads;
}

/** Rows of each group, minimum and maximum of its columns. */
function measureRows(heads: usize): void {
  for (let done: u32 = 0, i: usize = 0; done < length; done += CHUNK_ROWS, i += 4) {
    let at = <usize>load<u32>(CHUNKS + i);
    const stop = at + <usize>min(CHUNK_ROWS, length - done) * ROW;
    for (; at < stop; at += ROW) {
      const head = heads + <usize>load<u32>(at) * GROUP;
      store<u32>(head, load<u32>(head, GROUP_ROWS) + 1, GROUP_ROWS);
      widen(head, head, load<u32>(at, 4));
      widen(head + 8, head + 4, load<u32>(at, 8));
      widen(head + 16, head + 8, load<u32>(at, 12));
      widen(head + 24, head + 12, load<u32>(at, 16));
    }
  }
}

// @inline
function widen(low: usize, high: usize, value: u32): void {
  if (value < load<u32>(low, COLUMN_HEADS)) store<u32>(low, value, COLUMN_HEADS);
  if (value > load<u32>(high, SCRATCH_WORDS)) store<u32>(high, value, SCRATCH_WORDS);
}

function widthOf(range: u32): u32 {
  if (range === 0) return 0;
  if (range < 0x100) return 1;
  return range < 0x10000 ? 2 : 4;
}

/** Settles widths and where every column goes. @returns bytes of all of them */
function placeGroups(heads: usize, groups: u32): usize {
  let at: usize = 0;
  for (let g: u32 = 0; g < groups; g++) {
    const head = heads + <usize>g * GROUP;
    const rows = <usize>load<u32>(head, GROUP_ROWS);
    store<u32>(head, <u32>at, GROUP_AT);
    for (let c: usize = 0; c < COLUMNS; c++) {
      const column = head + c * 8;
      const to = head + c * 4;
      const width = widthOf(load<u32>(to, SCRATCH_WORDS) - load<u32>(column, COLUMN_HEADS));
      store<u32>(column, width, COLUMN_HEADS + 4);
      store<u32>(to, <u32>at, SCRATCH_WORDS);
      at += rows * <usize>width;
    }
  }
  return at;
}

function placeRows(heads: usize): void {
  for (let done: u32 = 0, i: usize = 0; done < length; done += CHUNK_ROWS, i += 4) {
    let at = <usize>load<u32>(CHUNKS + i);
    const stop = at + <usize>min(CHUNK_ROWS, length - done) * ROW;
    for (; at < stop; at += ROW) {
      const head = heads + <usize>load<u32>(at) * GROUP;
      put(head, head, load<u32>(at, 4));
      put(head + 8, head + 4, load<u32>(at, 8));
      put(head + 16, head + 8, load<u32>(at, 12));
      put(head + 24, head + 12, load<u32>(at, 16));
    }
  }
}

// @inline
function put(column: usize, place: usize, value: u32): void {
  const width = load<u32>(column, COLUMN_HEADS + 4);
  if (width === 0) return;
  const to = <usize>load<u32>(place, SCRATCH_WORDS);
  const difference = value - load<u32>(column, COLUMN_HEADS);
  if (width === 4) store<u32>(to, difference);
  else if (width === 2) store<u16>(to, <u16>difference);
  else store<u8>(to, <u8>difference);
  store<u32>(place, <u32>to + width, SCRATCH_WORDS);
}
