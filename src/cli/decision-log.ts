import { errorText } from '../errors/salvage-error.ts';
import { type AppendFile, openAppendFile } from '../io/append-file.ts';
import { refuseInSource } from '../io/refuse-sources.ts';

/** `--log FILE`: lines of JSON, each with its time. */
export interface DecisionLog {
  add(entry: object): void;
  /**
   * Opens the file: only when the sources are known can it be seen to be in none of them.
   * @throws USAGE, DESTINATION
   */
  open(sources: readonly string[]): void;
  /** writes what is left */
  close(): void;
}

export const noLog: DecisionLog = { add: () => {}, open: () => {}, close: () => {} };

/** Written when this much has gathered, or a second has passed. */
const BATCH_CHARACTERS = 64 << 10;
const INTERVAL_MS = 1000;

/** @param warn is told, once, when the file takes no more: a log is no reason to stop a recovery */
export function decisionLog(file: string, warn: (line: string) => void): DecisionLog {
  let opened: AppendFile | undefined;
  let failed = false;
  let gathered = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    if (opened === undefined || gathered === '') return;
    const text = gathered;
    gathered = '';
    try {
      if (!failed) opened.append(text);
    } catch (error) {
      failed = true;
      warn(`${errorText(error)}; the log ends here`);
    }
  };
  return {
    add(entry) {
      // Before the sources are known there is little to say; none of it may fill the memory.
      if (failed || (opened === undefined && gathered.length > BATCH_CHARACTERS)) return;
      gathered += `${JSON.stringify({ at: new Date().toISOString(), ...entry })}\n`;
      if (gathered.length >= BATCH_CHARACTERS) flush();
    },
    open(sources) {
      if (opened !== undefined) return;
      refuseInSource(file, sources);
      opened = openAppendFile(file);
      timer = setInterval(flush, INTERVAL_MS).unref();
    },
    close() {
      clearInterval(timer);
      flush();
      opened?.close();
      opened = undefined;
    },
  };
}
