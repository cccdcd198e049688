import { nameToText, textToName } from '../bytes/names.ts';
import { afterPrefix, hex64, hexNumber } from './omap-values.ts';

/**
 * How RBD names its objects. Layouts: `docs/formats/rbd.md`, "Objects".
 * Object names are bytes; image ids are short ASCII and therefore text.
 */

/** omap: image names and ids (format 2); data: names (format 1) */
export const RBD_DIRECTORY = 'rbd_directory';
/** omap: parents and their format 2 children of the first clone format */
export const RBD_CHILDREN = 'rbd_children';
/** omap: images moved to the trash */
export const RBD_TRASH = 'rbd_trash';
/** omap: the pool's RBD namespaces */
export const RBD_NAMESPACE = 'rbd_namespace';
/** omap: group names and ids */
export const RBD_GROUP_DIRECTORY = 'rbd_group_directory';
/** data: the image id; the rest of the name is the image's name, any bytes */
export const RBD_ID_PREFIX = 'rbd_id.';
/** omap: everything about one image of format 2 */
export const RBD_HEADER_PREFIX = 'rbd_header.';
/** data of an image of format 2 */
export const RBD_DATA_PREFIX = 'rbd_data.';
/** data of an image of format 1 */
export const RBD_V1_DATA_PREFIX = 'rb.';
/** data: object map of a head or, with a snapshot id behind it, of a snapshot */
export const RBD_OBJECT_MAP_PREFIX = 'rbd_object_map.';
/** omap: members and snapshots of one group */
export const RBD_GROUP_HEADER_PREFIX = 'rbd_group_header.';
/** omap: configuration and clients of an image's journal */
export const JOURNAL_PREFIX = 'journal.';
/** data: journal entries */
export const JOURNAL_DATA_PREFIX = 'journal_data.';
/** behind an image's name: the data object that holds a format 1 header */
export const RBD_V1_HEADER_SUFFIX = '.rbd';

export type ImageFormat = 1 | 2;

/** Hex digits of the object number, which is always the last dot-separated part of the name. */
const OBJECT_NO_DIGITS = { 1: 12, 2: 16 } as const;

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const hex16 = (value: bigint): string => value.toString(16).padStart(16, '0');

export const rbdIdObject = (imageName: Uint8Array): Uint8Array =>
  Buffer.concat([ascii(RBD_ID_PREFIX), imageName]);

export const headerObject = (id: string): Uint8Array => textToName(RBD_HEADER_PREFIX + id);

/** Where the header of the format 1 image `imageName` lives. */
export const v1HeaderObject = (imageName: Uint8Array): Uint8Array =>
  Buffer.concat([imageName, ascii(RBD_V1_HEADER_SUFFIX)]);

/** The object map of the head, or of snapshot `snapId`; both are head objects. */
export const objectMapObject = (id: string, snapId?: bigint): Uint8Array =>
  textToName(RBD_OBJECT_MAP_PREFIX + id + (snapId === undefined ? '' : `.${hex16(snapId)}`));

export const groupHeaderObject = (groupId: string): Uint8Array =>
  textToName(RBD_GROUP_HEADER_PREFIX + groupId);

export const journalObject = (id: string): Uint8Array => textToName(JOURNAL_PREFIX + id);

/** @param pool decimal id of the pool that holds the image's header */
export const journalDataObject = (pool: number, id: string, objectNo: number): Uint8Array =>
  textToName(`${JOURNAL_DATA_PREFIX}${pool}.${id}.${objectNo}`);

/**
 * The name of data object `objectNo`.
 * @param prefix the header's `object_prefix` (format 2) or `block_name` (format 1)
 */
export function dataObjectName(
  prefix: Uint8Array,
  objectNo: number,
  format: ImageFormat,
): Uint8Array {
  const digits = objectNo.toString(16).padStart(OBJECT_NO_DIGITS[format], '0');
  return Buffer.concat([prefix, ascii(`.${digits}`)]);
}

export interface DataObjectName {
  /** a view into the parsed name, without the dot before the object number */
  prefix: Uint8Array;
  objectNo: number;
  format: ImageFormat;
}

function splitDataName(
  name: Uint8Array,
  start: string,
  format: ImageFormat,
): DataObjectName | undefined {
  const dot = name.length - OBJECT_NO_DIGITS[format] - 1;
  // Something must stand between the leading text and the dot: an id, or a block name's numbers.
  if (dot <= start.length || name[dot] !== 0x2e) return undefined;
  const objectNo = hexNumber(name, dot + 1, name.length);
  if (objectNo < 0) return undefined;
  return { prefix: name.subarray(0, dot), objectNo, format };
}

/**
 * What image and which part of it a data object is, or undefined for any other object.
 * Called for every object of a scan: it allocates only for a match.
 */
export function parseDataObjectName(name: Uint8Array): DataObjectName | undefined {
  if (name[0] !== 0x72 || name[1] !== 0x62) return undefined; // "rb"
  if (afterPrefix(name, RBD_DATA_PREFIX) !== undefined) {
    return splitDataName(name, RBD_DATA_PREFIX, 2);
  }
  if (name[2] !== 0x2e) return undefined;
  return splitDataName(name, RBD_V1_DATA_PREFIX, 1);
}

/** `imageName` is a view of bytes; ids are text. */
export type RbdObject =
  | ({ kind: 'data' } & DataObjectName)
  | { kind: 'id'; imageName: Uint8Array }
  | { kind: 'header'; id: string }
  | { kind: 'header-v1'; imageName: Uint8Array }
  | { kind: 'object-map'; id: string; snapId: bigint | undefined }
  | { kind: 'directory' | 'children' | 'trash' | 'namespaces' | 'group-directory' }
  | { kind: 'group-header'; groupId: string }
  | { kind: 'journal'; id: string }
  | { kind: 'journal-data'; pool: number; id: string; objectNo: number }
  /** a marker, or state of mirroring and the manager: nothing an image is made of */
  | { kind: 'other' };

const WHOLE_NAMES = new Map<string, RbdObject>([
  [RBD_DIRECTORY, { kind: 'directory' }],
  [RBD_CHILDREN, { kind: 'children' }],
  [RBD_TRASH, { kind: 'trash' }],
  [RBD_NAMESPACE, { kind: 'namespaces' }],
  [RBD_GROUP_DIRECTORY, { kind: 'group-directory' }],
  ['rbd_info', { kind: 'other' }],
  ['rbd_mirroring', { kind: 'other' }],
  ['rbd_mirror_leader', { kind: 'other' }],
  ['rbd_task', { kind: 'other' }],
  ['rbd_support', { kind: 'other' }],
  ['rbd_mirror_snapshot_schedule', { kind: 'other' }],
  ['rbd_trash_purge_schedule', { kind: 'other' }],
]);
const LONGEST_WHOLE_NAME = 32;

function objectMap(rest: Uint8Array): RbdObject {
  const dot = rest.lastIndexOf(0x2e);
  const snapId = dot > 0 ? hex64(rest.subarray(dot + 1)) : undefined;
  const id = snapId === undefined ? rest : rest.subarray(0, dot);
  return { kind: 'object-map', id: nameToText(id), snapId };
}

const JOURNAL_DATA = /^(\d{1,15})\.(.+)\.(\d{1,15})$/s;

function journalData(rest: Uint8Array): RbdObject | undefined {
  const match = JOURNAL_DATA.exec(nameToText(rest));
  if (match === null) return undefined;
  const [, pool, id, objectNo] = match as unknown as [string, string, string, string];
  return { kind: 'journal-data', pool: Number(pool), id, objectNo: Number(objectNo) };
}

const BY_PREFIX: readonly (readonly [string, (rest: Uint8Array) => RbdObject | undefined])[] = [
  [RBD_ID_PREFIX, (imageName) => ({ kind: 'id', imageName })],
  [RBD_HEADER_PREFIX, (id) => ({ kind: 'header', id: nameToText(id) })],
  [RBD_OBJECT_MAP_PREFIX, objectMap],
  [RBD_GROUP_HEADER_PREFIX, (id) => ({ kind: 'group-header', groupId: nameToText(id) })],
  [JOURNAL_PREFIX, (id) => ({ kind: 'journal', id: nameToText(id) })],
  [JOURNAL_DATA_PREFIX, journalData],
  ['rbd_mirror_', () => ({ kind: 'other' })],
];

function v1Header(name: Uint8Array): RbdObject | undefined {
  const at = name.length - RBD_V1_HEADER_SUFFIX.length;
  if (at <= 0 || afterPrefix(name.subarray(at), RBD_V1_HEADER_SUFFIX) === undefined) {
    return undefined;
  }
  return { kind: 'header-v1', imageName: name.subarray(0, at) };
}

/**
 * What an object is, by its name alone; undefined when RBD has no such names.
 * A format 1 image may be called `rbd_id.x`; its header is then taken for the id object of `x.rbd`,
 * which only a look at the content can tell.
 */
export function classifyObjectName(name: Uint8Array): RbdObject | undefined {
  const data = parseDataObjectName(name);
  if (data !== undefined) return { kind: 'data', ...data };
  if (name.length <= LONGEST_WHOLE_NAME) {
    const whole = WHOLE_NAMES.get(Buffer.from(name).toString('latin1'));
    if (whole !== undefined) return whole;
  }
  for (const [prefix, parse] of BY_PREFIX) {
    const rest = afterPrefix(name, prefix);
    if (rest === undefined || rest.length === 0) continue;
    const object = parse(rest);
    if (object !== undefined) return object;
  }
  return v1Header(name);
}
