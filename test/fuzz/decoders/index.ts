import '../../helpers/checksums.ts';
import type { Decoders } from '../decoder.ts';
import { BLUESTORE } from './bluestore.ts';
import { BYTES } from './bytes.ts';
import { CATALOG } from './catalog.ts';
import { CEPH } from './ceph.ts';
import { FILESTORE } from './filestore.ts';
import { KV } from './kv.ts';
import { RBD } from './rbd.ts';

/** Every decoder of the program by name, which is also the name of its folder in `corpus`. */
export const DECODERS: Decoders = {
  ...BYTES,
  ...CEPH,
  ...RBD,
  ...KV,
  ...FILESTORE,
  ...BLUESTORE,
  ...CATALOG,
};
