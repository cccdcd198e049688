import { ByteReader } from '../bytes/byte-reader.ts';
import {
  type CompatFeatures,
  readCompatFeatures,
  readNameText,
  requireVersion,
  uuid,
  versioned,
} from './encoding.ts';

/** Who an OSD is and what it may contain. See docs/formats/ceph.md, "Superblocks". */

export interface OsdSuperblock {
  clusterFsid: string;
  /** OSD number */
  whoami: number;
  currentEpoch: number;
  /** epochs of the osdmaps kept: oldest and newest */
  oldestMap: number;
  newestMap: number;
  weight: number;
  features: CompatFeatures;
  /** last epoch for which the OSD is known to have been clean through */
  cleanThru: number;
  /** last epoch in which it was mounted */
  mounted: number;
  osdFsid: string;
}

/**
 * OSDSuperblock v5 and later: the data of the meta object `osd_superblock`.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeOsdSuperblock(bytes: Uint8Array): OsdSuperblock {
  return versioned(new ByteReader(bytes, 'OSDSuperblock'), 'OSDSuperblock', 5, (body, version) => {
    requireVersion(body, version, 5);
    return {
      clusterFsid: uuid(body),
      whoami: body.s32(),
      currentEpoch: body.u32(),
      oldestMap: body.u32(),
      newestMap: body.u32(),
      weight: body.f64(),
      features: readCompatFeatures(body),
      cleanThru: body.u32(),
      mounted: body.u32(),
      osdFsid: uuid(body),
    };
  });
}

/** FileStore's own file `superblock`. */
export interface FileStoreSuperblock {
  features: CompatFeatures;
  /** `rocksdb` or `leveldb`, as named by the store */
  omapBackend: string;
}

/**
 * FSSuperblock v1 (no omap backend: LevelDB) and v2.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeFileStoreSuperblock(bytes: Uint8Array): FileStoreSuperblock {
  return versioned(new ByteReader(bytes, 'FSSuperblock'), 'FSSuperblock', 1, (body, version) => {
    requireVersion(body, version, 1);
    return {
      features: readCompatFeatures(body),
      omapBackend: version >= 2 ? readNameText(body) : 'leveldb',
    };
  });
}
