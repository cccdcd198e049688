import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { type DirectoryStamp, directoryStamp, withDirectory } from './directory.ts';
import { inSource } from './heartbeat.ts';
import { native } from './native.ts';
import { asPath } from './open-source.ts';
import { asSourceError, nativeSourceError } from './source-errors.ts';

/** Entry types as getdents64 gives them (dirent.h). */
export const DT_UNKNOWN = 0;
export const DT_DIR = 4;
export const DT_REG = 8;
export const DT_LNK = 10;

/**
 * Called once an entry with the buffer that holds its name: bytes [start, end) of `buffer`, valid
 * during the call only. No string is made: names are bytes, and there may be a hundred million.
 */
export type OnEntry = (buffer: Uint8Array, start: number, end: number, type: number) => void;

/** 256 KiB: as fast as 1 MiB and half the calls of 32 KiB (measured). */
const BUFFER_BYTES = 256 * 1024;
let shared: Buffer | undefined;

/** linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, name, NUL, padding */
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;

/** Hands a record of what getdents64 gave to `onEntry`. @returns where the next one begins */
export function readRecord(buffer: Uint8Array, at: number, onEntry: OnEntry): number {
  const next = at + (buffer[at + RECLEN]! | (buffer[at + RECLEN + 1]! << 8));
  // Records are padded to 8 bytes after the name's NUL, with bytes of no meaning.
  let end = Math.max(at + NAME, next - 8);
  while (buffer[end] !== 0) end++;
  const start = at + NAME;
  const dots =
    buffer[start] === 0x2e &&
    (end - start === 1 || (end - start === 2 && buffer[start + 1] === 0x2e));
  if (!dots) onEntry(buffer, start, end, buffer[at + TYPE]!);
  return next;
}

/** The same for a name with a NUL behind it, whose type is not known. */
export function readName(buffer: Uint8Array, at: number, onEntry: OnEntry): void {
  onEntry(buffer, at, buffer.indexOf(0, at), DT_UNKNOWN);
}

/** Fills a buffer with records. @returns their bytes, 0 at the directory's end */
function nextRecords(fd: number, buffer: Uint8Array, directory: Uint8Array): number {
  const n = inSource(0, () => native!.getdents64(fd, buffer));
  if (n < 0) throw nativeSourceError(n, 'cannot list', directory);
  return n;
}

function listNative(fd: number, directory: Uint8Array, onEntry: OnEntry): void {
  shared ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const buffer = shared;
  for (let n = nextRecords(fd, buffer, directory); n > 0; ) {
    for (let at = 0; at < n; ) at = readRecord(buffer, at, onEntry);
    n = nextRecords(fd, buffer, directory);
  }
}

const DT_FIFO = 1;

function typeOf(entry: Pick<Dirent, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): number {
  if (entry.isFile()) return DT_REG;
  if (entry.isDirectory()) return DT_DIR;
  if (entry.isSymbolicLink()) return DT_LNK;
  // whichever it is, it holds no data
  return DT_FIFO;
}

/**
 * Without native calls nothing is gained by holding a directory open: Node lists by path, all of it in one call. That shows no
 * pulse: a large directory on a slow disk is no disk that hangs.
 * @throws SOURCE_IO
 */
function namesOf<T>(directory: Uint8Array, read: (target: Buffer | string) => T): T {
  try {
    return read(asPath(directory));
  } catch (error) {
    throw asSourceError(error, 'cannot list', directory);
  }
}

function listPlain(directory: Uint8Array, onEntry: OnEntry): void {
  shared ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const buffer = shared;
  const options = { withFileTypes: true, encoding: 'buffer' } as const;
  for (const entry of namesOf(directory, (target) => readdirSync(target, options))) {
    const name = entry.name as unknown as Buffer;
    // One buffer for all names, as above: callers keep a view of the last one they saw.
    name.copy(buffer);
    onEntry(buffer, 0, name.length, typeOf(entry));
  }
}

/** Takes a listing piece by piece, without a call for each name. */
export interface WholeListing {
  /** where the next piece is put: at least 64 KiB */
  target(): Buffer;
  /**
   * A piece of `n` bytes is there.
   * @param plain names with a NUL behind each, types not known; else records as getdents64 gives them
   */
  taken(n: number, plain: boolean): void;
}

/** A name has 255 bytes at the most, or as many characters of three bytes each. */
const NAME_ROOM = 1024;

/**
 * Node gives names as strings only: joined, so that they become bytes in one go. Their types would take
 * as long again, so a pipe or a directory with an object's name passes for one until it is opened.
 */
function wholePlain(directory: Uint8Array, listing: WholeListing): void {
  const names = namesOf(directory, (target) => readdirSync(target, 'latin1'));
  const atOnce = Math.floor(listing.target().length / NAME_ROOM);
  const count = names.length;
  for (let i = 0; i < count; i += atOnce) {
    const some = count <= atOnce ? names : names.slice(i, i + atOnce);
    // For the last NUL: a string that grew behind would be copied once more.
    some.push('');
    listing.taken(listing.target().write(some.join('\0'), 'latin1'), true);
  }
}

function wholeNative(fd: number, directory: Uint8Array, listing: WholeListing): void {
  for (;;) {
    const n = nextRecords(fd, listing.target(), directory);
    if (n === 0) return;
    listing.taken(n, false);
  }
}

/**
 * Lists a directory, unsorted, without `.` and `..`.
 * @returns the directory's stamp, taken before the listing
 * @throws SOURCE_IO
 */
export function listDirectory(directory: Uint8Array, onEntry: OnEntry): DirectoryStamp {
  if (native !== undefined) {
    return withDirectory(native, directory, (fd) => listNative(fd, directory, onEntry));
  }
  const stamp = directoryStamp(directory);
  listPlain(directory, onEntry);
  return stamp;
}

/** `listDirectory` for those who can do with whole pieces; `.` and `..` are among native records. */
export function listWhole(directory: Uint8Array, listing: WholeListing): DirectoryStamp {
  if (native !== undefined) {
    return withDirectory(native, directory, (fd) => wholeNative(fd, directory, listing));
  }
  const stamp = directoryStamp(directory);
  wholePlain(directory, listing);
  return stamp;
}

/**
 * Names in a directory, as text: for the few directories whose names are known. Node's own listing would
 * set the directory's access time.
 * @throws SOURCE_IO
 */
export function listNames(directory: string): string[] {
  const names: string[] = [];
  const decoder = new TextDecoder();
  listDirectory(Buffer.from(directory), (buffer, start, end) => {
    names.push(decoder.decode(buffer.subarray(start, end)));
  });
  return names;
}

/** Is there a directory, and no link to one, where the listing did not tell? */
export function isRealDirectory(path: Uint8Array): boolean {
  try {
    return lstatSync(asPath(path)).isDirectory();
  } catch {
    return false;
  }
}
