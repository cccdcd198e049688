import { ByteReader } from '../../bytes/byte-reader.ts';
import { cephCrc32c } from '../../bytes/crc32c.ts';
import { uuid } from '../../ceph/encoding.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { corruptError, errorText, isSourceFault } from '../../errors/salvage-error.ts';
import { type BlueFsDevices, BlueFsFile } from './bluefs-file.ts';
import { type BlueFsOp, decodeBlueFsOps } from './bluefs-ops.ts';
import {
  allocatedBytes,
  type BlueFsExtent,
  type FileNode,
  type FoundLog,
  type NodeDelta,
} from './bluefs-superblock.ts';

/** Replays BlueFS's log: docs/formats/bluestore.md, "The log". */

/** The log's own file. */
const LOG_INO = 1;
/** versioned head, uuid, sequence, length of the operations */
const HEAD_BYTES = 6 + 16 + 8 + 4;
/** The log is read in pieces of this size: it may have a million transactions of one block. */
const WINDOW_BYTES = 1 << 20;
/** Behind damage the log is searched so far: several times what it grows by at once. */
const LOOK_AHEAD = 16 << 20;
/** A dying disk takes seconds over each read that fails. */
const MAX_FAILURES = 8;

/** What the log says the file system holds. */
export interface BlueFsState {
  /** by inode number */
  nodes: Map<number, FileNode>;
  /** directory -> file name -> inode number; one char per byte */
  directories: Map<string, Map<string, number>>;
  /** of the last transaction replayed */
  sequence: number;
}

/** A transaction as it stands in the log. */
interface Transaction {
  /** where in the log */
  at: number;
  sequence: number;
  ops: Uint8Array;
  /** bytes, head and checksum included */
  length: number;
}

/** Keeps the first `offset` allocated bytes. */
function cutExtents(extents: readonly BlueFsExtent[], offset: number): BlueFsExtent[] {
  const kept: BlueFsExtent[] = [];
  let left = offset;
  for (const extent of extents) {
    if (left <= 0) break;
    kept.push({ ...extent, length: Math.min(extent.length, left) });
    left -= extent.length;
  }
  return kept;
}

/** The node after an incremental update. */
export function applyDelta(node: FileNode | undefined, delta: NodeDelta): FileNode {
  const { ino, size, encoding, offset } = delta;
  const extents = [...cutExtents(node?.extents ?? [], offset), ...delta.extents];
  return { ino, size, encoding, extents };
}

class LogReplay {
  readonly state: BlueFsState;
  readonly #path: string;
  readonly #devices: BlueFsDevices;
  readonly #superblock: FoundLog;
  readonly #report: DamageReporter;
  #log: BlueFsFile;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;
  /** up to here large reads have failed */
  #badUntil = 0;

  constructor(path: string, devices: BlueFsDevices, superblock: FoundLog, report: DamageReporter) {
    this.#path = path;
    this.#devices = devices;
    this.#superblock = superblock;
    this.#report = report;
    const { log } = superblock;
    this.state = { nodes: new Map([[LOG_INO, log]]), directories: new Map(), sequence: 0 };
    this.#log = this.#open(log);
  }

  /** Its size is meaningless: all that is allocated may hold transactions. */
  #open(node: FileNode): BlueFsFile {
    const size = allocatedBytes(node.extents);
    return new BlueFsFile(`${this.#path}:log`, this.#devices, node.extents, size);
  }

  run(): BlueFsState {
    const { blockSize } = this.#superblock;
    let pos = 0;
    try {
      while (pos < this.#log.size) {
        const transaction = this.#nextFrom(pos);
        if (transaction === undefined) break;
        const { at, sequence, ops, length } = transaction;
        const next = at + Math.ceil(length / blockSize) * blockSize;
        this.state.sequence = sequence;
        pos = this.#apply(decodeBlueFsOps(ops, at + HEAD_BYTES), next);
      }
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      this.#damaged(pos, `BlueFS log ends early: ${errorText(error)}`);
    }
    return this.state;
  }

  /** The transaction at a position, or behind damage there; undefined where the log ends. */
  #nextFrom(pos: number): Transaction | undefined {
    let failure: unknown;
    try {
      const transaction = this.#transactionAt(pos);
      if (transaction !== undefined) return transaction;
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      failure = error;
    }
    const later = this.#findLater(pos);
    if (later === undefined) {
      if (failure !== undefined) throw failure;
      return undefined;
    }
    const from = this.state.sequence + 1;
    const to = later.sequence - 1;
    const lost = from === to ? `transaction ${from} is` : `transactions ${from} to ${to} are`;
    const why = failure === undefined ? '' : ` (${errorText(failure)})`;
    const reason = `BlueFS log: ${lost} damaged${why}; the log goes on behind that`;
    this.#damaged(pos, reason, later.at - pos);
    return later;
  }

  /**
   * The next transaction behind one that cannot be read. What earlier laps of the log have left has
   * smaller sequence numbers.
   */
  #findLater(pos: number): Transaction | undefined {
    const { blockSize, searched } = this.#superblock;
    // Where the log's space ends nobody knows: what stands there may belong to another.
    if (searched !== undefined) return undefined;
    const end = Math.min(this.#log.size, pos + LOOK_AHEAD);
    let failures = 0;
    for (let at = pos + blockSize; at < end && failures < MAX_FAILURES; at += blockSize) {
      try {
        const head = this.#headAt(at);
        if (head === undefined || head.sequence <= this.state.sequence + 1) continue;
        const transaction = this.#load(at, head);
        if (transaction !== undefined) return transaction;
      } catch (error) {
        if (!isSourceFault(error)) throw error;
        failures++;
      }
    }
    return undefined;
  }

  #damaged(offset: number, reason: string, dropped?: number): void {
    this.#report({
      path: this.#log.path,
      offset,
      reason,
      ...(dropped === undefined ? {} : { dropped }),
    });
  }

  /** The transaction that must come next, if it is at a position; what is wrong is reported. */
  #transactionAt(pos: number): Transaction | undefined {
    const head = this.#headAt(pos);
    // Something else, or what an earlier lap of the log left here: how a log ends.
    if (head === undefined || head.sequence !== this.state.sequence + 1) return undefined;
    const { sequence, length } = head;
    if (pos + length > this.#log.size) {
      this.#damaged(pos, 'BlueFS log ends in a transaction that is cut short', length);
      return undefined;
    }
    const transaction = this.#load(pos, head);
    if (transaction !== undefined) return transaction;
    // Ceph takes the first for a torn tail, and will not mount over the second.
    const what =
      length > this.#superblock.blockSize ? 'a torn transaction' : 'a damaged transaction';
    this.#damaged(pos, `BlueFS log has ${what} (sequence ${sequence}): it is left out`, length);
    return undefined;
  }

  #headAt(pos: number): { sequence: number; length: number } | undefined {
    const { fsid, blockSize } = this.#superblock;
    const head = new ByteReader(this.#bytes(pos, blockSize), 'bluefs_transaction_t', pos);
    if (head.remaining < HEAD_BYTES || head.u8() !== 1 || head.u8() !== 1) return undefined;
    const length = 6 + head.u32();
    if (uuid(head) !== fsid) return undefined;
    return { sequence: head.size(), length };
  }

  /** undefined when it fails its checksum */
  #load(at: number, { sequence, length }: { sequence: number; length: number }) {
    const reader = new ByteReader(this.#bytes(at, length), 'bluefs_transaction_t', at);
    reader.seek(HEAD_BYTES - 4);
    const ops = reader.blob();
    const valid = cephCrc32c(0xffffffff, ops) === reader.u32();
    return valid ? { at, sequence, ops, length } : undefined;
  }

  #bytes(pos: number, length: number): Uint8Array {
    if (pos < this.#windowAt || pos + length > this.#windowAt + this.#window.length) {
      const wanted = pos < this.#badUntil ? length : Math.max(length, WINDOW_BYTES);
      const room = Math.min(wanted, this.#log.size - pos);
      const window = new Uint8Array(room);
      try {
        this.#window = window.subarray(0, this.#log.read(window, pos));
      } catch (error) {
        // Something in the window cannot be read: not necessarily what is wanted now.
        if (!isSourceFault(error)) throw error;
        this.#badUntil = pos + room;
        const exact = new Uint8Array(Math.min(length, room));
        this.#log.read(exact, pos);
        this.#window = exact;
      }
      this.#windowAt = pos;
    }
    return this.#window.subarray(pos - this.#windowAt, pos - this.#windowAt + length);
  }

  /** @returns where the next transaction stands */
  #apply(ops: readonly BlueFsOp[], next: number): number {
    let pos = next;
    for (const op of ops) {
      if (op.kind === 'jump') {
        const { sequence, offset = pos } = op;
        // Ceph only ever jumps ahead; going back could go on for ever.
        if (sequence < this.state.sequence || offset < pos) {
          throw corruptError(`jump back to sequence ${sequence} at 0x${offset.toString(16)}`);
        }
        this.state.sequence = sequence;
        pos = offset;
      } else this.#applyToState(op);
    }
    return pos;
  }

  #applyToState(op: Exclude<BlueFsOp, { kind: 'jump' }>): void {
    const { nodes, directories } = this.state;
    switch (op.kind) {
      case 'link':
        this.#directory(op.directory).set(op.name, op.ino);
        break;
      case 'unlink':
        directories.get(op.directory)?.delete(op.name);
        break;
      case 'mkdir':
        this.#directory(op.directory);
        break;
      case 'rmdir':
        directories.delete(op.directory);
        break;
      case 'remove':
        nodes.delete(op.ino);
        break;
      case 'update':
        this.#setNode(op.node);
        break;
      case 'delta':
        this.#setNode(applyDelta(nodes.get(op.delta.ino), op.delta));
        break;
    }
  }

  #directory(name: string): Map<string, number> {
    let directory = this.state.directories.get(name);
    if (directory === undefined) {
      directory = new Map();
      this.state.directories.set(name, directory);
    }
    return directory;
  }

  #setNode(node: FileNode): void {
    this.state.nodes.set(node.ino, node);
    if (node.ino !== LOG_INO) return;
    // The log grows while it is read.
    this.#log = this.#open(node);
    this.#window = new Uint8Array(0);
  }
}

/**
 * Replays the log from its beginning to where Ceph would end it. What ends it early is reported;
 * what was replayed before counts.
 */
export function replayBlueFsLog(
  path: string,
  devices: BlueFsDevices,
  superblock: FoundLog,
  report: DamageReporter,
): BlueFsState {
  return new LogReplay(path, devices, superblock, report).run();
}
