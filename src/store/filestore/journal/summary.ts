import type { JournalReplay } from '../../object-store.ts';

/** What a journal was good for, in a few words. */
export function journalText({ state, committed, to, reason }: JournalReplay): string {
  const entries = to - committed;
  const more = reason === undefined ? '' : `; ${reason}`;
  if (state === 'replayed') {
    return `journal replayed: ${entries} ${entries === 1 ? 'entry' : 'entries'} after op ${committed}${more}`;
  }
  if (state === 'clean') return `journal clean (op ${committed})${more}`;
  return reason ?? `journal ${state}`;
}
