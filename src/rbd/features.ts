/**
 * Feature, operation and flag bits with the names `rbd info` prints, in its order.
 * Source: `docs/formats/rbd.md`, "Feature bits"; names as printed by 16.2.
 */

/** bit 0: clones may have a parent */
export const FEATURE_LAYERING = 0x1n;
/** bit 1: `stripe_unit` and `stripe_count` differ from the defaults */
export const FEATURE_STRIPING = 0x2n;
export const FEATURE_EXCLUSIVE_LOCK = 0x4n;
export const FEATURE_OBJECT_MAP = 0x8n;
export const FEATURE_FAST_DIFF = 0x10n;
export const FEATURE_DEEP_FLATTEN = 0x20n;
/** bit 6: the newest writes may be in the journal only */
export const FEATURE_JOURNALING = 0x40n;
/** bit 7: data objects are in the pool `data_pool_id` */
export const FEATURE_DATA_POOL = 0x80n;
/** bit 8: `op_features` is in use */
export const FEATURE_OPERATIONS = 0x100n;
/** bit 9: the header has a `migration` record */
export const FEATURE_MIGRATING = 0x200n;
export const FEATURE_NON_PRIMARY = 0x400n;
/** bit 11: the newest data may be in a client's persistent cache, which is not on any OSD */
export const FEATURE_DIRTY_CACHE = 0x800n;

type BitNames = readonly (readonly [bit: bigint, name: string])[];

const FEATURES: BitNames = [
  [FEATURE_LAYERING, 'layering'],
  [FEATURE_STRIPING, 'striping'],
  [FEATURE_EXCLUSIVE_LOCK, 'exclusive-lock'],
  [FEATURE_OBJECT_MAP, 'object-map'],
  [FEATURE_FAST_DIFF, 'fast-diff'],
  [FEATURE_DEEP_FLATTEN, 'deep-flatten'],
  [FEATURE_JOURNALING, 'journaling'],
  [FEATURE_DATA_POOL, 'data-pool'],
  [FEATURE_OPERATIONS, 'operations'],
  [FEATURE_MIGRATING, 'migrating'],
  [FEATURE_NON_PRIMARY, 'non-primary'],
  [FEATURE_DIRTY_CACHE, 'dirty-cache'],
];

const OP_FEATURES: BitNames = [
  [0x1n, 'clone-parent'],
  [0x2n, 'clone-child'],
  [0x4n, 'group'],
  [0x8n, 'snap-trash'],
];

export const FLAG_OBJECT_MAP_INVALID = 0x1n;
export const FLAG_FAST_DIFF_INVALID = 0x2n;

const FLAGS: BitNames = [
  [FLAG_OBJECT_MAP_INVALID, 'object map invalid'],
  [FLAG_FAST_DIFF_INVALID, 'fast diff invalid'],
];

const namesOf = (bits: bigint, table: BitNames): string[] =>
  table.filter(([bit]) => (bits & bit) !== 0n).map(([, name]) => name);

/** Names of the known bits in `features`; for the others see `unknownFeatures`. */
export const featureNames = (features: bigint): string[] => namesOf(features, FEATURES);
export const opFeatureNames = (opFeatures: bigint): string[] => namesOf(opFeatures, OP_FEATURES);
export const flagNames = (flags: bigint): string[] => namesOf(flags, FLAGS);

/** The bits of `features` that no release up to 16.2 defines; 0 when all are known. */
export const unknownFeatures = (features: bigint): bigint =>
  FEATURES.reduce((bits, [bit]) => bits & ~bit, features);

/** The bits of feature names, or undefined when one of them is no feature. */
export function featureBits(names: readonly string[]): bigint | undefined {
  let bits = 0n;
  for (const name of names) {
    const feature = FEATURES.find(([, known]) => known === name);
    if (feature === undefined) return undefined;
    bits |= feature[0];
  }
  return bits;
}
