import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import { type Utime, utime, versioned } from '../ceph/encoding.ts';
import { afterPrefix, type OmapEntry, tryValue } from './omap-values.ts';

export type TrashSource =
  | 'user'
  | 'mirroring'
  | 'migration'
  | 'removing'
  | 'user parent'
  | 'unknown';

const SOURCES: readonly TrashSource[] = [
  'user',
  'mirroring',
  'migration',
  'removing',
  'user parent',
];

/** An image in the trash: header, data and snapshots are all still there under its id. */
export interface TrashedImage {
  id: string;
  /** what it was called */
  name: Uint8Array;
  /** who put it there; `migration` = it is the source of one */
  source: TrashSource;
  deletedAt: Utime;
  /** the earliest time at which it may be purged */
  defermentEnd: Utime;
  /** 0 = normal, others = being moved, removed or restored */
  state: number;
}

export interface Trash {
  images: TrashedImage[];
  problems: string[];
}

/** The value of one `id_<id>` key (`docs/formats/rbd.md`, "Trash"). */
export function parseTrashRecord(id: string, value: Uint8Array): TrashedImage {
  return versioned(new ByteReader(value, 'rbd trash record'), 'rbd trash record', 1, (r, v) => ({
    id,
    source: SOURCES[r.u8()] ?? 'unknown',
    name: r.blob(),
    deletedAt: utime(r),
    defermentEnd: utime(r),
    state: v >= 2 ? r.u8() : 0,
  }));
}

/** The omap of `rbd_trash`. */
export function parseTrash(entries: Iterable<OmapEntry>): Trash {
  const trash: Trash = { images: [], problems: [] };
  for (const { key, value } of entries) {
    const id = afterPrefix(key, 'id_');
    if (id === undefined) continue;
    tryValue(trash.problems, key, () => {
      trash.images.push(parseTrashRecord(nameToText(id), value));
    });
  }
  return trash;
}
