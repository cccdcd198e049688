import type { DamageReporter } from '../errors/damage.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { SourceDirectory } from '../io/ports.ts';
import { type Families, type Family, newFamily } from './family.ts';
import type { NumberedFile } from './file-names.ts';
import { type LogRecord, readLog } from './log-reader.ts';
import { decodeWriteBatch } from './write-batch.ts';

/** Replays write-ahead logs into column families (docs/formats/kv.md, "Write batches"). */

export interface Replay {
  families: Families;
  /** names of families nothing else knows, by id; `undefined`: such are passed over (dropped ones) */
  names: readonly string[] | undefined;
  /** a log below the log number that counts all the same (LevelDB); 0 when none */
  prevLogNumber: number;
  report: DamageReporter;
}

function familyOf(id: number, to: Replay, path: string): Family | undefined {
  const known = to.families.get(id);
  if (known !== undefined || to.names === undefined) return known;
  const name = to.names[id];
  const family = newFamily(id, name ?? `family ${id}`, 0);
  to.families.set(id, family);
  if (name === undefined) {
    to.report({ path, reason: `nothing tells the name of column family ${id}` });
  }
  return family;
}

/** Adds a batch to the families it is for; what cannot be decoded of it is reported. */
function replayBatch(record: LogRecord, log: NumberedFile, path: string, to: Replay): void {
  const { payload, offset } = record;
  let used = 0;
  try {
    decodeWriteBatch(payload, offset, (id, sequence, type, key, value) => {
      used += key.length + value.length;
      const family = familyOf(id, to, path);
      // Tables hold already what older logs say, perhaps with their sequence numbers set to 0.
      if (family === undefined) return;
      if (log.number >= family.logNumber || log.number === to.prevLogNumber) {
        family.mem.add(sequence, type, key, value);
      }
    });
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    to.report({ path, offset, dropped: payload.length - used, reason: errorText(error) });
  }
}

function replayLog(
  directory: SourceDirectory,
  file: NumberedFile,
  newest: boolean,
  to: Replay,
): void {
  const source = directory.open(file.name);
  try {
    const options = { number: file.number, newest, report: to.report };
    for (const record of readLog(source, options)) replayBatch(record, file, source.path, to);
  } finally {
    source.close();
  }
}

/** Reads all logs that hold something for a family, in ascending order. */
export function replayLogs(
  directory: SourceDirectory,
  logs: readonly NumberedFile[],
  to: Replay,
): void {
  const oldest = Math.min(...[...to.families.values()].map((family) => family.logNumber));
  const wanted = logs.filter(({ number }) => number >= oldest || number === to.prevLogNumber);
  if (wanted.length === 0) {
    const reason = `no write-ahead log from number ${oldest} on: the newest writes are missing`;
    to.report({ path: directory.path, reason });
  }
  wanted.forEach((file, i) => {
    try {
      replayLog(directory, file, i === wanted.length - 1, to);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      to.report({ path: `${directory.path}/${file.name}`, reason: errorText(error) });
    }
  });
}
