import { cephCrc32c } from '../../../src/bytes/crc32c.ts';
import { nameToText } from '../../../src/bytes/names.ts';
import { parseChildren, parseSnapChildren } from '../../../src/rbd/children.ts';
import { imageOrigin } from '../../../src/rbd/conventions.ts';
import { parseDirectory, parseDirectoryV1, parseRbdId } from '../../../src/rbd/directory.ts';
import { parseGroup, parseGroupDirectory, parseGroupRef } from '../../../src/rbd/groups.ts';
import { isHeaderV1, parseHeaderV1 } from '../../../src/rbd/header-v1.ts';
import { parseImageHeader } from '../../../src/rbd/header-v2.ts';
import { parseJournal } from '../../../src/rbd/journal.ts';
import { type JournalObject, parseJournalObject } from '../../../src/rbd/journal-entry.ts';
import { parseJournalEvent } from '../../../src/rbd/journal-event.ts';
import { migrationSource, parseMigration } from '../../../src/rbd/migration.ts';
import { classifyObjectName, dataObjectName, parseDataObjectName } from '../../../src/rbd/names.ts';
import { parseNamespaces } from '../../../src/rbd/namespaces.ts';
import { type ObjectMap, parseObjectMap, stateOf } from '../../../src/rbd/object-map.ts';
import { hex64 } from '../../../src/rbd/omap-values.ts';
import { readParent } from '../../../src/rbd/parent.ts';
import { parentOfHead, parentOfSnapshot } from '../../../src/rbd/parent-link.ts';
import { parseSnapshot, readSnapshotNamespace } from '../../../src/rbd/snapshot.ts';
import { parseTrash, parseTrashRecord } from '../../../src/rbd/trash.ts';
import { type Decoders, omapEntries, reading } from '../decoder.ts';

type Entries = ReturnType<typeof omapEntries>;
const ofOmap = (parse: (entries: Entries) => unknown) => ({
  run: (bytes: Uint8Array) => parse(omapEntries(bytes)),
});

/** preamble, version, two tids, u32 length, data, u32 crc32c of all before it */
function repairJournalObject(bytes: Uint8Array): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 33 <= view.length; ) {
    const end = at + 29 + view.readUInt32LE(at + 25);
    if (end + 4 > view.length) return;
    view.writeUInt32LE(cephCrc32c(0, view.subarray(at, end)), end);
    at = end + 4;
  }
}

/** The header's and each block's, where the footer is long enough. */
function repairObjectMap(bytes: Uint8Array): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 18) return;
  const states = Math.ceil(Number(view.readBigUInt64LE(10)) / 4);
  const footer = 18 + states + 4;
  if (footer + 8 > view.length) return;
  view.writeUInt32LE(cephCrc32c(0, view.subarray(4, 18)), footer);
  for (let block = 0; block * 4096 < states; block++) {
    const at = footer + 8 + block * 4;
    if (at + 4 > view.length) return;
    const end = 18 + Math.min(states, (block + 1) * 4096);
    view.writeUInt32LE(cephCrc32c(0, view.subarray(18 + block * 4096, end)), at);
  }
}

/** A name that is a data object's must be the one that its parts make. */
function sameName(name: Uint8Array): string | undefined {
  const parsed = parseDataObjectName(name);
  if (parsed === undefined) return undefined;
  const { prefix, objectNo, format } = parsed;
  const again = Buffer.from(dataObjectName(prefix, objectNo, format));
  return again.equals(name) ? undefined : 'is not the name that its parts make';
}

export const RBD: Decoders = {
  'image-header': ofOmap((entries) => {
    const header = parseImageHeader(entries);
    parentOfHead(header);
    for (const snapshot of header.snapshots) parentOfSnapshot(header, snapshot);
    return header;
  }),
  'image-header-v1': { run: (bytes) => [isHeaderV1(bytes), parseHeaderV1(bytes)] },
  directory: ofOmap(parseDirectory),
  'directory-v1': { run: parseDirectoryV1 },
  'rbd-id': { run: parseRbdId },
  trash: ofOmap(parseTrash),
  'trash-record': { run: (bytes) => parseTrashRecord('id', bytes) },
  children: ofOmap(parseChildren),
  'snap-children': { run: parseSnapChildren },
  group: ofOmap(parseGroup),
  'group-directory': ofOmap(parseGroupDirectory),
  'group-ref': { run: parseGroupRef },
  namespaces: ofOmap(parseNamespaces),
  snapshot: { run: parseSnapshot },
  'snapshot-namespace': { run: reading(readSnapshotNamespace) },
  parent: { run: reading(readParent) },
  migration: {
    run: (bytes) => {
      const migration = parseMigration(bytes);
      return [migration, migrationSource(migration, 4n, 1 << 30)];
    },
  },
  'object-map': {
    run: (bytes) => {
      const map = parseObjectMap(bytes);
      for (const n of [0, 1, map.objectCount - 1, map.objectCount]) stateOf(map, n);
      return map;
    },
    repair: repairObjectMap,
    vouches: (map: ObjectMap) => map.checked,
  },
  journal: ofOmap(parseJournal),
  'journal-object': {
    run: parseJournalObject,
    repair: repairJournalObject,
    vouches: ({ damage }: JournalObject) => damage === undefined,
  },
  'journal-event': { run: parseJournalEvent },
  'object-name': {
    run: (bytes) => [classifyObjectName(bytes), hex64(bytes)],
    law: sameName,
  },
  'image-name': { run: (bytes) => imageOrigin(nameToText(bytes), ['snap']) },
};
