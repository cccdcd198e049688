import { binaryKeyBytes } from '../../../bytes/names.ts';
import { compareEversion, type Eversion } from '../../../ceph/encoding.ts';
import { decodeObjectInfo } from '../../../ceph/object-info.ts';
import { isSourceFault, sourceIoError } from '../../../errors/salvage-error.ts';
import type {
  JournalReplay,
  ObjectId,
  ObjectRef,
  ObjectStoreReader,
  OmapEntry,
  OpenObject,
  OsdLocation,
} from '../../object-store.ts';
import type { FileStoreReader } from '../filestore-reader.ts';
import type { BaseFile } from './base-files.ts';
import { OmapStates } from './omap-state.ts';
import type { ObjectLog } from './op-log.ts';
import { logOf, type Overlay, readOverlay } from './overlay.ts';
import { OverlayObject } from './overlay-object.ts';

/** A FileStore OSD as it is after its journal has been replayed. The journal is read on first use. */
export class OverlayReader implements ObjectStoreReader {
  readonly location: OsdLocation;
  readonly #base: FileStoreReader;
  readonly #replay: JournalReplay;
  #overlay: Overlay | undefined;
  #omaps: OmapStates | undefined;

  constructor(base: FileStoreReader, replay: JournalReplay) {
    this.location = base.location;
    this.#base = base;
    this.#replay = replay;
  }

  /** Without its journal the OSD is older than its catalog: then nothing of it may be read. */
  #opened(): Overlay {
    this.#overlay ??= readOverlay(this.location, this.#replay);
    return this.#overlay;
  }

  open(ref: ObjectRef): OpenObject {
    const overlay = this.#opened();
    const log = logOf(overlay, ref.directory, ref.id);
    return log === undefined ? this.#base.open(ref) : this.#openChanged(overlay, log, ref);
  }

  #openChanged(overlay: Overlay, log: ObjectLog, ref: ObjectRef): OpenObject {
    const { states, ring, commitTimeMs } = overlay;
    const state = states.current(log);
    const base = states.base(log);
    if (!state.changed && base !== undefined) return this.#base.open(ref);
    const path = `${this.location.dataPath}/${base === undefined ? `${log.collection.name}/${log.name}` : `${base.directory}/${base.fileName}`}`;
    if (!state.exists) {
      throw sourceIoError(`no ${path}: the journal removes it`, { path, errno: 'ENOENT' });
    }
    const object = new OverlayObject(state, {
      ...{ ring, path, mtimeMs: Math.max(base?.mtimeMs ?? 0, commitTimeMs) },
      openFile: (file) => this.#openFile(file, log),
      baseAttr: (name) => this.#baseAttr(overlay, state.attrBase, name),
    });
    return overlay.broken && base !== undefined ? this.#newer(object, base, log) : object;
  }

  #openFile({ directory, fileName }: BaseFile, { object }: ObjectLog): OpenObject {
    const names = { directory: binaryKeyBytes(directory), fileName: binaryKeyBytes(fileName) };
    return this.#base.open({ id: object, ...names });
  }

  #baseAttr(overlay: Overlay, log: ObjectLog | undefined, name: string): Uint8Array | undefined {
    const base = log && overlay.states.base(log);
    if (base === undefined) return undefined;
    const file = this.#openFile(base, log!);
    try {
      return file.attr(name);
    } finally {
      file.close();
    }
  }

  /**
   * Where the journal has lost its end, the file may be ahead of what is left of it.
   * @returns the newer one; the other is closed
   */
  #newer(replayed: OpenObject, base: BaseFile, log: ObjectLog): OpenObject {
    const file = this.#openFile(base, log);
    const [ours, theirs] = [versionOf(replayed), versionOf(file)];
    const fileIsNewer =
      theirs !== undefined && (ours === undefined || compareEversion(theirs, ours) > 0);
    (fileIsNewer ? replayed : file).close();
    return fileIsNewer ? file : replayed;
  }

  pgBits(directory: Uint8Array): number | undefined {
    const collection = Buffer.from(directory).toString('latin1').split('/', 1)[0]!;
    return this.#opened().collections.get(collection)?.bits ?? this.#base.pgBits(directory);
  }

  *omap(id: ObjectId): Iterable<OmapEntry> {
    const overlay = this.#opened();
    const log = existingLogOf(overlay, id);
    if (log === undefined) {
      yield* this.#base.omap(id);
      return;
    }
    this.#omaps ??= new OmapStates(overlay.states, overlay.ring, this.#base);
    yield* this.#omaps.entries(log);
  }

  get omapDamaged(): boolean {
    return this.#base.omapDamaged;
  }

  close(): void {
    this.#overlay?.ring.close();
    this.#overlay = undefined;
    this.#base.close();
  }
}

function versionOf(object: OpenObject): Eversion | undefined {
  try {
    const info = object.attr('_');
    return info && decodeObjectInfo(info).version;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** The database knows no collections: an object is in one, whatever splits have done to it. */
function existingLogOf(overlay: Overlay, id: ObjectId): ObjectLog | undefined {
  for (const { name } of overlay.collections.values()) {
    const log = logOf(overlay, Buffer.from(name, 'latin1'), id);
    if (log !== undefined && overlay.states.current(log).exists) return log;
  }
  return undefined;
}
