import type { Command } from 'commander';
import { callsOf, commandsOf, firstWords, type OptionWords } from './command-words.ts';

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;

function optionLine(condition: string, option: OptionWords): string {
  const flags = option.flags.map((flag) =>
    flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
  );
  // -x: a value, and no file's name; -r: a value, any; -f with neither
  const takes = option.value === '' ? '-f' : option.takesFile ? '-rF' : '-x';
  const values = option.choices.length > 0 ? ` -a ${quoted(option.choices.join(' '))}` : '';
  const description = quoted(option.description);
  return `complete -c rbd-salvage -n ${condition} ${flags.join(' ')} ${takes}${values} -d ${description}`;
}

/** Is the command line, without options in front of it, one of this command? */
const at = (calls: readonly string[]): string =>
  quoted(`__rbd_salvage_at ${calls.map((call) => `"${call}"`).join(' ')}`);

/** A completion script for fish. */
export function fishCompletion(program: Command): string {
  const name = program.name();
  const commands = commandsOf(program);
  const groups = new Set(commands.filter((c) => c.path.length > 1).map((c) => c.path[0]!));
  const lines = firstWords(program).map(
    ({ word, description }) =>
      `complete -c ${name} -n __rbd_salvage_at_start -f -a ${word} -d ${quoted(description)}`,
  );
  for (const { path, description } of commands.filter((c) => c.path.length > 1)) {
    const condition = quoted(`__rbd_salvage_in ${path[0]}`);
    lines.push(`complete -c ${name} -n ${condition} -f -a ${path[1]} -d ${quoted(description)}`);
  }
  for (const command of commands) {
    const condition = at(callsOf(command));
    for (const option of command.options) lines.push(optionLine(condition, option));
    const words = command.arguments.flatMap(({ choices }) => choices);
    if (words.length > 0) {
      lines.push(`complete -c ${name} -n ${condition} -f -a ${quoted(words.join(' '))}`);
    }
  }
  return `# fish completion of ${name}; made by: ${name} completion fish
function __rbd_salvage_at_start
    test (count (commandline -opc)) -eq 1
end
function __rbd_salvage_in
    set -l words (commandline -opc)
    test (count $words) -eq 2; and test $words[2] = $argv[1]
end
function __rbd_salvage_at
    set -l words (commandline -opc)
    set -l call $words[2]
    contains -- "$call" ${[...groups].join(' ')}; and set call "$call $words[3]"
    contains -- "$call" $argv
end
${lines.join('\n')}
`;
}
