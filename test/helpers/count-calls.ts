import type * as Fs from 'node:fs';

/** What was called, by name; for tests of what work costs, which no clock tells. */
export interface CallCounts {
  count: number;
  byName: Record<string, number>;
  /** bytes that `readSync` and `writeSync` moved */
  bytes: Record<string, number>;
}

export const newCounts = (): CallCounts => ({ count: 0, byName: {}, bytes: {} });

export function clearCounts(counts: CallCounts): void {
  Object.assign(counts, newCounts());
}

function counted(counts: CallCounts, name: string, call: (...args: unknown[]) => unknown) {
  return (...args: unknown[]) => {
    counts.count++;
    counts.byName[name] = (counts.byName[name] ?? 0) + 1;
    const result = call(...args);
    if (typeof result === 'number' && /^(read|write)Sync$/.test(name)) {
      counts.bytes[name] = (counts.bytes[name] ?? 0) + result;
    }
    return result;
  };
}

/** `node:fs` whose synchronous calls are counted, for `vi.mock`. */
export function countingFs(fs: typeof Fs, counts: CallCounts): object {
  return Object.fromEntries(
    Object.entries(fs).map(([name, value]) => {
      if (!name.endsWith('Sync') || typeof value !== 'function') return [name, value];
      return [name, Object.assign(counted(counts, name, value as never), value)];
    }),
  );
}

/** Calls of libc count too, from now on. */
export function countNative(native: object | undefined, counts: CallCounts): void {
  for (const [name, value] of Object.entries(native ?? {})) {
    Object.assign(native!, { [name]: counted(counts, name, value as never) });
  }
}
