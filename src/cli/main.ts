import { Command, CommanderError } from 'commander';
import { EXIT, type ExitCode } from '../errors/exit-codes.ts';
import { errorText, SalvageError } from '../errors/salvage-error.ts';
import { exitAtOnce } from '../io/native.ts';
import { hasStuckThreads } from '../workers/pool.ts';
import { registerCheck } from './commands/check.ts';
import { registerChildren } from './commands/children.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDu } from './commands/du.ts';
import { registerExport } from './commands/export.ts';
import { registerExportDiff } from './commands/export-diff.ts';
import { registerInfo } from './commands/info.ts';
import { registerLs } from './commands/ls.ts';
import { registerNamespaceLs } from './commands/namespace-ls.ts';
import { registerPoolLs } from './commands/pool-ls.ts';
import { registerScan } from './commands/scan.ts';
import { registerSnapLs } from './commands/snap-ls.ts';
import { registerTrashLs } from './commands/trash-ls.ts';
import type { CommandContext, Command as SalvageCommand, Streams } from './context.ts';
import { decisionLog, noLog } from './decision-log.ts';
import { EXIT_STATUSES } from './describe/program-words.ts';
import { jsonProgress } from './json-progress.ts';
import { type CommonOptions, joinProgress } from './options.ts';
import { barProgress, silentProgress } from './progress.ts';
import { statusText, type TrackedProgress, trackProgress } from './progress-state.ts';
import { VERSION } from './version.ts';

const EXIT_STATUS = `
Exit status:
${EXIT_STATUSES.map(([status, meaning]) => `  ${status.padEnd(5)}${meaning}`).join('\n')}`;

function progressFor({ progress, quiet }: CommonOptions, { stderr }: Streams): TrackedProgress {
  const wanted = progress ?? (stderr.isTTY === true ? 'bar' : false);
  if (quiet || wanted === false) return trackProgress(silentProgress);
  return wanted === 'json' ? jsonProgress(stderr) : trackProgress(barProgress(stderr));
}

/** What a command is given, and what the program itself asks of it. */
type RunContext = CommandContext & { progress: TrackedProgress };

function contextFor(options: CommonOptions, streams: Streams): RunContext {
  const quiet = options.quiet === true;
  const write = (line: string) => void streams.stderr.write(`${line}\n`);
  const log = options.log === undefined ? noLog : decisionLog(options.log, write);
  const logged = (event: string, show: (line: string) => void) => (line: string) => {
    log.add({ event, text: line });
    show(line);
  };
  const progress = progressFor(options, streams);
  return {
    streams,
    say: logged('message', quiet ? () => {} : write),
    warn: logged('warning', write),
    progress,
    log,
    decided: (decision) => {
      if (decision.bytes !== undefined) progress.gave(decision.osd!, decision.bytes);
      log.add(decision);
    },
    json: options.format === 'json',
    pretty: options.prettyFormat === true,
  };
}

/** What a command needs to hook itself into the program. */
export interface Registry {
  program: Command;
  /** runs `command` when commander calls the action; positional arguments come first */
  run<Options>(command: SalvageCommand<Options>, options: Options & CommonOptions): Promise<void>;
}

const statusOf = (error: unknown): ExitCode =>
  error instanceof SalvageError && error.code === 'USAGE' ? EXIT.usage : EXIT.failed;

/** A line for the operator; for a bug of ours the stack too, since nobody else can find it. */
function explain(error: unknown, streams: Streams): void {
  const isBug = !(error instanceof SalvageError);
  const text = isBug && error instanceof Error ? (error.stack ?? error.message) : errorText(error);
  streams.stderr.write(`rbd-salvage: ${isBug ? 'a bug in rbd-salvage: ' : ''}${text}\n`);
}

/** In the order of `--help`. */
const COMMANDS: readonly ((registry: Registry) => void)[] = [
  registerScan,
  registerLs,
  registerInfo,
  registerExport,
  registerCheck,
  registerSnapLs,
  registerChildren,
  registerDu,
  registerDiff,
  registerExportDiff,
  registerTrashLs,
  registerNamespaceLs,
  registerPoolLs,
  registerCompletion,
];

/** The program with all its commands and options, which `run` is called for. */
export function makeProgram(run: Registry['run']): Command {
  const program = new Command('rbd-salvage')
    .description('Gets RBD images back from the disks of a dead Ceph cluster.')
    .version(VERSION)
    .addHelpText('after', EXIT_STATUS);
  for (const register of COMMANDS) register({ program, run });
  return program;
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

/**
 * The whole program.
 * @param argv arguments without node and script
 * @returns the exit status
 */
export async function run(argv: readonly string[], streams: Streams): Promise<ExitCode> {
  let status: ExitCode = EXIT.ok;
  let closed = false;
  const contexts: RunContext[] = [];
  const onStatus = () => {
    for (const { progress } of contexts) streams.stderr.write(`${statusText(progress.status())}\n`);
  };
  // A reader that has seen enough (`ls | head`) is no reason for a stack trace.
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed = true;
  };
  for (const stream of [streams.stdout, streams.stderr]) stream.on('error', onError);
  const program = makeProgram(async (command, options) => {
    const context = contextFor(options, streams);
    contexts.push(context);
    context.log.add({ event: 'begin', rbd_salvage: VERSION, arguments: argv });
    status = await command(options, context);
    context.log.add({ event: 'end', status });
  });
  forEachCommand(program, (command) =>
    command.exitOverride().configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    }),
  );
  // Node would start its debugger.
  process.on('SIGUSR1', onStatus);
  try {
    await program.parseAsync(joinProgress(argv), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    for (const { log } of contexts) log.add({ event: 'error', text: errorText(error) });
    explain(error, streams);
    status = statusOf(error);
    return status;
  } finally {
    // A bar left running would keep the process alive.
    for (const { progress, log } of contexts) {
      progress.end();
      log.close();
    }
    process.off('SIGUSR1', onStatus);
    for (const stream of [streams.stdout, streams.stderr]) await settled(stream);
    for (const stream of [streams.stdout, streams.stderr]) stream.off('error', onError);
    // Node would wait for them, and a disk that hangs may never let go.
    if (hasStuckThreads()) exitAtOnce(closed ? EXIT.failed : status);
  }
  return closed ? EXIT.failed : status;
}

/** Waits until what was written has gone out or failed, so that no error comes after the handlers. */
const settled = (stream: NodeJS.WritableStream): Promise<void> =>
  new Promise((resolve) => {
    if (!stream.writable) resolve();
    else stream.write('', () => resolve());
  });
