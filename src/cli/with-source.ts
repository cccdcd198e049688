import type { ExitCode } from '../errors/exit-codes.ts';
import type { CommandContext } from './context.ts';
import type { SourceOptions } from './options.ts';
import { openSource, type Source } from './source.ts';

/** Runs a command on its SOURCE, which is closed however it ends. */
export async function withSource(
  options: SourceOptions,
  context: CommandContext,
  run: (source: Source) => ExitCode | Promise<ExitCode>,
): Promise<ExitCode> {
  const source = await openSource(options, context);
  try {
    return await run(source);
  } finally {
    await source.close();
  }
}
