import type { Command } from 'commander';
import { type CommandWords, commandsOf, type OptionWords } from './command-words.ts';
import { ENVIRONMENT, EXAMPLES, EXIT_STATUSES, FILES } from './program-words.ts';

/** Text for troff: backslashes and hyphens are themselves, and a line may not begin with a control. */
const plain = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

const flagsText = ({ flags, value }: OptionWords): string =>
  `${flags.map((flag) => `\\fB${plain(flag)}\\fR`).join(', ')}${value === '' ? '' : ` \\fI${plain(value)}\\fR`}`;

const keyOf = (option: OptionWords): string => JSON.stringify([option.flags, option.description]);

function optionText(option: OptionWords): string[] {
  const among = option.choices.length > 0 ? ` (${option.choices.join(', ')})` : '';
  return ['.TP', flagsText(option), plain(`${option.description}${among}`)];
}

/** Options that at least half of the commands have are explained once. */
function sharedOptions(commands: readonly CommandWords[]): OptionWords[] {
  const counts = new Map<string, { option: OptionWords; count: number }>();
  for (const option of commands.flatMap((command) => command.options)) {
    const known = counts.get(keyOf(option)) ?? { option, count: 0 };
    counts.set(keyOf(option), { option, count: known.count + 1 });
  }
  const half = commands.length / 2;
  return [...counts.values()].filter(({ count }) => count >= half).map(({ option }) => option);
}

function commandText(name: string, command: CommandWords, shared: ReadonlySet<string>): string[] {
  const own = command.options.filter((option) => !shared.has(keyOf(option)));
  const common = command.options.filter((option) => shared.has(keyOf(option)));
  const { path, aliases, usage } = command;
  const uses = usage
    .split('\n')
    .map((line) => line.trim().replace(new RegExp(`^${name} ${path.join(' ')} `), ''));
  return [
    `.SS ${plain(path.join(' '))}`,
    ...uses.flatMap((use, i) => [
      ...(i === 0 ? [] : ['.br']),
      `\\fB${plain(`${name} ${path.join(' ')}`)}\\fR ${plain(use)}`,
    ]),
    '.PP',
    `${plain(command.description)}${aliases.length > 0 ? ` (also: ${plain(aliases.join(', '))})` : ''}`,
    ...command.arguments
      .filter(({ description }) => description !== '')
      .flatMap(({ name, description }) => ['.TP', `\\fI${plain(name)}\\fR`, plain(description)]),
    ...own.flatMap(optionText),
    ...(common.length === 0
      ? []
      : [
          '.PP',
          `Shared options: ${common.map(({ flags }) => `\\fB${plain(flags.at(-1)!)}\\fR`).join(', ')}`,
        ]),
  ];
}

const terms = (rows: readonly (readonly [string, string])[]): string[] =>
  rows.flatMap(([term, text]) => ['.TP', `\\fB${plain(term)}\\fR`, plain(text)]);

/** The manual, section 1, in troff's man macros: what `--help` says, and a few things around it. */
export function manPage(program: Command, version: string): string {
  const name = program.name();
  const commands = commandsOf(program);
  const shared = sharedOptions(commands);
  const keys = new Set(shared.map(keyOf));
  const lines = [
    `.\\" made by npm run man: do not edit`,
    `.TH ${plain(name.toUpperCase())} 1 "" "${plain(`${name} ${version}`)}" "User Commands"`,
    '.SH NAME',
    `${plain(name)} \\- recovers RBD images from the disks of a dead Ceph cluster`,
    '.SH SYNOPSIS',
    `\\fB${plain(name)}\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]`,
    '.SH DESCRIPTION',
    plain(program.description()),
    plain(
      'It reads the directories or devices of the OSDs, needs no running Ceph, and never writes to them.',
    ),
    '.SH COMMANDS',
    ...commands.flatMap((command) => commandText(name, command, keys)),
    '.SH SHARED OPTIONS',
    'Options that most commands have; each command says which.',
    ...shared.flatMap(optionText),
    '.SH EXIT STATUS',
    ...terms(EXIT_STATUSES),
    '.SH ENVIRONMENT',
    ...terms(ENVIRONMENT),
    '.SH FILES',
    ...terms(FILES),
    '.SH EXAMPLES',
    ...EXAMPLES.flatMap(([text, line]) => [
      '.PP',
      plain(text),
      '.PP',
      '.nf',
      plain(`    ${line}`),
      '.fi',
    ]),
    '.SH SEE ALSO',
    '.BR rbd (8)',
  ];
  return `${lines.join('\n')}\n`;
}
