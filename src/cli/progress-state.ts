import type { Progress } from '../io/ports.ts';
import { bytesText, countText, durationText } from './progress.ts';

/** How far a phase is: a line of `--progress json` without its `event`, docs/schema/progress.json. */
export interface PhaseStatus {
  phase: string;
  unit: 'objects' | 'bytes';
  done: number;
  /** null: not known beforehand */
  total: number | null;
  /** units a second since the phase began */
  rate: number;
  /** seconds left; null: not known */
  eta: number | null;
  /** since the phase began */
  seconds: number;
  /** by OSD, what it gave: objects listed, or bytes read */
  osds?: Record<string, number>;
}

/** A progress that can be asked how far it is. */
export interface TrackedProgress extends Progress {
  /** undefined between phases */
  status(): PhaseStatus | undefined;
  /** bytes that an OSD gave */
  gave(osd: string, bytes: number): void;
}

type Phase = Pick<PhaseStatus, 'phase' | 'unit' | 'total' | 'done'> & {
  started: number;
  osds: Map<string, number>;
};

function statusOf({ phase, unit, total, done, started, osds }: Phase): PhaseStatus {
  const seconds = (Date.now() - started) / 1000;
  const rate = seconds > 0 ? done / seconds : 0;
  const eta = total === null || rate === 0 ? null : Math.max(0, total - done) / rate;
  const rounded = (n: number) => Math.round(n * 1000) / 1000;
  return {
    ...{ phase, unit, done, total, rate: rounded(rate), seconds: rounded(seconds) },
    eta: eta === null ? null : rounded(eta),
    ...(osds.size === 0 ? {} : { osds: Object.fromEntries(osds) }),
  };
}

/** Keeps count of what passes through to `inner`, which shows it. */
export function trackProgress(inner: Progress): TrackedProgress {
  let now: Phase | undefined;
  const gave = (osd: string, amount: number) => {
    now?.osds.set(osd, (now.osds.get(osd) ?? 0) + amount);
  };
  return {
    begin(phase, unit, total) {
      now = { phase, unit, total: total ?? null, done: 0, started: Date.now(), osds: new Map() };
      inner.begin(phase, unit, total);
    },
    advance(amount, osd) {
      if (now !== undefined) now.done += amount;
      if (osd !== undefined) gave(osd, amount);
      inner.advance(amount, osd);
    },
    end() {
      inner.end();
      now = undefined;
    },
    gave,
    status: () => now && statusOf(now),
  };
}

/** A status in one line, for people. */
export function statusText(status: PhaseStatus | undefined): string {
  if (status === undefined) return 'rbd-salvage: working, nothing that is counted';
  const { phase, unit, done, total, rate, eta, osds = {} } = status;
  const text = (n: number) => (unit === 'bytes' ? bytesText(n) : `${countText(n)} objects`);
  const of = total === null ? '' : ` of ${text(total)}`;
  const left = eta === null ? '' : `, ETA ${durationText(eta)}`;
  const each = Object.entries(osds).map(([osd, amount]) => `${osd} ${text(amount)}`);
  const from = each.length === 0 ? '' : `; ${each.join(', ')}`;
  return `rbd-salvage: ${phase}: ${text(done)}${of}, ${text(Math.round(rate))}/s${left}${from}`;
}
