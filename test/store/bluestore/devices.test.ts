import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../../src/bytes/crc32c.ts';
import { openDevice } from '../../../src/io/device-source.ts';
import { detectAll, detectOsds, isBlueStoreThere, pathsOf } from '../../../src/store/detect.ts';
import { blob, concat, framed, hex, patched, u32, u64 } from '../../helpers/hex.ts';
import { DB_LABEL, DB_SUPERBLOCK, MAIN_LABEL, SUPERBLOCK } from './samples.ts';

const MIB = 1 << 20;
const OSD = 'c980efe9-09eb-4394-a7ee-3c0d878b9229';
const DB_OSD = '16a39f28-3aa3-4621-993f-e96282191e9e';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bluestore-devices-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A sparse file with some bytes in it. */
function image(name: string, parts: [offset: number, bytes: Uint8Array][], size = 4 * MIB): string {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  const fd = openSync(file, 'w');
  for (const [offset, bytes] of parts) writeSync(fd, bytes, 0, bytes.length, offset);
  writeSync(fd, new Uint8Array(1), 0, 1, size - 1);
  closeSync(fd);
  return file;
}

const single = (at = 0): [number, Uint8Array][] => [
  [at, MAIN_LABEL],
  [at + 4096, SUPERBLOCK],
];

/** A label's uuid is text and binary; the checksum then is wrong, which does not matter here. */
function relabelled(label: Uint8Array, uuid: string): Uint8Array {
  const bytes = hex(uuid.replaceAll('-', ''));
  return patched(patched(label, 23, Buffer.from(uuid)), 66, bytes);
}

describe('a BlueStore device by itself', () => {
  it('is an OSD, which its label names', () => {
    const file = image('single.img', single());
    expect(detectOsds(file)).toEqual({
      osds: [
        {
          identity: {
            clusterFsid: 'd9a56bcd-2510-453a-993f-41e1fc746bce',
            whoami: 0,
            osdFsid: OSD,
          },
          location: {
            kind: 'bluestore',
            path: file,
            dataPath: file,
            devices: { main: { path: file, offset: 0 } },
          },
        },
      ],
      problems: [],
    });
  });

  it("without its label is still one: BlueFS's superblock has the uuid", () => {
    const file = image('nolabel.img', [[4096, SUPERBLOCK]]);
    expect(detectOsds(file).osds).toMatchObject([{ identity: { osdFsid: OSD } }]);
  });

  it('whose label is destroyed is named by a copy of it, as Squid keeps them', () => {
    const file = image(
      'copy.img',
      [
        [4096, SUPERBLOCK],
        [2 ** 30, MAIN_LABEL],
      ],
      2 ** 30 + MIB,
    );
    expect(detectOsds(file).osds).toMatchObject([{ identity: { osdFsid: OSD, whoami: 0 } }]);
  });

  it('without a superblock is not, and the reason says what may be missing', () => {
    const { osds, problems } = detectOsds(image('nosuper.img', [[0, MAIN_LABEL]]));
    expect(osds).toEqual([]);
    expect(problems[0]!.reason).toMatch(
      /no BlueFS superblock on block, and no log .*block\.db is missing/,
    );
  });

  it('that is encrypted is recognised', () => {
    const luks = hex('4c554b53babe0002');
    const { osds, problems } = detectOsds(image('luks.img', [[0, luks]]));
    expect(osds).toEqual([]);
    expect(problems[0]!.reason).toMatch(/LUKS.*cryptsetup luksOpen.*dm-crypt\/osd/s);
  });

  it('is not any file', () => {
    expect(detectOsds(image('zeros.img', [])).problems[0]!.reason).toContain('not an OSD');
  });
});

describe('a BlueStore device inside another', () => {
  it('is found by its partition table', () => {
    const entry = (first: number, last: number) =>
      concat(
        new Uint8Array(16).fill(1),
        new Uint8Array(16),
        u64(first),
        u64(last),
        new Uint8Array(80),
      );
    const header = concat(
      Buffer.from('EFI PART'),
      new Uint8Array(64),
      u64(2),
      u32(4),
      u32(128),
      u32(0),
    );
    const entries = concat(entry(40, 50), new Uint8Array(128), entry(2048, 6143));
    const parts: [number, Uint8Array][] = [[512, header], [1024, entries], ...single(MIB)];
    const file = image('gpt.img', parts);
    expect(detectOsds(file).osds[0]?.location.devices).toEqual({
      main: { path: file, offset: MIB, size: 2 * MIB },
    });
  });

  const LVM = (seqno: number, firstExtent: number, more = '') => `ceph-vg {
id = "abc"
seqno = ${seqno}
extent_size = 8192 # 4 Megabytes
physical_volumes {
pv0 {
id = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg"
pe_start = 2048
}
}
logical_volumes {
osd-block-1 {
id = "x"
tags = ["ceph.osd_id=0", "ceph.type=block"]
segment_count = 1
segment1 {
start_extent = 0
extent_count = 1
type = "striped"
stripe_count = 1
stripes = [
"pv0", ${firstExtent}
]
}
${more}
}
}
}
`;
  const pv = (...texts: string[]): [number, Uint8Array][] => [
    [512, Buffer.from('LABELONE')],
    [512 + 32, Buffer.from('aaaaaabbbbccccddddeeeeffffgggggg')],
    [4100, Buffer.from(' LVM2 x[5A%r0N*>')],
    ...texts.map((text, i): [number, Uint8Array] => [4608 + i * 2048, Buffer.from(text)]),
  ];

  it('is found by the newest metadata of its volume group', () => {
    const parts = [...pv(LVM(7, 1), LVM(6, 0)), ...single(5 * MIB)];
    const file = image('lvm.img', parts, 12 * MIB);
    expect(detectOsds(file).osds[0]?.location.devices).toEqual({
      main: { path: file, offset: 5 * MIB, size: 4 * MIB },
    });
  });

  const segment2 = (pv: string) =>
    `segment2 {\nstart_extent = 1\nextent_count = 1\nstripes = ["${pv}", 9]\n}`;

  it('is read across the segments of its logical volume', () => {
    const EXTENT = 4 * MIB;
    const at = (extent: number) => MIB + extent * EXTENT;
    const parts: [number, Uint8Array][] = [
      ...pv(LVM(1, 2, segment2('pv0'))),
      ...single(at(2)),
      [at(2) + EXTENT - 2, Buffer.from('ab')],
      [at(9), Buffer.from('cd')],
      [at(10), Buffer.from('no more')],
    ];
    const { osds } = detectOsds(image('linear.img', parts, at(11)));
    const main = osds[0]!.location.devices!.main!;
    const device = openDevice(main);
    expect(device.size).toBe(2 * EXTENT);
    const four = Buffer.alloc(4);
    expect(device.read(four, EXTENT - 2)).toBe(4);
    expect(four.toString()).toBe('abcd');
    expect(device.read(four, 2 * EXTENT - 1)).toBe(1);
    device.close();
  });

  it('that lies on several disks is left to LVM', () => {
    const parts = pv(LVM(1, 0, segment2('pv1')));
    const { osds, problems } = detectOsds(image('scattered.img', parts, 8 * MIB));
    expect(osds).toEqual([]);
    expect(problems[0]!.reason).toContain('osd-block-1 is striped, mirrored or on several disks');
  });

  it('is found by searching where nothing tells', () => {
    const file = image('raw.img', single(3 * MIB), 8 * MIB);
    expect(detectOsds(file).osds[0]?.location.devices?.main).toMatchObject({ offset: 3 * MIB });
  });

  it('is found far into a disk, and so is the one behind it', () => {
    const GIB = 2 ** 30;
    // Where LVM would put it; the other begins where this one's label says that it ends.
    const at = MIB + 40 * GIB + 4 * MIB;
    const size = Number(Buffer.from(MAIN_LABEL).readBigUInt64LE(82));
    const other = relabelled(MAIN_LABEL, DB_OSD).subarray(0, 4096);
    const crcAt = 66 + Buffer.from(other).readUInt32LE(62);
    const valid = concat(
      other.subarray(0, crcAt),
      u32(cephCrc32c(0xffffffff, other.subarray(0, crcAt))),
    );
    const parts: [number, Uint8Array][] = [...single(at), [at + size, valid]];
    const { osds, problems } = detectOsds(image('far.img', parts, 48 * GIB));
    expect(osds.map(({ location }) => location.devices!.main!.offset)).toEqual([at]);
    expect(problems[0]!.reason).toContain(DB_OSD);
  });

  it('begins where its copies of a label say, when the first label is lost', () => {
    const GIB = 2 ** 30;
    const meta = new Map([
      ['multi', 'yes'],
      ['whoami', '7'],
    ]);
    const fields = framed(
      2,
      1,
      hex(OSD.replaceAll('-', '')),
      u64(12 * GIB),
      new Uint8Array(8),
      blob('main'),
      u32(meta.size),
      ...[...meta].flatMap(([key, value]) => [blob(key), blob(value)]),
    );
    const text = concat(MAIN_LABEL.subarray(0, 23), Buffer.from(`${OSD}\n`), fields);
    const label = concat(text, u32(cephCrc32c(0xffffffff, text)));
    const start = 5 * MIB;
    const copies: [number, Uint8Array][] = [1, 10].map((gib) => [start + gib * GIB, label]);
    const withSuper: [number, Uint8Array][] = [...copies, [start + 4096, SUPERBLOCK]];
    for (const parts of [withSuper, copies]) {
      const found = detectOsds(image('copies.img', parts, 14 * GIB));
      const [osd] = found.osds;
      if (parts === copies) expect(found.problems[0]!.reason).toContain(OSD);
      else
        expect(osd).toMatchObject({
          identity: { whoami: 7 },
          location: { devices: { main: { offset: start } } },
        });
    }
  });

  it('is found where the operator says, and again when it is looked for', () => {
    const at = 3 * MIB + 12345;
    const file = image('odd.img', single(at), 8 * MIB);
    expect(detectOsds(file).osds).toEqual([]);
    const { osds } = detectAll([file], { offsetsOf: (p) => (p === file ? [at] : []) });
    expect(osds[0]?.location.devices).toEqual({ main: { path: file, offset: at } });
    expect(isBlueStoreThere(osds[0]!)).toBe(true);
    image('odd.img', single(at + 512), 8 * MIB);
    expect(isBlueStoreThere(osds[0]!)).toBe(false);
  });
});

describe('an OSD of several devices', () => {
  const mainLabel = () => relabelled(MAIN_LABEL, DB_OSD);
  /** The block.db's label with another description; so is that of a real block.wal. */
  const walLabel = () => {
    const fields = framed(2, 1, DB_LABEL.subarray(66, 98), blob('bluefs wal'), u32(0));
    const label = concat(DB_LABEL.subarray(0, 60), fields);
    return concat(label, u32(cephCrc32c(0xffffffff, label)));
  };
  const osd = (name: string) => ({
    main: image(`${name}/main.img`, [[0, mainLabel()]]),
    db: image(`${name}/db.img`, [
      [0, DB_LABEL],
      [4096, DB_SUPERBLOCK],
    ]),
    wal: image(`${name}/wal.img`, [[0, walLabel()]]),
  });

  it('is put together by its uuid, wherever its devices are', () => {
    const { main, db, wal } = osd('apart');
    const { osds, problems } = detectAll([db, main, wal]);
    expect(problems).toEqual([]);
    expect(osds.map(({ identity }) => identity.osdFsid)).toEqual([DB_OSD]);
    const { location } = osds[0]!;
    const part = (file: string) => ({ path: file, offset: 0 });
    expect(location.devices).toEqual({ main: part(main), db: part(db), wal: part(wal) });
    expect(pathsOf(location)).toEqual([main, db, wal]);
  });

  it('is found through the links of its directory', () => {
    const { main, db, wal } = osd('linked');
    const osdDir = path.join(dir, 'osd.5');
    mkdirSync(osdDir);
    symlinkSync(main, path.join(osdDir, 'block'));
    symlinkSync(db, path.join(osdDir, 'block.db'));
    symlinkSync(wal, path.join(osdDir, 'block.wal'));
    const { osds } = detectOsds(osdDir);
    expect(osds[0]?.location).toMatchObject({
      path: osdDir,
      dataPath: path.join(osdDir, 'block'),
      devices: { db: { path: path.join(osdDir, 'block.db') } },
    });
    expect(pathsOf(osds[0]!.location)).toEqual([osdDir]);
  });

  it('names a link that leads nowhere', () => {
    const osdDir = path.join(dir, 'osd.6');
    mkdirSync(osdDir);
    symlinkSync('/dev/gone', path.join(osdDir, 'block'));
    expect(detectOsds(osdDir).problems[0]).toMatchObject({ path: path.join(osdDir, 'block') });
  });

  it('of which block.wal is missing says what that costs', () => {
    const { main, db } = osd('nowal');
    expect(detectAll([main, db]).problems[0]!.reason).toMatch(/block\.wal is missing/);
  });

  it('of which the main device is missing still has its metadata', () => {
    const { db, wal } = osd('nomain');
    const { osds, problems } = detectAll([db, wal]);
    expect(osds[0]?.location).toMatchObject({ path: db, dataPath: db });
    expect(problems[0]!.reason).toMatch(/main device \(block\) is missing.*no data/);
  });

  it('of which only the main device is left has no names for its data', () => {
    const { main } = osd('nodb');
    const { osds, problems } = detectAll([main]);
    expect(osds).toEqual([]);
    expect(problems[0]!.reason).toMatch(/the database its data has no names/);
  });
});
