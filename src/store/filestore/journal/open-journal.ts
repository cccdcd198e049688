import path from 'node:path';
import { corruptError } from '../../../errors/salvage-error.ts';
import { openDevice } from '../../../io/device-source.ts';
import { statOrUndefined, tryReadSmallFile } from '../../../io/file-source.ts';
import type { OsdLocation } from '../../object-store.ts';
import { decodeJournalHeader, JOURNAL_HEADER_BYTES } from './header.ts';
import { JournalRing } from './ring.ts';

/** Where an OSD's journal is: where the operator says, or beside `current/`. */
export function journalPath({ journal, path: osd, dataPath }: OsdLocation): string {
  if (journal !== undefined) return journal;
  const own = path.join(osd, 'journal');
  // A `current/` given by itself: the rest of the OSD may still be around it.
  const around = path.join(path.dirname(path.resolve(dataPath)), 'journal');
  return statOrUndefined(own) === undefined && statOrUndefined(around) !== undefined ? around : own;
}

/** @throws SOURCE_IO, CORRUPT */
export function openJournal(location: OsdLocation): JournalRing {
  const source = openDevice({ path: journalPath(location), offset: 0 });
  try {
    const head = Buffer.alloc(JOURNAL_HEADER_BYTES);
    const header = decodeJournalHeader(head.subarray(0, source.read(head, 0)));
    if (header.maxSize > source.size) {
      const data = { path: source.path, expected: header.maxSize, found: source.size };
      // What is there may be all that is needed: reads beyond it fail one by one.
      if (header.start >= source.size) throw corruptError('the journal is cut short', data);
    }
    return new JournalRing(source, header);
  } catch (error) {
    source.close();
    throw error;
  }
}

const smallText = (file: string): string =>
  Buffer.from(tryReadSmallFile(file, 4096) ?? [])
    .toString('latin1')
    .trim();

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The OSD's own uuid, which its journal's header repeats; undefined where no file has it. */
export function osdFsidOf({ path: osd, dataPath, omap }: OsdLocation): string | undefined {
  const files = [
    path.join(osd, 'fsid'),
    path.join(omap ?? path.join(dataPath, 'omap'), 'osd_uuid'),
  ];
  return files.map((file) => smallText(file).toLowerCase()).find((text) => UUID.test(text));
}

/** The last op that is in the file system; undefined where commit_op_seq is lost. */
export function committedOf({ dataPath }: OsdLocation): number | undefined {
  const text = smallText(path.join(dataPath, 'commit_op_seq'));
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** When the last op was put into the file system, milliseconds since 1970. */
export const commitTimeOf = ({ dataPath }: OsdLocation): number =>
  statOrUndefined(path.join(dataPath, 'commit_op_seq'))?.mtimeMs ?? 0;
