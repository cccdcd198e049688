import { createHash } from 'node:crypto';
import { isSourceFault, SalvageError } from '../../../errors/salvage-error.ts';
import { DT_DIR, DT_UNKNOWN, listDirectory } from '../../../io/dir-lister.ts';
import { FileSource, statOrUndefined } from '../../../io/file-source.ts';
import { fullName } from '../long-filename.ts';
import { decodeReplayGuard, type ReplayGuard } from './position.ts';

/** An object's file as the file system has it. Paths and names: one char per byte. */
export interface BaseFile {
  /** below the data path, collection first */
  directory: string;
  fileName: string;
  size: number;
  mtimeMs: number;
  guard: ReplayGuard | undefined;
}

/** What a collection's directory says of replays. */
export interface CollectionGuards {
  exists: boolean;
  /** of ops on the collection itself */
  own: ReplayGuard | undefined;
  /** of all ops on objects in it */
  objects: ReplayGuard | undefined;
}

const GUARD = 'user.cephos.seq';
const OBJECTS_GUARD = 'user.cephos.gseq';
const HASH_DIGITS = 8;
/** Shortened names that share prefix and SHA-1 are numbered. */
const MAX_COLLISIONS = 16;
const NAME_LIMIT = 255;

const bytesOf = (path: string): Buffer => Buffer.from(path, 'latin1');

/** Finds objects' files where FileStore would look for them. */
export class BaseFiles {
  readonly #dataPath: string;
  readonly #directories = new Map<string, boolean>();

  constructor(dataPath: string) {
    this.#dataPath = dataPath;
  }

  #absolute(relative: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.#dataPath}/`), bytesOf(relative)]);
  }

  /** @throws SOURCE_IO other than that there is none */
  #open(relative: string): FileSource | undefined {
    try {
      return new FileSource(this.#absolute(relative));
    } catch (error) {
      const errno = error instanceof SalvageError ? error.data.errno : undefined;
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  #isDirectory(relative: string): boolean {
    let known = this.#directories.get(relative);
    if (known === undefined) {
      known = statOrUndefined(this.#absolute(relative).toString())?.isDirectory() ?? false;
      this.#directories.set(relative, known);
    }
    return known;
  }

  /** The index directories on a hash's way, deepest first: hex digits, least significant first. */
  #directoriesOf(collection: string, hash: number): string[] {
    const digits = hash.toString(16).toUpperCase().padStart(HASH_DIGITS, '0');
    const found = [collection];
    for (let i = HASH_DIGITS - 1; i >= 0; i--) {
      const below = `${found[0]}/DIR_${digits[i]}`;
      if (!this.#isDirectory(below)) break;
      found.unshift(below);
    }
    return found;
  }

  /**
   * The file of an object.
   * @param name its full file name
   * @throws SOURCE_IO when it cannot be told
   */
  find(collection: string, name: string, hash: number): BaseFile | undefined {
    // While a directory is split an object may still be one level up.
    for (const directory of this.#directoriesOf(collection, hash)) {
      const found =
        name.length < NAME_LIMIT ? this.#try(directory, name) : this.#tryLong(directory, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #try(directory: string, fileName: string, belongs?: (file: FileSource) => boolean) {
    const file = this.#open(`${directory}/${fileName}`);
    if (file === undefined) return undefined;
    try {
      if (belongs !== undefined && !belongs(file)) return undefined;
      const { size } = file;
      return { directory, fileName, size, mtimeMs: file.stat.mtimeMs, guard: guardOf(file, GUARD) };
    } finally {
      file.close();
    }
  }

  #tryLong(directory: string, name: string): BaseFile | undefined {
    for (let i = 0; i < MAX_COLLISIONS; i++) {
      const short = shortName(name, i);
      const isIt = (file: FileSource): boolean => {
        const full = fullName(bytesOf(short), (xattr) => file.xattr(xattr), file.stat.nlink);
        return full !== undefined && Buffer.compare(full, bytesOf(name)) === 0;
      };
      const found = this.#try(directory, short, isIt);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Of a directory that cannot be read nothing is known but that it is there. */
  guards(collection: string): CollectionGuards {
    const none = { own: undefined, objects: undefined };
    let directory: FileSource | undefined;
    try {
      directory = this.#open(collection);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      return { exists: true, ...none };
    }
    if (directory === undefined) return { exists: false, ...none };
    try {
      const own = guardOf(directory, GUARD);
      return { exists: true, own, objects: guardOf(directory, OBJECTS_GUARD) };
    } finally {
      directory.close();
    }
  }

  /** Full names of all objects' files of a collection; unreadable directories are passed over. */
  list(collection: string): string[] {
    const found: string[] = [];
    const waiting = [collection];
    for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
      this.#listOne(directory, found, waiting);
    }
    return found;
  }

  #listOne(directory: string, found: string[], waiting: string[]): void {
    try {
      listDirectory(this.#absolute(directory), (buffer, start, end, type) => {
        const name = Buffer.from(buffer.subarray(start, end)).toString('latin1');
        const below = type === DT_DIR || (type === DT_UNKNOWN && name.startsWith('DIR_'));
        if (!below) found.push(this.#fullNameOf(directory, name));
        else if (waiting.length < MAX_WAITING) waiting.push(`${directory}/${name}`);
      });
    } catch (error) {
      if (!isSourceFault(error)) throw error;
    }
  }

  #fullNameOf(directory: string, name: string): string {
    if (name.length < NAME_LIMIT) return name;
    const file = this.#open(`${directory}/${name}`);
    if (file === undefined) return name;
    try {
      const full = fullName(bytesOf(name), (xattr) => file.xattr(xattr), file.stat.nlink);
      return full === undefined ? name : Buffer.from(full).toString('latin1');
    } finally {
      file.close();
    }
  }
}

/** Directories on the way at once: a hash's tree branches sixteenfold. */
const MAX_WAITING = 1 << 16;

/** A guard that makes no sense counts as none: what it guards is then done once more. */
function guardOf(file: FileSource, xattr: string): ReplayGuard | undefined {
  try {
    const value = file.xattr(xattr);
    return value === undefined ? undefined : decodeReplayGuard(value);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** The shortened name of a long one: docs/formats/filestore.md, "Long names". */
export function shortName(name: string, index: number): string {
  const sha1 = createHash('sha1').update(bytesOf(name)).digest('hex').slice(0, 20);
  const suffix = `_${sha1}_${index}_long`;
  return name.slice(0, NAME_LIMIT - suffix.length) + suffix;
}
