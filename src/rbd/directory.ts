import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import { readNameText } from '../ceph/encoding.ts';
import { afterPrefix, type OmapEntry, parseId, tryValue } from './omap-values.ts';

/** A name and the id it stands for. */
export interface NamedId {
  name: Uint8Array;
  id: string;
}

/**
 * The omap of `rbd_directory` or `rbd_group_directory`: each image (or group) is listed twice, and
 * after damage the two lists may differ. An index only: the headers are what exists.
 */
export interface Directory {
  /** from `name_<name>` keys */
  byName: NamedId[];
  /** from `id_<id>` keys */
  byId: NamedId[];
  problems: string[];
}

export function parseDirectory(entries: Iterable<OmapEntry>): Directory {
  const directory: Directory = { byName: [], byId: [], problems: [] };
  for (const { key, value } of entries) {
    tryValue(directory.problems, key, () => {
      const name = afterPrefix(key, 'name_');
      if (name !== undefined) directory.byName.push({ name, id: parseId(value, 'image id') });
      const id = afterPrefix(key, 'id_');
      if (id === undefined) return;
      const reader = new ByteReader(value, 'image name');
      directory.byId.push({ name: reader.blob(), id: nameToText(id) });
    });
  }
  return directory;
}

/**
 * The *data* of `rbd_directory`: the names of images of format 1, or none when it is empty.
 * @throws CORRUPT
 */
export function parseDirectoryV1(data: Uint8Array): Uint8Array[] {
  if (data.length === 0) return [];
  const reader = new ByteReader(data, 'rbd_directory (format 1)');
  reader.blob(); // a header, empty in all releases
  return reader.list(8, (r) => {
    const name = r.blob();
    r.blob(); // a value, likewise
    return name;
  });
}

/**
 * The data of an object `rbd_id.<image name>`: the image's id.
 * @throws CORRUPT, also when the id is empty
 */
export function parseRbdId(data: Uint8Array): string {
  const reader = new ByteReader(data, 'rbd_id');
  const id = readNameText(reader);
  if (id === '') throw reader.fail('the image id is empty');
  return id;
}
