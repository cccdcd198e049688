/** A thread that is in a system call for ever keeps the process from ending by itself. */
let stuckThreads = 0;

export const hasStuckThreads = (): boolean => stuckThreads > 0;

export function sawStuckThread(): void {
  stuckThreads++;
}
