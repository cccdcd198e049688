import type { Command } from 'commander';

/** The command that holds others of two words, such as `snap` of `snap ls`; made when first needed. */
export const groupOf = (program: Command, name: string, description: string): Command =>
  program.commands.find((command) => command.name() === name) ??
  program.command(name).description(description);
