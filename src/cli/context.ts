import type { ExitCode } from '../errors/exit-codes.ts';
import type { Decision } from '../export/decision.ts';
import type { Progress } from '../io/ports.ts';
import type { DecisionLog } from './decision-log.ts';

/** The streams of a run: `process` itself, or what a test hands in. */
export interface Streams {
  stdout: NodeJS.WritableStream & { isTTY?: boolean };
  stderr: NodeJS.WritableStream & { isTTY?: boolean };
}

/** What every command is given besides its own options. */
export interface CommandContext {
  streams: Streams;
  /** for people, on stderr; silent with --quiet */
  say: (line: string) => void;
  /** problems, on stderr, whatever --quiet says */
  warn: (line: string) => void;
  progress: Progress;
  log: DecisionLog;
  /** told of every copy taken or given up */
  decided: (decision: Decision) => void;
  /** one JSON document on stdout is all that may be written there */
  json: boolean;
  pretty: boolean;
}

/** A command: options in, exit status out; everything it shows goes through the context. */
export type Command<Options> = (options: Options, context: CommandContext) => Promise<ExitCode>;

export function printJson(context: CommandContext, value: unknown): void {
  const text = JSON.stringify(value, undefined, context.pretty ? 4 : undefined);
  context.streams.stdout.write(`${text}\n`);
}
