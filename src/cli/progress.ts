import { createRequire } from 'node:module';
import type { SingleBar } from 'cli-progress';
import type { Progress } from '../io/ports.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes for people: `3.4 GiB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** `02:13:45`, or `03:45` below an hour. */
export function durationText(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return (parts[0] === 0 ? parts.slice(1) : parts).map((p) => String(p).padStart(2, '0')).join(':');
}

/** By hand: `toLocaleString` loads the tables of all languages first. */
export const countText = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

export const silentProgress: Progress = { begin: () => {}, advance: () => {}, end: () => {} };

/** A bar on stderr: amount, rate and time left of each phase. */
export function barProgress(stream: NodeJS.WritableStream): Progress {
  // Runs without a bar need not load it.
  const bars = createRequire(import.meta.url)('cli-progress') as typeof import('cli-progress');
  let bar: SingleBar | undefined;
  let started = 0;
  let done = 0;
  let show: (n: number) => string = countText;
  let total: number | undefined;
  const payload = () => {
    const seconds = (Date.now() - started) / 1000;
    const rate = seconds > 0 ? done / seconds : 0;
    const left =
      total === undefined || rate === 0 ? '' : ` ETA ${durationText((total - done) / rate)}`;
    const of = total === undefined ? '' : ` of ${show(total)}`;
    return { amount: `${show(done)}${of}, ${show(Math.round(rate))}/s${left}` };
  };
  return {
    begin(phase, unit, expected) {
      started = Date.now();
      done = 0;
      total = expected;
      show = unit === 'bytes' ? bytesText : (n) => `${countText(n)} objects`;
      const format =
        expected === undefined ? `${phase} {amount}` : `${phase} {bar} {percentage}% {amount}`;
      bar = new bars.SingleBar(
        { format, stream, noTTYOutput: true, notTTYSchedule: 2000, hideCursor: null },
        bars.Presets.shades_classic,
      );
      bar.start(expected ?? 0, 0, payload());
    },
    advance(amount) {
      done += amount;
      bar?.update(total === undefined ? 0 : Math.min(done, total), payload());
    },
    end() {
      bar?.update(total === undefined ? 0 : Math.min(done, total), payload());
      bar?.stop();
      bar = undefined;
    },
  };
}
