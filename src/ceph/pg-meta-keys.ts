import type { Eversion } from './encoding.ts';
import { parsePg, type Spg } from './pg.ts';

/** The omap keys of a pg's metadata object. See docs/formats/ceph.md, "PG metadata keys". */

export type PgMetaKey = { kind: 'log'; version: Eversion } | { kind: Exclude<PgMetaKind, 'log'> };

export type PgMetaKind =
  | 'log'
  | 'info'
  | 'fastInfo'
  | 'bigInfo'
  | 'epoch'
  | 'infoVersion'
  | 'dup'
  | 'missing'
  | 'mayIncludeDeletes'
  | 'canRollbackTo'
  | 'rollbackTrimmedTo'
  | 'divergentPriors'
  | 'other';

const PLAIN_KEYS: ReadonlyMap<string, Exclude<PgMetaKind, 'log'>> = new Map([
  ['_info', 'info'],
  ['_fastinfo', 'fastInfo'],
  ['_biginfo', 'bigInfo'],
  ['_epoch', 'epoch'],
  ['_infover', 'infoVersion'],
  ['may_include_deletes_in_missing', 'mayIncludeDeletes'],
  ['can_rollback_to', 'canRollbackTo'],
  ['rollback_info_trimmed_to', 'rollbackTrimmedTo'],
  ['divergent_priors', 'divergentPriors'],
]);

const LOG_KEY = /^(\d{10})\.(\d{20})$/;
const LOG_KEY_LENGTH = 31;

const keyText = (key: Uint8Array): string =>
  Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');

/** `0000000056.00000000000000000089`: epoch and version, decimal. Undefined for any other key. */
export function parseLogKey(key: Uint8Array): Eversion | undefined {
  if (key.length !== LOG_KEY_LENGTH) return undefined;
  const [, epoch, version] = LOG_KEY.exec(keyText(key)) ?? [];
  if (epoch === undefined || version === undefined) return undefined;
  const parsed = { epoch: Number(epoch), version: BigInt(version) };
  const fits = parsed.epoch <= 0xffffffff && parsed.version <= 0xffffffffffffffffn;
  return fits ? parsed : undefined;
}

export const formatLogKey = (v: Eversion): string =>
  `${String(v.epoch).padStart(10, '0')}.${String(v.version).padStart(20, '0')}`;

/** What a key of a pg's metadata object holds. */
export function classifyPgMetaKey(key: Uint8Array): PgMetaKey {
  const version = parseLogKey(key);
  if (version !== undefined) return { kind: 'log', version };
  const text = keyText(key);
  if (text.startsWith('missing/')) return { kind: 'missing' };
  if (text.startsWith('dup_')) return { kind: 'dup' };
  return { kind: PLAIN_KEYS.get(text) ?? 'other' };
}

/**
 * Firefly kept the infos of all pgs in one meta object `infos`, under keys such as `2.c_info`.
 * Undefined for keys that are not of this form.
 */
export function parseInfosKey(key: Uint8Array): { pg: Spg; kind: PgMetaKind } | undefined {
  const text = keyText(key);
  const split = text.lastIndexOf('_');
  const pg = split < 0 ? undefined : parsePg(text.slice(0, split));
  const kind = PLAIN_KEYS.get(text.slice(split));
  return pg === undefined || kind === undefined ? undefined : { pg, kind };
}
