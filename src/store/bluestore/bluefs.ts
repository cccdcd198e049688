import type { DamageReporter } from '../../errors/damage.ts';
import { corruptError, sourceIoError } from '../../errors/salvage-error.ts';
import type { ByteSource } from '../../io/ports.ts';
import { unwrapEnvelopes } from './bluefs-envelope.ts';
import { type BlueFsDevices, BlueFsFile } from './bluefs-file.ts';
import { type BlueFsState, replayBlueFsLog } from './bluefs-log.ts';
import {
  allocatedBytes,
  BLUEFS_DEVICE,
  type BlueFsSuperblock,
  decodeBlueFsSuperblock,
  type FoundLog,
  NODE_ENCODING,
  SUPERBLOCK_AT,
  SUPERBLOCK_BYTES,
} from './bluefs-superblock.ts';

/** The devices of an OSD, open; see `OsdDevices` for what is missing. */
export interface OpenDevices {
  main: ByteSource | undefined;
  db: ByteSource | undefined;
  wal: ByteSource | undefined;
}

/** Reads the superblock from the device that would have it. @throws SOURCE_IO, CORRUPT */
export function readBlueFsSuperblock(device: ByteSource): BlueFsSuperblock {
  const bytes = new Uint8Array(SUPERBLOCK_BYTES);
  const found = device.read(bytes, SUPERBLOCK_AT);
  return decodeBlueFsSuperblock(bytes.subarray(0, found));
}

/** The devices by BlueFS's ids. */
export function blueFsDevices({ main, db, wal }: OpenDevices): BlueFsDevices {
  const devices: (ByteSource | undefined)[] = [];
  devices[BLUEFS_DEVICE.wal] = wal;
  devices[BLUEFS_DEVICE.db] = db ?? main;
  devices[BLUEFS_DEVICE.slow] = db === undefined ? undefined : main;
  return devices;
}

function reportSearched(path: string, { searched }: FoundLog, report: DamageReporter): void {
  const harmless = searched?.newest === true;
  const found = 'BlueFS superblock is destroyed: its log was found by searching';
  const doubt = ', and what it says may be older than what the OSD last knew';
  report({ path, offset: SUPERBLOCK_AT, harmless, reason: harmless ? found : found + doubt });
}

/** The file system that RocksDB's files lie in, as its log leaves it. */
export class BlueFs {
  /** for messages */
  readonly path: string;
  /** raised each time that the log is compacted; 0 where the superblock is lost */
  readonly compactions: number;
  readonly #state: BlueFsState;
  readonly #devices: BlueFsDevices;
  readonly #report: DamageReporter;

  /**
   * Reads superblock and log; what ends the log early goes to `report`.
   * @param found the log, where a search had to find it
   * @throws SOURCE_IO, CORRUPT when there is no superblock
   */
  constructor(open: OpenDevices, report: DamageReporter, found?: FoundLog) {
    const host = open.db ?? open.main;
    if (host === undefined)
      throw sourceIoError('neither block nor block.db', { path: open.wal?.path ?? '' });
    this.path = host.path;
    this.#report = report;
    this.#devices = blueFsDevices(open);
    if (found === undefined) {
      const superblock = readBlueFsSuperblock(host);
      this.compactions = superblock.sequence;
      if (!superblock.intact) {
        const reason = 'BlueFS superblock fails its checksum; used all the same';
        report({ path: host.path, offset: SUPERBLOCK_AT, reason });
      }
      this.#state = replayBlueFsLog(this.path, this.#devices, superblock, report);
      return;
    }
    this.compactions = 0;
    reportSearched(host.path, found, report);
    this.#state = replayBlueFsLog(this.path, this.#devices, found, report);
  }

  /** Of the last transaction of the log: grows with every change. */
  get sequence(): number {
    return this.#state.sequence;
  }

  get directories(): string[] {
    return [...this.#state.directories.keys()];
  }

  /** Names of the files in a directory, one char per byte. */
  list(directory: string): string[] {
    return [...(this.#state.directories.get(directory)?.keys() ?? [])];
  }

  /** @throws SOURCE_IO; errno ENOENT when there is no such file */
  open(directory: string, name: string): ByteSource {
    const path = `${this.path}:${directory}/${name}`;
    const ino = this.#state.directories.get(directory)?.get(name);
    if (ino === undefined) throw sourceIoError(`no file ${path}`, { path, errno: 'ENOENT' });
    const node = this.#state.nodes.get(ino);
    if (node === undefined) throw corruptError(`${path}: inode ${ino} is lost`, { path });
    const allocated = allocatedBytes(node.extents);
    if (node.encoding !== NODE_ENCODING.plain) {
      const whole = new BlueFsFile(path, this.#devices, node.extents, allocated);
      return unwrapEnvelopes(whole, node);
    }
    if (node.size > allocated) {
      const dropped = node.size - allocated;
      this.#report({ path, dropped, reason: 'file is longer than what is allocated for it' });
    }
    return new BlueFsFile(path, this.#devices, node.extents, node.size);
  }
}
