import { describe, expect, it } from 'vitest';
import { imageOrigin } from '../../src/rbd/conventions.ts';

const UUID = '6f7c0b1e-6f0a-4d4c-9b5e-0a3f5b8a9c11';

const KNOWN: [name: string, system: string, kind: string, id: string][] = [
  [`volume-${UUID}`, 'cinder', 'volume', UUID],
  [`volume-${UUID}.deleted`, 'cinder', 'deleted volume', UUID],
  [`volume-${UUID}.backup.base`, 'cinder', 'backup', UUID],
  [`${UUID}_disk`, 'nova', 'disk', UUID],
  [`${UUID}_disk.config`, 'nova', 'disk.config', UUID],
  [`${UUID}_disk.eph0`, 'nova', 'disk.eph0', UUID],
  [`${UUID.toUpperCase()}_disk`, 'nova', 'disk', UUID],
  ['vm-104-disk-0', 'proxmox', 'disk', '104'],
  ['base-9000-disk-1', 'proxmox', 'base', '9000'],
  ['vm-104-cloudinit', 'proxmox', 'cloudinit', '104'],
  ['vm-104-state-before_upgrade', 'proxmox', 'state', '104'],
  [`csi-vol-${UUID}`, 'ceph-csi', 'volume', UUID],
  [`csi-vol-${UUID}-temp`, 'ceph-csi', 'volume', UUID],
  [`csi-snap-${UUID}`, 'ceph-csi', 'snapshot', UUID],
  [`kubernetes-dynamic-pvc-${UUID}`, 'kubernetes', 'volume', UUID],
];

const UNKNOWN = [
  'data',
  'vm_disk',
  'volume-1',
  `xvolume-${UUID}`,
  `volume-${UUID}x`,
  `volume-${UUID}\n`,
  'vm-x-disk-0',
  'vm-104-disk',
  'vm-104-diskette',
  'vm-104-state',
  'base-104-cloudinit',
  '1f0c-cirros',
  `${UUID}_diskette`,
  '',
];

describe('imageOrigin', () => {
  it.each(KNOWN)('knows %s', (name, system, kind, id) => {
    expect(imageOrigin(name)).toEqual({ system, kind, id });
  });
  it.each(UNKNOWN)('makes nothing of %j', (name) => {
    expect(imageOrigin(name)).toBeUndefined();
  });
  it('takes a bare uuid for a Glance image only when it has the snapshot Glance makes', () => {
    expect(imageOrigin(UUID, ['a', 'snap'])).toEqual({ system: 'glance', kind: 'image', id: UUID });
    expect(imageOrigin(UUID, ['a'])).toBeUndefined();
    expect(imageOrigin('data', ['snap'])).toBeUndefined();
  });
});
