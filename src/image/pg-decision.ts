import { compareEversion, isNever } from '../ceph/encoding.ts';
import { isComplete, type PgCopy } from './pg-copies.ts';

/** Which copy of a placement group says what exists; docs/replica-choice.md. */
export interface PgDecision {
  /** every copy there is of the objects concerned */
  copies: PgCopy[];
  /** undefined: no complete copy, the newest version of each object is the best guess */
  authority: PgCopy | undefined;
  /** all copies are complete, equally new and miss nothing */
  agreed: boolean;
  /** why even the authority may be stale */
  doubt: string | undefined;
  /** why an object that none of the copies has may exist all the same */
  absenceDoubt: string | undefined;
  /** OSDs (index in `Cluster.osds`, name) that hold the PG and cannot say what it should contain */
  blind: Map<number, string>;
}

/** What is known besides the copies themselves. */
export interface PgContext {
  erasure: boolean;
  blind?: Map<number, string>;
  /** why the copies here may all be older than ones that are not here, by the newest OSD map */
  wentOn?: (peers: readonly PgCopy[], copies: readonly PgCopy[]) => string | undefined;
  /** different objects that copies have together; undefined where that cannot be told */
  together?: (peers: readonly PgCopy[]) => number | undefined;
}

const maxOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);

/**
 * Chooses as Ceph's peering does: of the copies that took part in the newest interval, the one with
 * the newest log; in erasure-coded pools the oldest of them, since what only some shards have was
 * never acknowledged.
 */
export function choosePgAuthority(
  copies: readonly PgCopy[],
  { erasure, blind = new Map(), wentOn, together }: PgContext,
): PgDecision {
  const complete = copies.filter(isComplete);
  const own = maxOf(complete.map(({ info }) => info.lastEpochStarted));
  const candidates = complete.filter(({ info }) => info.lastEpochStarted >= own);
  const authority = [...candidates].sort(bestFirst(erasure))[0];
  const peers =
    authority === undefined ? copies : candidates.filter((copy) => isPeer(copy, authority));
  const doubt =
    authority === undefined
      ? noCopy(copies)
      : (missedInterval(copies, own) ?? flawOf(authority) ?? wentOn?.(peers, copies));
  const unlisted = peers.length > 0 && peers.every((copy) => copy.unlisted);
  const absenceDoubt = unlisted
    ? `part of the PG on ${authority!.osd.name} cannot be listed`
    : shortage(authority && shortOf(authority, copies), together);
  return {
    copies: [...copies],
    authority,
    agreed:
      authority !== undefined &&
      doubt === undefined &&
      blind.size === 0 &&
      copies.every((copy) => equals(copy, authority)),
    doubt,
    absenceDoubt: doubt ?? absenceDoubt,
    blind,
  };
}

/** Order of copies that took part in the same interval. */
const bestFirst =
  (erasure: boolean) =>
  (a: PgCopy, b: PgCopy): number =>
    (erasure ? -1 : 1) * compareEversion(b.info.lastUpdate, a.info.lastUpdate) ||
    Number(b.caughtUp) - Number(a.caughtUp) ||
    Number(a.damage !== undefined) - Number(b.damage !== undefined) ||
    compareEversion(a.info.logTail, b.info.logTail) ||
    a.missing.size - b.missing.size;

const noCopy = ({ length }: readonly PgCopy[]): string =>
  length === 0 ? "no OSD here has the PG's metadata" : 'no complete copy of the PG is here';

/** No copy took part in the newest interval: what it wrote is on OSDs that are not here. */
function missedInterval(copies: readonly PgCopy[], own: number): string | undefined {
  const known = maxOf(copies.map(({ info }) => info.history.lastEpochStarted));
  return known > own
    ? `the PG was last active in epoch ${known}, its copies here only up to ${own}: newer ones are missing`
    : undefined;
}

/** What is wrong with the best copy there is. */
function flawOf({ osd, damage, caughtUp }: PgCopy): string | undefined {
  if (damage !== undefined) return `${osd.name}: ${damage}`;
  return caughtUp
    ? undefined
    : `${osd.name} was recovering, and nothing tells which objects it lacked`;
}

/** Objects that a copy knows it lacks altogether, not just their newest version. */
const knownAbsent = ({ missing }: PgCopy): number =>
  [...missing.values()].filter(({ have, isDelete }) => !isDelete && isNever(have)).length;

/** A PG of which every copy that counts has fewer objects than there were. */
interface ShortPg {
  /** that it had */
  objects: number;
  /** that the copy with most of them has, or knows it lacks */
  most: number;
  peers: readonly PgCopy[];
}

/** Ceph counts what a PG has: where a copy has less, a file system has lost it without a word. */
function shortOf(authority: PgCopy, copies: readonly PgCopy[]): ShortPg | undefined {
  const peers = copies.filter((copy) => isPeer(copy, authority));
  // A scrub sets the primary's right, and those of the others with the next write.
  const counts = peers.map(({ info }) => info.objects);
  if (!counts.every((count) => count !== undefined)) return undefined;
  const objects = Math.min(...counts);
  const most = maxOf(peers.map((copy) => copy.listed + knownAbsent(copy)));
  return most < objects ? { objects, most, peers } : undefined;
}

/** Each may have lost others: together they may still have them all. */
function shortage(short: ShortPg | undefined, together: PgContext['together']): string | undefined {
  if (short === undefined) return undefined;
  const { objects, most, peers } = short;
  const known = maxOf(peers.map(knownAbsent));
  const all = peers.length > 1 ? (together?.(peers) ?? 0) + known : 0;
  const here = Math.max(most, all);
  return here < objects
    ? `the PG had ${objects} objects, ${here} are here: this may be one of the others`
    : undefined;
}

/** The copies that count of a PG where each of them has too few objects; undefined where that is not so. */
export function shortPeers(
  copies: readonly PgCopy[],
  context: PgContext,
): readonly PgCopy[] | undefined {
  let short: readonly PgCopy[] | undefined;
  choosePgAuthority(copies, {
    ...context,
    together: (peers) => {
      short = peers;
      return undefined;
    },
  });
  return short;
}

/** As new as the authority: by Ceph's rules it holds the same objects. */
export const isPeer = (copy: PgCopy, { info, caughtUp }: PgCopy): boolean =>
  isComplete(copy) &&
  copy.caughtUp === caughtUp &&
  compareEversion(copy.info.lastUpdate, info.lastUpdate) === 0;

const equals = (copy: PgCopy, authority: PgCopy): boolean =>
  isComplete(copy) &&
  copy.caughtUp &&
  copy.damage === undefined &&
  copy.missing.size === 0 &&
  copy.bits === authority.bits &&
  compareEversion(copy.info.lastUpdate, authority.info.lastUpdate) === 0;
