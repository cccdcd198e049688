/** What an image's name says of the system that made it. For people who look for "the disk of VM 104". */
export interface ImageOrigin {
  system: 'cinder' | 'nova' | 'glance' | 'proxmox' | 'ceph-csi' | 'kubernetes';
  /** the system's word for what it is: volume, disk, image, base, state … */
  kind: string;
  /** the uuid (lower case) or VM number that the name holds */
  id: string;
}

interface Convention {
  system: ImageOrigin['system'];
  pattern: RegExp;
  kind: (match: RegExpMatchArray) => string;
}

const UUID = '(?<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`, 'is');
const always = (kind: string) => () => kind;
const named = (match: RegExpMatchArray): string => match.groups?.kind ?? '';

const CONVENTIONS: readonly Convention[] = [
  { system: 'cinder', pattern: whole(`volume-${UUID}`), kind: always('volume') },
  // A deleted volume that still has snapshots or clones is only renamed.
  { system: 'cinder', pattern: whole(`volume-${UUID}\\.deleted`), kind: always('deleted volume') },
  {
    system: 'cinder',
    pattern: whole(`volume-${UUID}\\.backup\\.(?:base|[0-9a-f-]{36})`),
    kind: always('backup'),
  },
  // _disk, _disk.config (the config drive), _disk.local, _disk.swap, _disk.eph0, _disk.rescue …
  { system: 'nova', pattern: whole(`${UUID}_(?<kind>disk(?:\\.[a-z0-9.]+)?)`), kind: named },
  {
    system: 'proxmox',
    pattern: whole('vm-(?<id>\\d+)-(?<kind>disk(?=-\\d+$)|state(?=-.)|cloudinit(?=$)).*'),
    kind: named,
  },
  { system: 'proxmox', pattern: whole('base-(?<id>\\d+)-disk-\\d+'), kind: always('base') },
  { system: 'ceph-csi', pattern: whole(`csi-vol-${UUID}(?:-temp)?`), kind: always('volume') },
  { system: 'ceph-csi', pattern: whole(`csi-snap-${UUID}`), kind: always('snapshot') },
  {
    system: 'kubernetes',
    pattern: whole(`kubernetes-dynamic-pvc-${UUID}`),
    kind: always('volume'),
  },
];

const BARE_UUID = whole(UUID);
/** Glance protects each image by a snapshot of this name. */
const GLANCE_SNAPSHOT = 'snap';

/**
 * @param name an image's name as text
 * @param snapshots names of its snapshots: a bare uuid is Glance's only with a snapshot `snap`
 */
export function imageOrigin(
  name: string,
  snapshots: readonly string[] = [],
): ImageOrigin | undefined {
  for (const { system, pattern, kind } of CONVENTIONS) {
    const match = name.match(pattern);
    if (match !== null) return { system, kind: kind(match), id: idOf(match) };
  }
  const bare = snapshots.includes(GLANCE_SNAPSHOT) ? name.match(BARE_UUID) : null;
  return bare === null ? undefined : { system: 'glance', kind: 'image', id: idOf(bare) };
}

const idOf = (match: RegExpMatchArray): string => (match.groups?.id ?? '').toLowerCase();
