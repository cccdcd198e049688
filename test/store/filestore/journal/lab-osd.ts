import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { NOSNAP } from '../../../../src/ceph/encoding.ts';
import { NO_GENERATION, NO_SHARD } from '../../../../src/ceph/hobject.ts';
import { surveyJournal } from '../../../../src/store/filestore/journal/survey.ts';
import { formatFileName } from '../../../../src/store/filestore/object-filename.ts';
import type {
  ObjectId,
  ObjectRef,
  ObjectStoreReader,
  OsdLocation,
} from '../../../../src/store/object-store.ts';
import { openObjectStore } from '../../../../src/store/open-object-store.ts';
import { framed, u8, u32, u64 } from '../../../helpers/hex.ts';
import { setXattr } from '../../../helpers/xattrs.ts';
import { FSID, type JournalOptions, journal, type Name } from './journal-builder.ts';

export const COMMITTED = 100;

export const idOf = ({ name, pool = 2, hash = 0xb, snap = NOSNAP }: Name): ObjectId => ({
  ...{ pool, hash, snap, name: Buffer.from(name), shard: NO_SHARD },
  ...{ namespace: new Uint8Array(0), key: new Uint8Array(0) },
});

export const fileNameOf = (name: Name): Buffer =>
  formatFileName({ ...idOf(name), generation: NO_GENERATION });

export const refOf = (name: Name, directory = '2.b_head'): ObjectRef => ({
  ...{ id: idOf(name), directory: Buffer.from(directory), fileName: fileNameOf(name) },
});

/** A guard as FileStore writes it: what a file or directory is the outcome of. */
export const guard = (seq: number, transaction = 0, op = 0, inProgress?: boolean): Uint8Array => {
  const position = framed(1, 1, u64(seq), u32(transaction), u32(op));
  return inProgress === undefined ? position : Buffer.concat([position, u8(inProgress ? 1 : 0)]);
};

/** A small OSD: files that a test puts there, and a journal. */
export class LabOsd {
  readonly location: OsdLocation;

  constructor(directory: string) {
    const dataPath = path.join(directory, 'current');
    this.location = { kind: 'filestore', path: directory, dataPath };
    mkdirSync(path.join(dataPath, 'meta'), { recursive: true });
    mkdirSync(path.join(dataPath, '2.b_head'), { recursive: true });
    writeFileSync(path.join(directory, 'fsid'), `${FSID}\n`);
    writeFileSync(path.join(dataPath, 'commit_op_seq'), `${COMMITTED}\n`);
  }

  /** Puts an object's file there. */
  file(
    name: Name,
    data: Uint8Array | string,
    xattrs: Record<string, Uint8Array> = {},
    directory = '2.b_head',
  ): string {
    const file = path.join(this.location.dataPath, directory, fileNameOf(name).toString('latin1'));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, data);
    for (const [key, value] of Object.entries(xattrs)) setXattr(file, key, value);
    return file;
  }

  write(bytes: Uint8Array): void {
    writeFileSync(path.join(this.location.path, 'journal'), bytes);
  }

  /** Writes a journal of these entries, the first of them number `COMMITTED + 1`. */
  journal(payloads: readonly Uint8Array[], options: JournalOptions = {}) {
    const built = journal(payloads, options);
    this.write(built.bytes);
    return built;
  }

  survey() {
    return surveyJournal(this.location);
  }

  /** The store after a replay, as a scan has it. */
  reader(): ObjectStoreReader {
    return openObjectStore({ ...this.location, replay: this.survey().replay }, () => {});
  }

  /** An object's bytes after a replay; undefined when it does not exist. */
  bytes(name: Name, directory?: string): Buffer | undefined {
    const reader = this.reader();
    try {
      return contentOf(reader, refOf(name, directory));
    } finally {
      reader.close();
    }
  }

  text(name: Name, directory?: string): string | undefined {
    return this.bytes(name, directory)?.toString('latin1');
  }

  attr(name: Name, attr: string): string | undefined {
    const reader = this.reader();
    const object = reader.open(refOf(name));
    try {
      const value = object.attr(attr);
      return value && Buffer.from(value).toString('latin1');
    } finally {
      object.close();
      reader.close();
    }
  }
}

/** All bytes of an object; undefined when the store says ENOENT. */
export function contentOf(
  reader: Pick<ObjectStoreReader, 'open'>,
  ref: ObjectRef,
): Buffer | undefined {
  try {
    const object = reader.open(ref);
    // A damaged op may make an object of any size.
    const bytes = Buffer.alloc(Math.min(object.size, 1 << 20), 0xee);
    const n = object.read(bytes, 0);
    object.close();
    return bytes.subarray(0, n);
  } catch (error) {
    if ((error as { data?: { errno?: string } }).data?.errno === 'ENOENT') return undefined;
    throw error;
  }
}
