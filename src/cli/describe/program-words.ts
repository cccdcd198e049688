/** What `--help` and the manual say of the program besides its commands and options. */

export const EXIT_STATUSES: readonly (readonly [string, string])[] = [
  ['0', 'everything asked for was done and is complete'],
  ['1', 'failed'],
  ['2', 'wrong usage'],
  ['3', 'done, but parts are lost or doubtful (the report says which)'],
  ['130', 'interrupted; the same command goes on'],
];

export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['RBD_SALVAGE_NO_NATIVE', '1: make no native calls; extended attributes are then unknown'],
  [
    'RBD_SALVAGE_TMPDIR',
    'where the single executable unpacks itself; about 10 MB, not mounted noexec',
  ],
];

export const FILES: readonly (readonly [string, string])[] = [
  ['DEST.report.json', 'what export found lost or doubtful; --report names another file'],
];

export const EXAMPLES: readonly (readonly [string, string])[] = [
  ['Index the disks once:', "rbd-salvage scan --osd '/mnt/dead/ceph-*' --catalog dead.catalog"],
  ['See what is there:', 'rbd-salvage ls -l --catalog dead.catalog'],
  ['Recover an image:', 'rbd-salvage export rbd/vm-disk vm-disk.raw --catalog dead.catalog'],
];
