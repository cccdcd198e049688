/** Problems that are told in full before their like are only counted. */
const SHOWN_ALIKE = 4;

/** What stands behind the object or place that a problem begins with. */
const reasonOf = (problem: string): string => problem.slice(problem.indexOf(': ') + 1);

/** Problems, those counted instead of told of which there are many with the same reason. */
export function condensed(problems: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  const told: string[] = [];
  for (const problem of problems) {
    const reason = reasonOf(problem);
    const before = counts.get(reason) ?? 0;
    counts.set(reason, before + 1);
    if (before < SHOWN_ALIKE) told.push(problem);
  }
  for (const [reason, count] of counts) {
    if (count > SHOWN_ALIKE) told.push(`and ${count - SHOWN_ALIKE} more:${reason}`);
  }
  return told;
}
