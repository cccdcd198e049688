import { Command, CommanderError } from 'commander';
import { EXIT, type ExitCode } from '../errors/exit-codes.ts';
import { errorText, SalvageError } from '../errors/salvage-error.ts';
import '../io/native-crc32c.ts';
import { hasStuckThreads } from '../workers/stuck-threads.ts';
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
  /** with all commands, for what describes them */
  whole: () => Promise<Command>;
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

type Register = (registry: Registry) => void;

/**
 * By name as it is typed, in the order of `--help`. Each is loaded when it is called for: what the
 * others need would take most of a short run.
 */
const COMMANDS: Record<string, () => Promise<Register>> = {
  scan: async () => (await import('./commands/scan.ts')).registerScan,
  ls: async () => (await import('./commands/ls.ts')).registerLs,
  info: async () => (await import('./commands/info.ts')).registerInfo,
  export: async () => (await import('./commands/export.ts')).registerExport,
  check: async () => (await import('./commands/check.ts')).registerCheck,
  'snap ls': async () => (await import('./commands/snap-ls.ts')).registerSnapLs,
  children: async () => (await import('./commands/children.ts')).registerChildren,
  du: async () => (await import('./commands/du.ts')).registerDu,
  diff: async () => (await import('./commands/diff.ts')).registerDiff,
  'export-diff': async () => (await import('./commands/export-diff.ts')).registerExportDiff,
  'trash ls': async () => (await import('./commands/trash-ls.ts')).registerTrashLs,
  'namespace ls': async () => (await import('./commands/namespace-ls.ts')).registerNamespaceLs,
  'pool ls': async () => (await import('./commands/pool-ls.ts')).registerPoolLs,
  completion: async () => (await import('./commands/completion.ts')).registerCompletion,
};

/** Only those that the first argument names; all of them where it names none, for the help text. */
function commandsFor(first = ''): Promise<Register[]> {
  if (first === '--version' || first === '-V') return Promise.resolve([]);
  const called = Object.keys(COMMANDS).filter((name) => name.split(' ')[0] === first);
  const loads = called.length > 0 ? called.map((name) => COMMANDS[name]!) : Object.values(COMMANDS);
  return Promise.all(loads.map((load) => load()));
}

/**
 * The program with its commands and options, which `run` is called for.
 * @param first the first argument, where only what it calls is wanted
 */
export async function makeProgram(run: Registry['run'], first?: string): Promise<Command> {
  const program = new Command('rbd-salvage')
    .description('Gets RBD images back from the disks of a dead Ceph cluster.')
    .version(VERSION)
    .addHelpText('after', EXIT_STATUS);
  const whole = () => makeProgram(run);
  for (const register of await commandsFor(first)) register({ program, run, whole });
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
  // A reader that has seen enough (`ls | head`) is no reason for a stack trace; a full disk is one for a line.
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && !closed) {
      streams.stderr.write(`rbd-salvage: cannot write to standard output: ${error.message}\n`);
    }
    closed = true;
  };
  // That nobody can be told stops no recovery.
  const onDeaf = () => {};
  streams.stdout.on('error', onError);
  streams.stderr.on('error', onDeaf);
  const program = await makeProgram(async (command, options) => {
    const context = contextFor(options, streams);
    contexts.push(context);
    context.log.add({ event: 'begin', rbd_salvage: VERSION, arguments: argv });
    status = await command(options, context);
    context.log.add({ event: 'end', status });
  }, argv[0]);
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
    streams.stdout.off('error', onError);
    streams.stderr.off('error', onDeaf);
    // Node would wait for them, and a disk that hangs may never let go.
    if (hasStuckThreads()) {
      // Some reads cannot even be killed: a shell waits for them then. Nobody may be there to be told.
      streams.stderr.on('error', () => {}).write(LINGERING);
      const { exitAtOnce } = await import('../io/native.ts');
      exitAtOnce(closed ? EXIT.failed : status);
    }
  }
  return closed ? EXIT.failed : status;
}

const LINGERING =
  'rbd-salvage: finished, but a disk has not answered: if this process does not end, the kernel waits for it\n';

/** Waits until what was written has gone out or failed, so that no error comes after the handlers. */
const settled = (stream: NodeJS.WritableStream): Promise<void> =>
  new Promise((resolve) => {
    if (!stream.writable) resolve();
    else stream.write('', () => resolve());
  });
