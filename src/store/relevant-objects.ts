import { META_POOL } from '../ceph/hobject.ts';
import type { ObjectId } from './object-store.ts';

/**
 * Which objects, besides data objects, a recovery needs whole: RBD's metadata, image journals, PG
 * metadata, the OSD's superblock and its maps. Everything else is only counted.
 */

const PREFIXES = ['rbd_', 'journal.', 'journal_data.'];
const FORMAT1_HEADER = '.rbd';
/** format 1 data objects whose names are not canonical (a locator key, say) */
const FORMAT1_DATA = /^rb\.\d+\.[0-9a-f]+\.[0-9a-f]+\.[0-9a-f]{12}$/;

const isMetaObject = (name: string): boolean =>
  name === 'osd_superblock' || name.startsWith('osdmap.');

export function isRelevant(id: ObjectId): boolean {
  const name = Buffer.from(id.name).toString('latin1');
  if (id.pool === META_POOL) return isMetaObject(name);
  if (id.pool < 0) return false;
  return (
    name === '' ||
    name.endsWith(FORMAT1_HEADER) ||
    PREFIXES.some((prefix) => name.startsWith(prefix)) ||
    FORMAT1_DATA.test(name)
  );
}
