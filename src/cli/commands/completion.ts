import { Argument, type Command as Program } from 'commander';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { type CommandContext, printJson } from '../context.ts';
import { bashCompletion } from '../describe/bash-completion.ts';
import { fishCompletion } from '../describe/fish-completion.ts';
import { zshCompletion } from '../describe/zsh-completion.ts';
import type { Registry } from '../main.ts';
import { addCommonOptions, type CommonOptions } from '../options.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

interface CompletionOptions extends CommonOptions {
  shell: keyof typeof SHELLS;
  whole: () => Promise<Program>;
}

async function completion(
  { shell, whole }: CompletionOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const script = SHELLS[shell](await whole());
  if (context.json) printJson(context, { shell, script });
  else context.streams.stdout.write(script);
  return EXIT.ok;
}

export function registerCompletion({ program, run, whole }: Registry): void {
  const command = program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SHELLS)));
  addCommonOptions(command).action((shell: keyof typeof SHELLS, options: CommonOptions) =>
    run(completion, { ...options, shell, whole }),
  );
}
