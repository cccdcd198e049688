import type { Command } from 'commander';
import {
  type CommandWords,
  callsOf,
  commandsOf,
  firstWords,
  type OptionWords,
} from './command-words.ts';

const flagsOf = (options: readonly OptionWords[]): string =>
  options.flatMap(({ flags }) => flags).join(' ');

/** `case` branch for a command: what may follow an option, the command's options and its arguments. */
function branch(command: CommandWords): string {
  const values = command.options.filter(({ value }) => value !== '');
  const choices = values.filter((option) => option.choices.length > 0);
  const files = values.filter((option) => option.takesFile);
  const free = values.filter((option) => option.choices.length === 0 && !option.takesFile);
  const lines = [
    ...choices.map(({ flags, choices }) => `${flags.join('|')}) words='${choices.join(' ')}' ;;`),
    ...(files.length === 0 ? [] : [`${flagsOf(files).replaceAll(' ', '|')}) files=1 ;;`]),
    ...(free.length === 0 ? [] : [`${flagsOf(free).replaceAll(' ', '|')}) ;;`]),
  ];
  const positional = command.arguments.flatMap((argument) => argument.choices).join(' ');
  const rest = positional === '' ? 'files=1' : `words='${positional}'`;
  const options = flagsOf(command.options);
  const calls = callsOf(command).map((call) => `'${call}'`);
  return [
    `    ${calls.join('|')})`,
    '      case $prev in',
    ...lines.map((line) => `        ${line}`),
    `        *) if [[ $cur == -* ]]; then words='${options}'; else ${rest}; fi ;;`,
    '      esac ;;',
  ].join('\n');
}

const groupBranch = (name: string, commands: readonly CommandWords[]): string => {
  const words = commands.filter(({ path }) => path.length > 1 && path[0] === name);
  return `    '${name}') words='${words.map(({ path }) => path[1]).join(' ')}' ;;`;
};

/** A completion script for bash. */
export function bashCompletion(program: Command): string {
  const name = program.name();
  const commands = commandsOf(program);
  const groups = [...new Set(commands.filter((c) => c.path.length > 1).map((c) => c.path[0]!))];
  const first = firstWords(program).map(({ word }) => word);
  return `# bash completion of ${name}; made by: ${name} completion bash
_rbd_salvage() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words= files= call=
  ((COMP_CWORD > 1)) && call=\${COMP_WORDS[1]}
  case $call in
    ${groups.join('|')}) ((COMP_CWORD > 2)) && call="$call \${COMP_WORDS[2]}" ;;
  esac
  case $call in
    '') words='${first.join(' ')} --help --version' ;;
${groups.map((group) => groupBranch(group, commands)).join('\n')}
${commands.map(branch).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ -n $files ]]; then
    compopt -o filenames
    mapfile -t -O \${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
  fi
}
complete -F _rbd_salvage ${name}
`;
}
