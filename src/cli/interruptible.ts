import { EXIT, type ExitCode } from '../errors/exit-codes.ts';
import { SalvageError } from '../errors/salvage-error.ts';
import { exitAtOnce } from '../io/native.ts';
import type { CommandContext } from './context.ts';

/** A closed terminal (SIGHUP) is a Ctrl-C like any other: the session of a rescue breaks easily. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ctrl-C once: nothing new is begun, what is in flight is finished and kept. Twice: at once, with
 * what was kept until then. `done` lets go of the signals.
 */
export function interruptible(context: CommandContext): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) exitAtOnce(EXIT.interrupted);
    context.say('interrupted: finishing what is in flight; once more to stop at once');
    controller.abort();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  const done = () => {
    for (const name of SIGNALS) process.off(name, onSignal);
  };
  return { signal: controller.signal, done };
}

/**
 * Runs what may be interrupted, which ends it with 130; what was done by then is kept by `run`.
 * @param told what is said then
 */
export async function untilInterrupted(
  context: CommandContext,
  run: (signal: AbortSignal) => Promise<ExitCode>,
  told = 'interrupted',
): Promise<ExitCode> {
  const { signal, done } = interruptible(context);
  try {
    return await run(signal);
  } catch (error) {
    if (!signal.aborted || error instanceof SalvageError) throw error;
    context.warn(told);
    return EXIT.interrupted;
  } finally {
    done();
  }
}
