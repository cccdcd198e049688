import { errorText, isSourceFault, type SalvageError } from '../errors/salvage-error.ts';

/** Has a disk not answered in time? A destination over a network may fail with the same errno. */
export const isNoAnswer = (error: unknown): error is SalvageError =>
  isSourceFault(error) && error.data.errno === 'ETIMEDOUT';

/**
 * Asks a disk for many things at once, and where it does not answer for each alone, so that one bad
 * object does not cost the others.
 */
export async function tolerantly<Item, T>(
  items: Item[],
  ask: (some: Item[]) => Promise<T[]>,
  unread: (why: string) => T,
): Promise<T[]> {
  try {
    return await ask(items);
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    if (items.length === 1) return [unread(errorText(error))];
    const answers: T[] = [];
    for (const item of items) answers.push(...(await tolerantly([item], ask, unread)));
    return answers;
  }
}
