import path from 'node:path';
import { nameToText } from '../bytes/names.ts';
import { usageError } from '../errors/salvage-error.ts';
import { realPath, tryReadSmallFile } from '../io/file-source.ts';
import type { FoundOsd } from '../store/detect.ts';

/** Does a word name this OSD: its number, `osd.N`, its uuid or its path? */
function isNamed({ identity, location }: FoundOsd, word: string): boolean {
  const { whoami, osdFsid } = identity;
  const number = /^(?:osd\.)?(\d{1,9})$/.exec(word)?.[1];
  if (number !== undefined && whoami === Number(number)) return true;
  return word.toLowerCase() === osdFsid || realPath(word) === realPath(location.path);
}

/** The one OSD that a word of an option names. @throws USAGE when there is none, or more than one */
export function theNamed(
  osds: readonly FoundOsd[],
  option: string,
  word: string,
  kind = '',
): FoundOsd {
  const found = osds.filter((osd) => isNamed(osd, word));
  if (found.length === 1) return found[0]!;
  const why = found.length === 0 ? `names no ${kind}OSD here` : 'names several OSDs';
  throw usageError(`${option}: ${word} ${why}`);
}

/** What of a FileStore may lie elsewhere than in its directory. */
type Part = 'journal' | 'omap';

/**
 * Applies `--journal OSD=PATH` and `--omap OSD=PATH`: where journals are that do not lie beside
 * `current/`, and databases that do not lie in it.
 * @returns the OSDs, those named with their parts
 * @throws USAGE when a word names no FileStore OSD here, or more than one
 */
export function placeParts(
  osds: readonly FoundOsd[],
  { journal = [], omap = [] }: { [part in Part]?: readonly string[] | undefined },
): FoundOsd[] {
  const placed = [...osds];
  for (const option of journal) place(placed, 'journal', option);
  for (const option of omap) place(placed, 'omap', option);
  return placed;
}

function place(placed: FoundOsd[], part: Part, option: string): void {
  const split = option.indexOf('=');
  if (split < 1 || split === option.length - 1) {
    throw usageError(`--${part} ${option}: it must be OSD=PATH, such as osd.3=/mnt/there`);
  }
  const word = option.slice(0, split);
  const osd = theNamed(
    placed.filter(({ location }) => location.kind === 'filestore'),
    `--${part} ${option}`,
    word,
    'FileStore ',
  );
  const at = path.resolve(option.slice(split + 1));
  if (part === 'omap') refuseForeign(option, at, osd);
  placed[placed.indexOf(osd)] = { ...osd, location: { ...osd.location, [part]: at } };
}

/** FileStore writes the OSD's uuid into its database's directory. */
function refuseForeign(option: string, at: string, { identity }: FoundOsd): void {
  const owner = tryReadSmallFile(path.join(at, 'osd_uuid'), 4096);
  const uuid = owner && nameToText(owner).trim();
  if (!uuid || identity.osdFsid === undefined || uuid === identity.osdFsid) return;
  throw usageError(`--omap ${option}: it is the database of ${uuid}, not of ${identity.osdFsid}`);
}
