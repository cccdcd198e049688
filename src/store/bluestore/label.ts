import { ByteReader } from '../../bytes/byte-reader.ts';
import { cephCrc32c } from '../../bytes/crc32c.ts';
import { readNameText, readTextMap, utime, uuid, versioned } from '../../ceph/encoding.ts';
import { corruptError } from '../../errors/salvage-error.ts';

/** The label of a BlueStore device: docs/formats/bluestore.md, "Label". */

export const LABEL_BYTES = 4096;
export const LABEL_TEXT = 'bluestore block device\n';
/** The text, the osd's uuid as text and a newline. */
const STRUCT_AT = 60;

/** Where the main device keeps copies since Squid (BlueStore.h, bdev_label_positions). */
export const LABEL_COPIES = [0, 1, 10, 100, 1000].map((gib) => gib * 2 ** 30);

export type DeviceRole = 'main' | 'db' | 'wal';

const ROLES: Record<string, DeviceRole> = { main: 'main', 'bluefs db': 'db', 'bluefs wal': 'wal' };

export interface DeviceLabel {
  /** of the OSD: equal on its devices */
  osdFsid: string;
  /** bytes */
  deviceSize: number;
  /** `main`, `bluefs db` or `bluefs wal` */
  description: string;
  /** undefined for a description that we do not know */
  role: DeviceRole | undefined;
  birthSeconds: number;
  /** main device only (`whoami`, `ceph_fsid`, ...); holds a secret (`osd_key`): never shown */
  meta: Map<string, string>;
  /** false: the fields made sense, but the label fails its checksum */
  intact: boolean;
}

/** Does a label begin here? Costs nothing; the checksum tells for sure. */
export function isLabel(bytes: Uint8Array): boolean {
  if (bytes.length < LABEL_TEXT.length) return false;
  return Buffer.from(bytes.subarray(0, LABEL_TEXT.length)).toString('latin1') === LABEL_TEXT;
}

/**
 * Decodes a label from the first 4096 bytes of a device, v1 (early Luminous: no map) and v2.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeLabel(bytes: Uint8Array): DeviceLabel {
  if (!isLabel(bytes)) throw corruptError('no BlueStore label', { structure: 'label', offset: 0 });
  const reader = new ByteReader(bytes.subarray(0, LABEL_BYTES), 'bluestore_bdev_label_t');
  reader.seek(STRUCT_AT);
  const label = versioned(reader, 'bluestore_bdev_label_t', 1, (body, version) => {
    const osdFsid = uuid(body);
    const deviceSize = body.size();
    const birth = utime(body);
    const description = readNameText(body);
    const meta = version >= 2 ? readTextMap(body) : new Map<string, string>();
    const role = ROLES[description];
    return { osdFsid, deviceSize, description, role, birthSeconds: birth.seconds, meta };
  });
  const covered = bytes.subarray(0, reader.pos);
  return { ...label, intact: cephCrc32c(0xffffffff, covered) === reader.u32() };
}

/** Raised each time that Squid and later rewrite the copies; 0 where there is none. */
export const labelEpoch = (label: DeviceLabel): number => Number(label.meta.get('epoch') ?? 0) || 0;

/** The label that counts among copies: intact before damaged, then the highest epoch. */
export function bestLabel(labels: readonly DeviceLabel[]): DeviceLabel | undefined {
  const rank = (label: DeviceLabel): number => (label.intact ? 2 ** 52 : 0) + labelEpoch(label);
  return [...labels].sort((a, b) => rank(b) - rank(a))[0];
}
