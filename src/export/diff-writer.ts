import type { OrderedWriter } from '../io/stream-writer.ts';
import {
  DIFF_V1_BANNER,
  DIFF_V2_BANNER,
  type DiffVersion,
  dataRecord,
  endRecord,
  fromSnapshotRecord,
  protectionRecord,
  sizeRecord,
  toSnapshotRecord,
  zeroRecord,
} from '../rbd/diff-stream.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import type { DiffRun } from './block-runs.ts';

/** What one diff leads from and to. */
export interface DiffEnds {
  /** undefined: from an empty image */
  from: Snapshot | undefined;
  /** undefined: to the head */
  to: Snapshot | undefined;
  /** bytes of the image at the end */
  size: number;
}

/** Records are small: gathered up to this they cost one write. */
const GATHERED = 1 << 20;
/** Data from this on is written as it lies. */
const LARGE = 256 << 10;

/** Writes records and data in order, few bytes together and many by themselves. */
export class RecordWriter {
  bytes = 0;
  readonly #writer: OrderedWriter;
  #pending: Uint8Array[] = [];
  #length = 0;

  constructor(writer: OrderedWriter) {
    this.#writer = writer;
  }

  /** `bytes` must not change until the next `flush`. */
  async write(bytes: Uint8Array): Promise<void> {
    this.bytes += bytes.length;
    if (bytes.length >= LARGE) {
      await this.flush();
      await this.#writer.write(bytes);
      return;
    }
    this.#pending.push(bytes);
    this.#length += bytes.length;
    if (this.#length >= GATHERED) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#length = 0;
    await this.#writer.write(bytes);
  }
}

function headOf(version: DiffVersion, { from, to, size }: DiffEnds): Uint8Array {
  return Buffer.concat([
    version === 1 ? DIFF_V1_BANNER : DIFF_V2_BANNER,
    ...(from === undefined ? [] : [fromSnapshotRecord(version, from.name)]),
    ...(to === undefined ? [] : [toSnapshotRecord(version, to.name)]),
    ...(to === undefined || version === 1 ? [] : [protectionRecord(to.protection === 'protected')]),
    sizeRecord(version, size),
  ]);
}

/** Writes one diff: banner, ends, what changed, end. `docs/formats/rbd.md`, "Export formats". */
export async function writeDiff(
  version: DiffVersion,
  ends: DiffEnds,
  changes: AsyncIterable<readonly DiffRun[]>,
  writer: RecordWriter,
): Promise<void> {
  await writer.write(headOf(version, ends));
  for await (const runs of changes) {
    for (const { offset, length, data } of runs) {
      if (data === undefined) await writer.write(zeroRecord(version, offset, length));
      else {
        await writer.write(dataRecord(version, offset, length));
        await writer.write(data);
      }
    }
    await writer.flush();
  }
  await writer.write(endRecord());
  await writer.flush();
}
