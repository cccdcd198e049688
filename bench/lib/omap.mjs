/** FileStore's omap entries: docs/formats/filestore.md, "omap". */

export const u8 = (n) => Buffer.from([n]);
export const u32 = (n) => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(n);
  return b;
};
export const u64 = (n) => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(BigInt.asUintN(64, BigInt(n)));
  return b;
};
export const string = (text) => Buffer.concat([u32(Buffer.byteLength(text)), Buffer.from(text)]);
export const versioned = (v, compat, body) =>
  Buffer.concat([u8(v), u8(compat), u32(body.length), body]);

const HEAD = -2;
const escapeKey = (text) => text.replace(/%/g, '%p').replace(/\./g, '%e').replace(/_/g, '%u');
const hashText = (hash) => hash.toString(16).toUpperCase().padStart(8, '0');

function ghobject({ name, hash, pool }) {
  const hobject = [string(''), string(name), u64(HEAD), u32(hash), u8(0), string(''), u64(pool)];
  return versioned(6, 3, Buffer.concat([...hobject, u64(-1), u8(0xff), u8(0)]));
}

/** No collection: type meta, an empty pg without shard, head. */
const COLL_META = Buffer.concat([
  ...[
    u8(2),
    u8(0),
    versioned(1, 1, Buffer.concat([u8(1), u64(0), u32(0), u32(-1 >>> 0), u8(0xff)])),
  ],
  u64(HEAD),
]);

const prefixed = (prefix, key) => Buffer.concat([Buffer.from(`${prefix}\0`), Buffer.from(key)]);

/** What the database holds of one object's omap. */
function* objectEntries(sequence, object) {
  const { name, hash, pool, omap } = object;
  const spos = versioned(1, 1, Buffer.concat([u64(1), u32(0), u32(0)]));
  const header = [u64(sequence), u64(0), u64(1), COLL_META, ghobject(object), spos];
  const key = `${escapeKey(name)}...head.${pool.toString(16)}.${hashText(hash)}`;
  yield [prefixed('_HOBJTOSEQ_', key), versioned(2, 1, Buffer.concat(header))];
  const space = `_USER_${String(sequence).padStart(16, '0')}_USER_`;
  for (const [k, v] of Object.entries(omap)) yield [prefixed(space, k), v];
}

/** @param objects {name, hash, pool, omap} */
export function omapEntries(objects) {
  const state = versioned(3, 1, Buffer.concat([u8(3), u64(objects.length + 1), u8(0)]));
  return [
    [prefixed('_SYS_', 'HEADER'), state],
    ...objects.flatMap((object, i) => [...objectEntries(i + 1, object)]),
  ];
}
