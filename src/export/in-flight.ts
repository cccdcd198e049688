/**
 * `Promise.all` that waits for all of them, also where one fails: nothing goes on behind an error,
 * and what was being written is written when it is told.
 * @throws what the first one threw
 */
export async function allInFlight<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
