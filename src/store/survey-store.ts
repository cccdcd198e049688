import { journalText } from './filestore/journal/summary.ts';
import { type JournalSurvey, surveyJournal } from './filestore/journal/survey.ts';
import type { JournalReplay, OsdLocation } from './object-store.ts';

export type { JournalSurvey } from './filestore/journal/survey.ts';

/** What an OSD's store holds beyond its objects: FileStore's journal. Never throws for damage. */
export const surveyStore = (location: OsdLocation): JournalSurvey => surveyJournal(location);

/** What a scan found in an OSD's journal; undefined where its store has none, or nobody has looked. */
export interface JournalSummary {
  state: JournalReplay['state'];
  /** entries that are replayed */
  replayed: number;
  /** the same in words, with what is wrong */
  text: string;
}

export function journalSummary({ replay }: OsdLocation): JournalSummary | undefined {
  if (replay === undefined) return undefined;
  const { state, committed, to } = replay;
  return { state, replayed: to - committed, text: journalText(replay) };
}

/** What to say where acknowledged writes may be missing, because the journal is missing or no good. */
export function journalWarning({ replay }: OsdLocation): string | undefined {
  if (replay === undefined) return undefined;
  const lacks = replay.broken || replay.state === 'missing' || replay.state === 'unusable';
  return lacks ? journalText(replay) : undefined;
}
