/** Real file names with the objects that they stand for: docs/formats/filestore.md. */

export interface NamedExample {
  file: string;
  name: string;
  key?: string;
  /** number, or how the file name spells it */
  snap: bigint | 'head';
  hash: number;
  namespace?: string;
  pool: number;
  shard?: number;
}

export const EXAMPLES: NamedExample[] = [
  {
    file: 'rbd\\udata.102b6c4ee5e6.0000000000000004__head_DEE5305C__2',
    name: 'rbd_data.102b6c4ee5e6.0000000000000004',
    snap: 'head',
    hash: 0xdee5305c,
    pool: 2,
  },
  {
    file: 'rbd\\udata.102b6c4ee5e6.0000000000000004__4_DEE5305C__2',
    name: 'rbd_data.102b6c4ee5e6.0000000000000004',
    snap: 4n,
    hash: 0xdee5305c,
    pool: 2,
  },
  {
    file: 'rbd\\udata.102b63225dab.0000000000000004__c_4029553C__2',
    name: 'rbd_data.102b63225dab.0000000000000004',
    snap: 12n,
    hash: 0x4029553c,
    pool: 2,
  },
  {
    file: 'rbd\\udirectory__head_30A98C1C__2',
    name: 'rbd_directory',
    snap: 'head',
    hash: 0x30a98c1c,
    pool: 2,
  },
  {
    file: 'rbd\\udirectory__head_B9336250_ns1_2',
    name: 'rbd_directory',
    snap: 'head',
    hash: 0xb9336250,
    namespace: 'ns1',
    pool: 2,
  },
  {
    file: 'rbd\\uid.under\\uscore.dot-name__head_142FAE33__2',
    name: 'rbd_id.under_score.dot-name',
    snap: 'head',
    hash: 0x142fae33,
    pool: 2,
  },
  {
    file: 'rbd\\uobject\\umap.102b6c4ee5e6.0000000000000006__head_103DAEDC__2',
    name: 'rbd_object_map.102b6c4ee5e6.0000000000000006',
    snap: 'head',
    hash: 0x103daedc,
    pool: 2,
  },
  {
    file: 'journal\\udata.2.102b95a95e39.1__head_35DFCC84__2',
    name: 'journal_data.2.102b95a95e39.1',
    snap: 'head',
    hash: 0x35dfcc84,
    pool: 2,
  },
  {
    file: 'rb.0.104d.6b8b4567.000000000003__4_B80A02EB__2',
    name: 'rb.0.104d.6b8b4567.000000000003',
    snap: 4n,
    hash: 0xb80a02eb,
    pool: 2,
  },
  {
    file: 'rbd\\udata.2.102b6cb4bc52.0000000000000006__head_6C56E9A7__3',
    name: 'rbd_data.2.102b6cb4bc52.0000000000000006',
    snap: 'head',
    hash: 0x6c56e9a7,
    pool: 3,
  },
  {
    file: 'rbd\\udata.1061f016c73e.0000000000000003__head_C16BEB0C__2',
    name: 'rbd_data.1061f016c73e.0000000000000003',
    snap: 'head',
    hash: 0xc16beb0c,
    pool: 2,
  },
  {
    file: 'withkey_key\\u1_head_99090FEA__3',
    name: 'withkey',
    key: 'key_1',
    snap: 'head',
    hash: 0x99090fea,
    pool: 3,
  },
  {
    file: 'bo\\uth_k\\s2_head_0CCB3B8B_ns\\u1.x_3',
    name: 'bo_th',
    key: 'k/2',
    snap: 'head',
    hash: 0x0ccb3b8b,
    namespace: 'ns_1.x',
    pool: 3,
  },
  { file: '\\dfoo__head_8BAE097F__3', name: 'DIR_foo', snap: 'head', hash: 0x8bae097f, pool: 3 },
  { file: '\\d__head_B7CE8AF0__3', name: 'DIR_', snap: 'head', hash: 0xb7ce8af0, pool: 3 },
  { file: '\\.hidden__head_156899A2__3', name: '.hidden', snap: 'head', hash: 0x156899a2, pool: 3 },
  { file: '\\..__head_B60808D6__3', name: '..', snap: 'head', hash: 0xb60808d6, pool: 3 },
  { file: 'a\\sb__head_2D0AD9E4__3', name: 'a/b', snap: 'head', hash: 0x2d0ad9e4, pool: 3 },
  {
    file: 'back\\\\slash__head_DCF29D4F__3',
    name: 'back\\slash',
    snap: 'head',
    hash: 0xdcf29d4f,
    pool: 3,
  },
  { file: 'per%cent__head_616DAA8C__3', name: 'per%cent', snap: 'head', hash: 0x616daa8c, pool: 3 },
  { file: 'ünïcode__head_862BCADC__3', name: 'ünïcode', snap: 'head', hash: 0x862bcadc, pool: 3 },
  {
    file: 'ec\\u2__head_B00484B5_n\\us_4_ffffffffffffffff_1',
    name: 'ec_2',
    snap: 'head',
    hash: 0xb00484b5,
    namespace: 'n_s',
    pool: 4,
    shard: 1,
  },
  {
    file: '__head_00000003__5_ffffffffffffffff_2',
    name: '',
    snap: 'head',
    hash: 3,
    pool: 5,
    shard: 2,
  },
  { file: '__head_0000000C__2', name: '', snap: 'head', hash: 12, pool: 2 },
  {
    file: 'osd\\usuperblock__0_23C2FCDE__none',
    name: 'osd_superblock',
    snap: 0n,
    hash: 0x23c2fcde,
    pool: -1,
  },
  {
    file: 'inc\\uosdmap.10__0_F4E9C003__none',
    name: 'inc_osdmap.10',
    snap: 0n,
    hash: 0xf4e9c003,
    pool: -1,
  },
];

/** Those that a scan reads without making strings: data objects in canonical form. */
export const DATA_EXAMPLES = EXAMPLES.filter(({ file }) => /^rb(d\\udata)?\./.test(file));

export const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
