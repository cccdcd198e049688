import type { DamageReporter } from '../../errors/damage.ts';
import {
  corruptError,
  errorText,
  isSourceFault,
  SalvageError,
  unsupportedError,
} from '../../errors/salvage-error.ts';
import { type DevicePart, openDevice } from '../../io/device-source.ts';
import type { ByteSource } from '../../io/ports.ts';
import { type KvStore, openKvStore } from '../../kv/kv-store.ts';
import type { OsdLocation } from '../object-store.ts';
import { BlueFs, blueFsDevices, type OpenDevices } from './bluefs.ts';
import { blueFsDirectory } from './bluefs-directory.ts';
import type { BlueFsDevices } from './bluefs-file.ts';
import { PrefixedKv } from './prefixed-kv.ts';
import { readSharding } from './sharding.ts';

/** The devices and the database of one OSD, open. */
export interface OpenStore {
  devices: OpenDevices;
  bluefs: BlueFs;
  kv: PrefixedKv;
  close(): void;
}

/** What cannot be opened is reported and then missing. */
function tryDevice(place: DevicePart | undefined, report: DamageReporter): ByteSource | undefined {
  if (place === undefined) return undefined;
  try {
    return openDevice(place);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    report({ path: place.path, reason: errorText(error) });
    return undefined;
  }
}

/** Superblock field: the format of the store; Kraken and older are different altogether. */
const FORMAT_KEY = Buffer.from('ondisk_format');
const OLDEST_FORMAT = 2;

function refuseOldFormat(kv: PrefixedKv): void {
  const value = kv.get('S', FORMAT_KEY);
  if (value === undefined || value.length < 4) return;
  const format = Buffer.from(value).readUInt32LE();
  if (format < OLDEST_FORMAT) {
    throw unsupportedError(`${kv.path}: BlueStore of format ${format}, older than Luminous`);
  }
}

function openDatabase(bluefs: BlueFs, report: DamageReporter): KvStore {
  const directory = blueFsDirectory(bluefs);
  try {
    return openKvStore(directory, report);
  } catch (error) {
    if (!(error instanceof SalvageError) || error.code !== 'NOT_FOUND') throw error;
    // An OSD without its database is damaged, not something that was asked for and is not there.
    throw corruptError(`${directory.path}: BlueFS has no database in it`, { path: directory.path });
  }
}

function openDevices(location: Pick<OsdLocation, 'devices'>, report: DamageReporter) {
  const { main, db, wal } = location.devices ?? {};
  const devices: OpenDevices = {
    main: tryDevice(main, report),
    db: tryDevice(db, report),
    wal: tryDevice(wal, report),
  };
  const close = () => {
    for (const device of [devices.main, devices.db, devices.wal]) device?.close();
  };
  return { devices, close };
}

/** Uses an OSD's devices as BlueFS numbers them, those that can be opened. */
export function withDevices<T>(
  location: Pick<OsdLocation, 'devices'>,
  use: (devices: BlueFsDevices) => T,
): T {
  const { devices, close } = openDevices(location, () => {});
  try {
    return use(blueFsDevices(devices));
  } finally {
    close();
  }
}

/**
 * Opens an OSD's devices and database.
 * @throws SOURCE_IO, CORRUPT, UNSUPPORTED when there is no way to its database
 */
export function openStore(location: OsdLocation, report: DamageReporter): OpenStore {
  const { devices, close: closeDevices } = openDevices(location, report);
  try {
    const bluefs = new BlueFs(devices, report, location.bluefs);
    const kv = new PrefixedKv(openDatabase(bluefs, report), bluefs.path, readSharding(bluefs));
    refuseOldFormat(kv);
    const close = () => {
      kv.close();
      closeDevices();
    };
    return { devices, bluefs, kv, close };
  } catch (error) {
    closeDevices();
    throw error;
  }
}
