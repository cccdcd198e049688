import { ByteReader } from '../bytes/byte-reader.ts';
import { cephCrc32c } from '../bytes/crc32c.ts';
import { isSourceFault, type SalvageError } from '../errors/salvage-error.ts';
import {
  readHead,
  readNameText,
  readPoolId,
  readTextMap,
  requireVersion,
  UTIME_BYTES,
  type Utime,
  utime,
  uuid,
} from './encoding.ts';
import { type Pool, readPool } from './osdmap-pool.ts';
import { PG_BYTES } from './pg.ts';

/** OSDMap: the cluster as its monitors saw it in one epoch. See docs/formats/ceph.md, "OSD map". */

/** Bits of an OSD's state (CEPH_OSD_EXISTS, CEPH_OSD_UP). */
const OSD_EXISTS = 1 << 0;
const OSD_UP = 1 << 1;

export interface OsdState {
  exists: boolean;
  up: boolean;
  /** given data: weight is above 0 */
  in: boolean;
  /** 0x10000 is 1.0 */
  weight: number;
  /** what else the map tells of it; undefined where it was not read so far */
  life?: OsdLife;
}

/** Epochs of an OSD's life, and its uuid (osd_info_t). */
export interface OsdLife {
  /** since when it is up, or was the last time */
  upFrom: number;
  /** it was alive in this epoch: what PGs with it as primary ask for before they go active in a new interval */
  upThru: number;
  /** when it was called down the last time */
  downAt: number;
  /** of its disk, as in `fsid`; zeros: it never started */
  uuid: string;
}

export interface OsdMap {
  fsid: string;
  epoch: number;
  created: Utime;
  modified: Utime;
  /** by id */
  pools: Map<number, Pool & { id: number; name: Uint8Array }>;
  /** cluster-wide flags */
  flags: number;
  /** OSD numbers are below this */
  maxOsd: number;
  /** by OSD number */
  osds: OsdState[];
  ecProfiles: Map<string, Map<string, string>>;
  /** undefined when the map has no crc (outer v7) or was not read to its end */
  crcMatches?: boolean;
  /** set when the map could not be read to its end: what follows the pools may be empty */
  damage?: SalvageError;
}

/** entity_addr_t after its marker byte: legacy (0) or versioned (1). */
function skipAddressBody(reader: ByteReader, marker: number): void {
  if (marker === 0) {
    reader.skip(3 + 4 + 128); // padding, nonce, sockaddr_storage
  } else if (marker === 1) {
    reader.skip(2);
    reader.skip(reader.u32());
  } else {
    throw reader.fail(`address marker ${marker}`);
  }
}

/** entity_addr_t or, with marker 2, entity_addrvec_t. */
function skipAddresses(reader: ByteReader): void {
  const marker = reader.u8();
  if (marker !== 2) {
    skipAddressBody(reader, marker);
    return;
  }
  const n = reader.count(7);
  for (let i = 0; i < n; i++) skipAddressBody(reader, reader.u8());
}

/** map pg -> vector of s32 */
function skipPgTemp(reader: ByteReader): void {
  const n = reader.count(PG_BYTES + 4);
  for (let i = 0; i < n; i++) {
    reader.skip(PG_BYTES);
    reader.skip(reader.count(4) * 4);
  }
}

function readOsds(body: ByteReader, version: number): OsdState[] {
  const states = version >= 5 ? body.list(4, (r) => r.u32()) : body.list(1, (r) => r.u8());
  const weights = body.list(4, (r) => r.u32());
  return states.map((state, osd) => {
    const weight = weights[osd] ?? 0;
    const exists = (state & OSD_EXISTS) !== 0;
    return { exists, up: (state & OSD_UP) !== 0, in: exists && weight > 0, weight };
  });
}

function readPools(body: ByteReader): OsdMap['pools'] {
  const pools = body.list(14, (r) => [readPoolId(r), readPool(r)] as const);
  const names = new Map(body.list(12, (r) => [readPoolId(r), r.blob()]));
  const unnamed = new Uint8Array(0);
  return new Map(pools.map(([id, pool]) => [id, { ...pool, id, name: names.get(id) ?? unnamed }]));
}

/** What a map is read for in the first place; damage up to here is thrown. */
function essentialFields(body: ByteReader): OsdMap {
  const map = {
    fsid: uuid(body),
    epoch: body.u32(),
    created: utime(body),
    modified: utime(body),
    pools: readPools(body),
  };
  return { ...map, flags: 0, maxOsd: 0, osds: [], ecProfiles: new Map() };
}

/** Fills in the rest in the order of the bytes, so that what was read before damage stays. */
function remainingFields(body: ByteReader, version: number, map: OsdMap): void {
  body.skip(4); // pool_max
  map.flags = body.u32();
  map.maxOsd = body.s32();
  map.osds = readOsds(body, version);
  const addresses = body.count(1);
  for (let i = 0; i < addresses; i++) skipAddresses(body);
  skipPgTemp(body);
  body.skip(body.count(PG_BYTES + 4) * (PG_BYTES + 4)); // primary_temp
  if (version >= 2) body.skip(body.count(4) * 4); // primary affinity
  body.blob(); // crush
  if (version < 3) return;
  map.ecProfiles = new Map(body.list(8, (r) => [readNameText(r), readTextMap(r)]));
}

/** osd_info_t: a version byte, the last clean interval, up_from, up_thru, down_at, lost_at. */
function readLife(reader: ByteReader): Omit<OsdLife, 'uuid'> {
  reader.skip(1 + 4 + 4);
  const life = { upFrom: reader.u32(), upThru: reader.u32(), downAt: reader.u32() };
  reader.skip(4);
  return life;
}

/** The part that only OSDs get, up to their uuids. */
function osdFields(body: ByteReader, map: OsdMap): void {
  const skipAllAddresses = () => {
    const n = body.count(1);
    for (let i = 0; i < n; i++) skipAddresses(body);
  };
  skipAllAddresses(); // hb_back
  const lives = body.list(25, readLife);
  const blocked = body.count(9);
  for (let i = 0; i < blocked; i++) {
    skipAddresses(body);
    body.skip(UTIME_BYTES);
  }
  skipAllAddresses(); // cluster
  body.skip(4); // cluster_snapshot_epoch
  body.blob(); // cluster_snapshot
  const uuids = body.list(16, uuid);
  for (const [osd, state] of map.osds.entries()) {
    const life = lives[osd];
    if (life !== undefined) state.life = { ...life, uuid: uuids[osd] ?? '' };
  }
}

/** Runs `read`; what it breaks on is returned instead of thrown. */
function damageIn(read: () => void): SalvageError | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (isSourceFault(error)) return error;
    throw error;
  }
}

interface Part {
  version: number;
  body: ByteReader;
  /** bytes of it that are not there */
  missing: number;
}

/** Like `versioned`, but a part that is cut short is read as far as it goes. */
function openPart(reader: ByteReader, structure: string, maxCompat: number): Part {
  const { version, length } = readHead(reader, structure, maxCompat);
  const present = Math.min(length, reader.remaining);
  return { version, body: reader.sub(present, structure), missing: length - present };
}

/** The last four bytes are the crc32c (seed 0xffffffff) of all before them, heads included. */
function crcMatches(bytes: Uint8Array, body: ByteReader): boolean {
  body.seek(Math.max(0, body.length - 4));
  const end = body.offset;
  return body.u32() === cephCrc32c(0xffffffff, bytes.subarray(0, end));
}

/**
 * A full osdmap (outer v7 and v8; client part v1 to v9 and newer): the data of `osdmap.<epoch>`.
 * Bytes after the map are ignored. Damage after the pool names is kept in `damage` and the map is
 * returned as far as it goes.
 *
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeOsdMap(bytes: Uint8Array): OsdMap {
  const outer = openPart(new ByteReader(bytes, 'OSDMap'), 'OSDMap', 7);
  requireVersion(outer.body, outer.version, 7);
  const client = openPart(outer.body, 'OSDMap client part', 1);
  const map = essentialFields(client.body);
  const damage = damageIn(() => {
    remainingFields(client.body, client.version, map);
    const osdPart = damageIn(() => {
      osdFields(openPart(outer.body, 'OSDMap OSD part', 1).body, map);
    });
    // Nothing but doubts hangs on it.
    if (osdPart !== undefined) for (const osd of map.osds) delete osd.life;
    if (outer.missing > 0) throw outer.body.fail(`cut short by ${outer.missing} bytes`);
    if (outer.version >= 8) map.crcMatches = crcMatches(bytes, outer.body);
  });
  return damage === undefined ? map : { ...map, damage };
}
