import type { Command } from 'commander';
import {
  type CommandWords,
  callsOf,
  commandsOf,
  firstWords,
  type OptionWords,
} from './command-words.ts';

/** Within single quotes, and within `_arguments` specs, where `:` and brackets have a meaning. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const inSpec = (text: string): string => text.replace(/[:[\]\\]/g, '\\$&');

function valueSpec({ value, choices, takesFile }: OptionWords): string {
  if (value === '') return '';
  const message = inSpec(value.replace(/[<>[\].]/g, ''));
  if (choices.length > 0) return `:${message}:(${choices.join(' ')})`;
  return `:${message}:${takesFile ? '_files' : ''}`;
}

/** An option may be repeated, and excludes nothing: what commander checks is not checked twice. */
const optionSpecs = (option: OptionWords): string[] =>
  option.flags.map((flag) => quoted(`*${flag}[${inSpec(option.description)}]${valueSpec(option)}`));

function argumentSpecs({ arguments: list }: CommandWords): string[] {
  return list.map(({ name, choices }) => {
    const action = choices.length > 0 ? `(${choices.join(' ')})` : '_files';
    const message = inSpec(name.replace(/[<>[\]]/g, ''));
    return quoted(`${name.includes('...') ? '*' : ''}:${message}:${action}`);
  });
}

function branch(command: CommandWords): string {
  const specs = [...command.options.flatMap(optionSpecs), ...argumentSpecs(command)];
  const calls = callsOf(command).map(quoted).join('|');
  return `    ${calls})\n      _arguments -s \\\n${specs.map((spec) => `        ${spec}`).join(' \\\n')} ;;`;
}

const described = (words: readonly { word: string; description: string }[]): string =>
  words.map(({ word, description }) => quoted(`${word}:${description}`)).join(' ');

/** A completion function for zsh, for a directory of `fpath` as `_rbd-salvage`. */
export function zshCompletion(program: Command): string {
  const name = program.name();
  const commands = commandsOf(program);
  const groups = [...new Set(commands.filter((c) => c.path.length > 1).map((c) => c.path[0]!))];
  const second = groups.map((group) => {
    const inGroup = commands.filter(({ path }) => path.length > 1 && path[0] === group);
    const words = inGroup.map(({ path, description }) => ({ word: path[1]!, description }));
    return `      ${group}) choices=(${described(words)}) ;;`;
  });
  return `#compdef ${name}
# zsh completion of ${name}; made by: ${name} completion zsh
_rbd_salvage() {
  local call
  local -a choices
  if ((CURRENT == 2)); then
    choices=(${described(firstWords(program))})
    _describe command choices
    return
  fi
  call=$words[2]
  if [[ $call == (${groups.join('|')}) ]]; then
    if ((CURRENT == 3)); then
      case $call in
${second.join('\n')}
      esac
      _describe command choices
      return
    fi
    call="$call $words[3]"
    shift words
    ((CURRENT--))
  fi
  shift words
  ((CURRENT--))
  case $call in
${commands.map(branch).join('\n')}
  esac
}
if [[ $funcstack[1] == _rbd-salvage ]]; then _rbd_salvage "$@"; else compdef _rbd_salvage ${name}; fi
`;
}
