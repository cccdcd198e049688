import { sourceIoError } from '../../errors/salvage-error.ts';
import { FileSource } from '../../io/file-source.ts';
import { readChained } from '../filestore/xattr-chain.ts';
import type {
  ObjectRef,
  ObjectStoreReader,
  OmapEntry,
  OpenObject,
  OsdLocation,
} from '../object-store.ts';
import { type Spelling, spelledFileName } from './loose-names.ts';

const SLASH = 0x2f;

/** Object files that someone copied: bytes, sizes and times, with luck xattrs, and nothing else. */
export class LooseReader implements ObjectStoreReader {
  readonly location: OsdLocation;
  readonly omapDamaged = false;

  constructor(location: OsdLocation) {
    this.location = location;
  }

  open({ id, directory, fileName }: ObjectRef): OpenObject {
    const slash = directory.indexOf(SLASH);
    const unit = slash < 0 ? directory : directory.subarray(0, slash);
    const below = slash < 0 ? new Uint8Array(0) : directory.subarray(slash);
    const spelling = Buffer.from(unit).toString('latin1').split('-')[0] as Spelling;
    const name = spelledFileName(spelling, fileName, id.name);
    const { dataPath } = this.location;
    return new LooseObject(
      new FileSource(Buffer.concat([Buffer.from(dataPath), below, Buffer.from('/'), name])),
    );
  }

  pgBits(): number | undefined {
    return undefined;
  }

  /** @throws SOURCE_IO: an empty answer would pass for an object without omap */
  omap(): Iterable<OmapEntry> {
    throw sourceIoError('loose files have no omap', { path: this.location.dataPath });
  }

  close(): void {}
}

class LooseObject implements OpenObject {
  readonly #file: FileSource;

  constructor(file: FileSource) {
    this.#file = file;
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
    return readChained(name, (xattr) => this.#file.xattr(xattr));
  }
  read(target: Uint8Array, position: number): number {
    return this.#file.read(target, position);
  }
  nextData(from: number, to: number): [start: number, end: number] | undefined {
    return this.#file.nextData(from, to);
  }
  close(): void {
    this.#file.close();
  }
}
