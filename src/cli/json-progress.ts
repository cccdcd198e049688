import { silentProgress } from './progress.ts';
import { type TrackedProgress, trackProgress } from './progress-state.ts';

/** Often enough for a screen, seldom enough for a log. */
const INTERVAL_MS = 1000;

/**
 * `--progress json`: a line when a phase begins, one each second whether it gets on or not (a hanging disk
 * has to be seen), and one when it ends.
 */
export function jsonProgress(stream: NodeJS.WritableStream): TrackedProgress {
  const state = trackProgress(silentProgress);
  let timer: NodeJS.Timeout | undefined;
  const tell = (event: 'begin' | 'progress' | 'end') => {
    const status = state.status();
    if (status !== undefined) stream.write(`${JSON.stringify({ event, ...status })}\n`);
  };
  return {
    ...state,
    begin(phase, unit, total) {
      state.begin(phase, unit, total);
      tell('begin');
      timer = setInterval(() => tell('progress'), INTERVAL_MS).unref();
    },
    end() {
      clearInterval(timer);
      tell('end');
      state.end();
    },
  };
}
