import path from 'node:path';
import { ByteReader } from '../../bytes/byte-reader.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { SalvageError, sourceIoError } from '../../errors/salvage-error.ts';
import { FileSource, shortXattr, sourceDirectory } from '../../io/file-source.ts';
import { type KvStore, openKvStore } from '../../kv/kv-store.ts';
import type {
  ObjectId,
  ObjectRef,
  ObjectStoreReader,
  OmapEntry,
  OpenObject,
  OsdLocation,
} from '../object-store.ts';
import { DbObjectMap } from './db-object-map.ts';
import type { Position } from './journal/position.ts';
import { readChained } from './xattr-chain.ts';

/** "0": no attribute was spilled into omap. Missing or "1": look there too. */
const SPILL_OUT = 'user.cephos.spill_out';
const NOTHING_SPILLED = 0x30;

/** u32: hash bits of a PG, on its collection's directory */
const BITS = 'user.ceph.bits';
const BITS_LIMIT = 256;

/** A FileStore OSD, read in place. Its database is opened when first needed. */
export class FileStoreReader implements ObjectStoreReader {
  readonly location: OsdLocation;
  readonly #report: DamageReporter;
  #kv: KvStore | undefined;
  #omap: DbObjectMap | undefined;
  #omapError: SalvageError | undefined;
  omapDamaged = false;

  constructor(location: OsdLocation, report: DamageReporter) {
    this.location = location;
    this.#report = report;
  }

  open(ref: ObjectRef): OpenObject {
    const file = Buffer.concat([
      Buffer.from(`${this.location.dataPath}/`),
      ref.directory,
      Buffer.from('/'),
      ref.fileName,
    ]);
    return new FileStoreObject(new FileSource(file), (name) => this.#spilledAttr(ref.id, name));
  }

  pgBits(directory: Uint8Array): number | undefined {
    const collection = Buffer.from(directory).toString('latin1').split('/')[0]!;
    const value = shortXattr(`${this.location.dataPath}/${collection}`, BITS, BITS_LIMIT);
    return value?.length === 4 ? new ByteReader(value, 'collection bits').u32() : undefined;
  }

  *omap(id: ObjectId): Iterable<OmapEntry> {
    const map = this.#openOmap();
    // An empty answer would pass for an object without omap.
    if (map === undefined) throw this.#omapError!;
    const header = map.header(id);
    if (header !== undefined) yield* map.entries(header);
  }

  /** The journal's last op that is in an object's omap; undefined where nothing tells. */
  omapPosition(id: ObjectId): Position | undefined {
    const position = this.#openOmap()?.position(id);
    return position && { ...position, seq: Number(position.seq) };
  }

  #spilledAttr(id: ObjectId, name: string): Uint8Array | undefined {
    const map = this.#openOmap();
    const header = map?.header(id);
    return header === undefined ? undefined : map!.spilledAttr(header, name);
  }

  readonly #onOmapDamage: DamageReporter = (damage) => {
    if (!damage.harmless) this.omapDamaged = true;
    this.#report(damage);
  };

  #openOmap(): DbObjectMap | undefined {
    if (this.#omap !== undefined || this.#omapError !== undefined) return this.#omap;
    const { dataPath, omap } = this.location;
    const directory = omap ?? path.join(dataPath, 'omap');
    try {
      this.#kv = openKvStore(sourceDirectory(directory), this.#onOmapDamage);
      this.#omap = new DbObjectMap(this.#kv, directory, this.#onOmapDamage);
    } catch (error) {
      // An emptied directory is NOT_FOUND to the database, to us it is one more damaged source.
      if (!(error instanceof SalvageError)) throw error;
      this.#omapError = sourceIoError(`omap database: ${error.text}`, { path: directory });
      this.#onOmapDamage({ path: directory, reason: this.#omapError.message });
    }
    return this.#omap;
  }

  close(): void {
    this.#kv?.close();
  }
}

class FileStoreObject implements OpenObject {
  readonly #file: FileSource;
  readonly #spilled: (name: string) => Uint8Array | undefined;

  constructor(file: FileSource, spilled: (name: string) => Uint8Array | undefined) {
    this.#file = file;
    this.#spilled = spilled;
  }

  get path(): string {
    return this.#file.path;
  }
  get size(): number {
    return this.#file.size;
  }
  get mtimeMs(): number {
    return this.#file.stat.mtimeMs;
  }

  attr(name: string): Uint8Array | undefined {
    const get = (xattr: string) => this.#file.xattr(xattr);
    const inline = readChained(name, get);
    if (inline !== undefined) return inline;
    return get(SPILL_OUT)?.[0] === NOTHING_SPILLED ? undefined : this.#spilled(name);
  }

  read(target: Uint8Array, position: number): number {
    return this.#file.read(target, position);
  }
  nextData(from: number, to: number): [start: number, end: number] | undefined {
    return this.#file.nextData(from, to);
  }
  leaveCache(): void {
    this.#file.leaveCache();
  }
  readAhead(): void {
    this.#file.readAhead();
  }
  close(): void {
    this.#file.close();
  }
}
