/**
 * What the rest of the program knows of the operating system. Implementations live in `src/io` and
 * are handed in by `cli` and `workers`. Sources have no write method, so read-only is a type.
 *
 * Everything a worker uses is synchronous: a thread that waits for one disk has nothing else to do,
 * and promises were measured to buy nothing there.
 */

/** Random-access bytes that are only ever read: a file, or a file inside BlueFS. */
export interface ByteSource {
  /** for messages */
  readonly path: string;
  /** bytes; a read past it is short, a read before it never is */
  readonly size: number;
  /**
   * Fills `target` from `position` on. Returns the bytes read: fewer than `target.length` only where
   * the source ends.
   * @throws SOURCE_IO with errno and the offset of the first byte that could not be read
   */
  read(target: Uint8Array, position: number): number;
  close(): void;
}

/** A flat directory of files, as a key/value database lives in. Names are plain file names. */
export interface SourceDirectory {
  /** for messages */
  readonly path: string;
  /** file names, unordered */
  list(): string[];
  /** @throws SOURCE_IO (errno ENOENT when there is no such file) */
  open(name: string): ByteSource;
}

/** Where a catalog is kept: one growing file, or memory for a scan on the spot. */
export interface CatalogStorage {
  /** for messages */
  readonly path: string;
  size(): number;
  /** @throws SOURCE_IO when the bytes are not there */
  read(position: number, length: number): Uint8Array;
  append(bytes: Uint8Array): void;
  /** drops everything from `size` on */
  truncate(size: number): void;
  /** returns once everything appended is durable */
  sync(): void;
  close(): void;
}

/** Runs tasks on worker threads. The name is an export of `workers/worker.ts`. */
export interface TaskRunner {
  /** threads that it may have beside those that it has from the beginning; undefined: none */
  readonly spare?: number;
  /** @throws what the task threw, as the `SalvageError` it was */
  run<Value>(name: string, task: unknown, transfer?: readonly object[]): Promise<Value>;
  /** what turned out damaged in the stores that tasks read objects of: the first of it, in words */
  readonly damage: ReadonlySet<string>;
  close(): Promise<void>;
}

/** A device as a place to read from. */
export interface DeviceLane {
  device: string;
  /** how many readers it takes gladly */
  readers: number;
  /** how many once it turns out to be faster than a disk with an arm can be; undefined: no more */
  most?: number;
  /** a disk with an arm: it only stands still while nobody reads */
  spins?: boolean;
}

/** How much of which device may be in use at once. */
export interface DeviceLanes {
  /** the device under a path */
  of(path: string): DeviceLane;
}

/** Where work in progress is told; all calls are cheap and may be many. */
export interface Progress {
  /** @param total of `unit`; undefined when it is not known beforehand */
  begin(phase: string, unit: 'objects' | 'bytes', total: number | undefined): void;
  /** @param osd the OSD that gave it, where that is one */
  advance(amount: number, osd?: string): void;
  end(): void;
}
