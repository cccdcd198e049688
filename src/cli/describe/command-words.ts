import type { Argument, Command, Option } from 'commander';

/** What completions and the manual say of an option, out of the commander program itself. */
export interface OptionWords {
  /** `-q`, `--quiet`; long ones last */
  flags: string[];
  /** `<file>`, `[file...]`; empty where it takes nothing */
  value: string;
  description: string;
  choices: readonly string[];
  /** its value is a file's or directory's name */
  takesFile: boolean;
  isVariadic: boolean;
}

/** One command that can be run; `path` is `['snap', 'ls']` for one of two words. */
export interface CommandWords {
  path: string[];
  aliases: readonly string[];
  description: string;
  /** as `--help` shows it, without the program's name */
  usage: string;
  arguments: { name: string; description: string; choices: readonly string[] }[];
  options: OptionWords[];
}

const FILE_VALUE = /<(file|path|osd=path|osd=file|dir|dest)(\.\.\.)?>/i;

function optionWords(option: Option): OptionWords {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const value = /[<[].*$/.exec(option.flags)?.[0] ?? '';
  const choices = option.argChoices ?? [];
  const hasDefault = option.defaultValue !== undefined && option.defaultValue !== true;
  return {
    flags,
    value,
    description: hasDefault
      ? `${option.description} (default: ${option.defaultValue})`
      : option.description,
    choices,
    takesFile: FILE_VALUE.test(value),
    isVariadic: option.variadic,
  };
}

const argumentWords = (argument: Argument) => ({
  name: `${argument.required ? '<' : '['}${argument.name()}${argument.variadic ? '...' : ''}${argument.required ? '>' : ']'}`,
  description: argument.description,
  choices: argument.argChoices ?? [],
});

/** All commands that do something, in the order of `--help`; groups such as `snap` are left out. */
export function commandsOf(command: Command, path: readonly string[] = []): CommandWords[] {
  return command.commands.flatMap((child) => {
    const own = [...path, child.name()];
    if (child.commands.length > 0) return commandsOf(child, own);
    const shown = child.createHelp();
    const options = shown.visibleOptions(child).map(optionWords);
    const words = {
      path: own,
      aliases: child.aliases(),
      description: child.description(),
      usage: child.usage(),
      arguments: shown.visibleArguments(child).map(argumentWords),
      options,
    };
    return [words];
  });
}

/** The commands of one word, and those that hold others, each with what it is for. */
export function firstWords(program: Command): { word: string; description: string }[] {
  return program.commands.flatMap((command) =>
    [command.name(), ...command.aliases()].map((word) => ({
      word,
      description: command.description(),
    })),
  );
}

/** Words by which a command is called: `ls` and `list`, `snap ls` and `snap list`. */
export const callsOf = ({ path, aliases }: CommandWords): string[] =>
  [path.at(-1)!, ...aliases].map((last) => [...path.slice(0, -1), last].join(' '));
