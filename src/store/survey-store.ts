import { journalText } from './filestore/journal/summary.ts';
import { type JournalSurvey, surveyJournal } from './filestore/journal/survey.ts';
import type { OsdLocation } from './object-store.ts';

export type { JournalSurvey } from './filestore/journal/survey.ts';

/** What an OSD's store holds beyond its objects: FileStore's journal. Never throws for damage. */
export const surveyStore = (location: OsdLocation): JournalSurvey => surveyJournal(location);

/** What to say where acknowledged writes may be missing, because the journal is missing or no good. */
export function journalWarning({ replay }: OsdLocation): string | undefined {
  if (replay === undefined) return undefined;
  const lacks = replay.broken || replay.state === 'missing' || replay.state === 'unusable';
  return lacks ? journalText(replay) : undefined;
}
