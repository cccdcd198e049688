import { describe, expect, it } from 'vitest';
import {
  classifyObjectName,
  dataObjectName,
  groupHeaderObject,
  headerObject,
  journalDataObject,
  journalObject,
  objectMapObject,
  parseDataObjectName,
  rbdIdObject,
  v1HeaderObject,
} from '../../src/rbd/names.ts';
import { bytes, hex, text } from './helpers.ts';

// Object names as they stood in real pools.
const DATA: [name: string, prefix: string, objectNo: number, format: number][] = [
  ['rbd_data.102b6c4ee5e6.0000000000000004', 'rbd_data.102b6c4ee5e6', 4, 2],
  ['rbd_data.1061f016c73e.000000000000001f', 'rbd_data.1061f016c73e', 31, 2],
  ['rbd_data.2.102b6cb4bc52.0000000000000006', 'rbd_data.2.102b6cb4bc52', 6, 2],
  ['rb.0.104d.6b8b4567.000000000003', 'rb.0.104d.6b8b4567', 3, 1],
];

const NOT_DATA = [
  'rbd_data.102b6c4ee5e6',
  'rbd_data.0000000000000004',
  'rbd_data..0000000000000004',
  'rbd_data.102b6c4ee5e6.000000000000000G',
  'rbd_data.102b6c4ee5e6.000000000000000A',
  'rbd_data.102b6c4ee5e6.00000000000004',
  'rbd_data.102b6c4ee5e6.ffffffffffffffff',
  'rbd_data_x.102b6c4ee5e6.0000000000000004',
  'rbd_header.102b6c4ee5e6',
  'rbd_object_map.102b6c4ee5e6.0000000000000006',
  'rb.000000000003',
  'rb.0.104d.6b8b4567',
  'rb.0.104d.6b8b4567.00000000003',
  'rbx',
  '',
  '0000000000000004',
];

describe('parseDataObjectName', () => {
  it.each(DATA)('splits %s', (name, prefix, objectNo, format) => {
    const parsed = parseDataObjectName(bytes(name));
    expect(parsed && { ...parsed, prefix: text(parsed.prefix) }).toEqual({
      prefix,
      objectNo,
      format,
    });
  });
  it.each(NOT_DATA)('is not taken in by %j', (name) => {
    expect(parseDataObjectName(bytes(name))).toBeUndefined();
  });
  it('keeps object numbers up to 2^53', () => {
    expect(parseDataObjectName(bytes('rbd_data.1.001fffffffffffff'))?.objectNo).toBe(2 ** 53 - 1);
    expect(parseDataObjectName(bytes('rbd_data.1.0020000000000000'))).toBeUndefined();
  });
  it('returns a view of the name', () => {
    const name = bytes('rbd_data.102b6c4ee5e6.0000000000000004');
    expect(parseDataObjectName(name)?.prefix.buffer).toBe(name.buffer);
  });
});

describe('object names', () => {
  it.each(DATA)('puts %s together', (name, prefix, objectNo, format) => {
    expect(text(dataObjectName(bytes(prefix), objectNo, format as 1 | 2))).toBe(name);
  });
  it('follows the templates of 16.2', () => {
    expect(text(headerObject('102bd35b39f5'))).toBe('rbd_header.102bd35b39f5');
    expect(text(objectMapObject('102b6c4ee5e6'))).toBe('rbd_object_map.102b6c4ee5e6');
    expect(text(objectMapObject('102b6c4ee5e6', 6n))).toBe(
      'rbd_object_map.102b6c4ee5e6.0000000000000006',
    );
    expect(text(rbdIdObject(bytes('under_score.dot-name')))).toBe('rbd_id.under_score.dot-name');
    expect(text(v1HeaderObject(bytes('format1')))).toBe('format1.rbd');
    expect(text(groupHeaderObject('10356b8b4567'))).toBe('rbd_group_header.10356b8b4567');
    expect(text(journalObject('102bb1dad4e7'))).toBe('journal.102bb1dad4e7');
    expect(text(journalDataObject(2, '102b95a95e39', 1))).toBe('journal_data.2.102b95a95e39.1');
  });
  it('keeps image names that are no UTF-8 as bytes', () => {
    expect(Buffer.from(rbdIdObject(hex('ff2efe'))).toString('hex')).toBe('7262645f69642eff2efe');
  });
});

const WELL_KNOWN: [string, unknown][] = [
  ['rbd_directory', { kind: 'directory' }],
  ['rbd_children', { kind: 'children' }],
  ['rbd_trash', { kind: 'trash' }],
  ['rbd_namespace', { kind: 'namespaces' }],
  ['rbd_group_directory', { kind: 'group-directory' }],
  ['rbd_info', { kind: 'other' }],
  ['rbd_mirroring', { kind: 'other' }],
  ['rbd_trash_purge_schedule', { kind: 'other' }],
  ['rbd_mirror_leader.x', { kind: 'other' }],
  ['rbd_header.105ba5b4983e', { kind: 'header', id: '105ba5b4983e' }],
  ['rbd_group_header.10356b8b4567', { kind: 'group-header', groupId: '10356b8b4567' }],
  ['rbd_object_map.102b3c66bbdb', { kind: 'object-map', id: '102b3c66bbdb', snapId: undefined }],
  [
    'rbd_object_map.102baa6d547f.000000000000000a',
    { kind: 'object-map', id: '102baa6d547f', snapId: 10n },
  ],
  ['journal.102bb1dad4e7', { kind: 'journal', id: '102bb1dad4e7' }],
  [
    'journal_data.2.102bb1dad4e7.13',
    { kind: 'journal-data', pool: 2, id: '102bb1dad4e7', objectNo: 13 },
  ],
  ['rbd_id.', undefined],
  ['rbd_header.', undefined],
  ['journal_data.2.102bb1dad4e7', undefined],
  ['.rbd', undefined],
  ['benchmark_data_host_1_object0', undefined],
  ['', undefined],
];

describe('classifyObjectName', () => {
  it.each(WELL_KNOWN)('knows %j', (name, expected) => {
    expect(classifyObjectName(bytes(name))).toEqual(expected);
  });
  it('hands out image names as bytes', () => {
    const id = classifyObjectName(hex('7262645f69642e ff2e'));
    expect(id).toEqual({ kind: 'id', imageName: hex('ff2e') });
    const v1 = classifyObjectName(bytes('format1.rbd'));
    expect(v1).toEqual({ kind: 'header-v1', imageName: bytes('format1') });
  });
  it('tells an image called x.rbd of format 2 from a header of format 1', () => {
    expect(classifyObjectName(bytes('rbd_id.x.rbd'))).toEqual({
      kind: 'id',
      imageName: bytes('x.rbd'),
    });
  });
  it('finds data objects', () => {
    expect(classifyObjectName(bytes('rb.0.104d.6b8b4567.000000000003'))).toMatchObject({
      kind: 'data',
      objectNo: 3,
      format: 1,
    });
  });
});
