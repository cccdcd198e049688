import { type JournalSurvey, surveyJournal } from './filestore/journal/survey.ts';
import type { OsdLocation } from './object-store.ts';

export type { JournalSurvey } from './filestore/journal/survey.ts';

/** What an OSD's store holds beyond its objects: FileStore's journal. Never throws for damage. */
export const surveyStore = (location: OsdLocation): JournalSurvey => surveyJournal(location);
