import { EXIT } from '../errors/exit-codes.ts';
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
