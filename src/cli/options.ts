import { type Command, InvalidArgumentError, Option } from 'commander';

/** Options that several commands share, as commander hands them over. */
export interface CommonOptions {
  format?: 'plain' | 'json';
  prettyFormat?: boolean;
  /** false with --no-progress */
  progress?: 'bar' | 'json' | false;
  quiet?: boolean;
  log?: string;
}

export interface SourceOptions {
  osd?: string[];
  /** BYTES or PATH=BYTES: where BlueStore begins in a device or image file */
  offset?: string[];
  /** OSD=PATH, where a journal lies elsewhere */
  journal?: string[];
  /** OSD=PATH, where an omap database lies elsewhere */
  omap?: string[];
  /** directories of loose object files */
  objects?: string[];
  catalog?: string[];
  cluster?: string;
  /** use catalogs whose scan was not finished */
  unfinished?: boolean;
  excludeOsd?: string[];
  preferOsd?: string[];
  jobs?: number;
  /** OSD=FILE: ddrescue's map of what a disk's image lacks */
  badMap?: string[];
  /** seconds that a disk may take for one read */
  readTimeout?: number;
}

/** Names an image without a spec. */
export interface ImageOptions {
  pool?: string;
  namespace?: string;
  id?: string;
  snap?: string;
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1 on.');
  }
  return Number(text);
}

const SUFFIXES: Record<string, number> = { '': 0, B: 0, K: 1, M: 2, G: 3, T: 4, P: 5 };

/** A size as `rbd` takes it, but in bytes where no unit is given: 10G, 512K, 4194304. */
export function byteSize(text: string): number {
  const match = /^(\d+)([BKMGTP]?)$/i.exec(text.replace(/iB$/i, ''));
  const size =
    match === null ? Number.NaN : Number(match[1]) * 1024 ** SUFFIXES[match[2]!.toUpperCase()]!;
  if (!Number.isSafeInteger(size)) {
    throw new InvalidArgumentError('It must be a size in bytes, or one with K, M, G or T.');
  }
  return size;
}

/**
 * `--progress` may stand alone, and what follows it is then no value: `--progress json` is one word for
 * commander.
 */
export function joinProgress(argv: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const at = argv.indexOf('--progress');
  if (at < 0 || at >= end) return [...argv];
  const next = argv[at + 1];
  const isValue = next === 'json' || next === 'bar';
  const rest = joinProgress(argv.slice(at + (isValue ? 2 : 1)));
  return [...argv.slice(0, at), `--progress=${isValue ? next : 'bar'}`, ...rest];
}

export const gather = (value: string, previous: string[] = []): string[] => [...previous, value];

export const addCommonOptions = (command: Command): Command =>
  command
    .addOption(new Option('--format <format>', 'how to answer').choices(['plain', 'json']))
    .option('--pretty-format', 'indent the JSON')
    .addOption(
      new Option(
        '--progress [how]',
        'show progress even where stderr is no terminal; json: in lines of JSON',
      ).choices(['bar', 'json']),
    )
    .option('--no-progress', 'show no progress')
    .option('--log <file>', 'append every decision and every error to this file, as lines of JSON')
    .option('-q, --quiet', 'say nothing but errors');

export const addOsdOption = (command: Command): Command =>
  command
    .option(
      '--osd <path...>',
      "an OSD's directory or its current/, a directory of OSDs, or a glob of such",
    )
    .option(
      '--journal <osd=path>',
      "a FileStore OSD's journal that is not in its directory; may be repeated",
      gather,
    )
    .option(
      '--offset <[path=]bytes>',
      'where BlueStore begins in a device or image file, if that is not found; may be repeated',
      gather,
    )
    .option(
      '--omap <osd=path>',
      "a FileStore OSD's omap database that is not in its current/; may be repeated",
      gather,
    )
    .option(
      '--objects <dir>',
      'a directory of object files that were copied out of OSDs; may be repeated',
      gather,
    )
    .option('-j, --jobs <n>', 'readers for each disk (default: 1 where it spins)', wholeNumber)
    .option(
      '--bad-map <osd=file[@bytes]>',
      "ddrescue's map file of an OSD that is the image of a failing disk; BYTES: where in the map the OSD begins; may be repeated",
      gather,
    )
    .option(
      '--read-timeout <seconds>',
      'give up a read that a disk has not answered for so long (default: 90)',
      wholeNumber,
    );

export const addSourceOptions = (command: Command): Command =>
  addOsdOption(command)
    .option('--catalog <file>', 'a catalog made by scan; may be repeated', gather)
    .option('--unfinished', 'use a catalog whose scan was not finished; results are incomplete')
    .option(
      '--exclude-osd <name>',
      'as if this OSD (osd.3) were not there; may be repeated',
      gather,
    )
    .option('--cluster <fsid>', 'the cluster meant, where there are several');

export const addImageOptions = (command: Command): Command =>
  command
    .option('-p, --pool <pool>', 'pool name, or number where no map survived')
    .option('--namespace <name>', 'namespace within the pool')
    .option('--id <id>', 'the image of this id or data prefix (with --pool)')
    .option('--snap <name>', 'a snapshot of the image');
