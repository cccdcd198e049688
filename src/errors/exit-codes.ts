/** The exit statuses that rescue scripts rely on; the same table stands in `--help` and the README. */
export const EXIT = {
  /** everything asked for was done and is complete */
  ok: 0,
  failed: 1,
  usage: 2,
  /** done, but parts are lost or doubtful; the report says which */
  incomplete: 3,
  /** stopped by a signal; can be run again */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
