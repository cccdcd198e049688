import { ByteReader } from '../../../bytes/byte-reader.ts';
import { binaryKey } from '../../../bytes/names.ts';
import { OP } from './op-codes.ts';
import type { OpNode } from './op-log.ts';
import type { JournalRing } from './ring.ts';

/** What ops on attributes say of one: its value, `null` when it was removed, undefined: nothing. */
export function attrFromOps(
  ring: JournalRing,
  ops: readonly OpNode[],
  name: string,
): Uint8Array | null | undefined {
  for (let i = ops.length - 1; i >= 0; i--) {
    const found = attrFromOp(ring, ops[i]!, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function attrFromOp(ring: JournalRing, node: OpNode, name: string): Uint8Array | null | undefined {
  if (node.code === OP.rmattrs) return null;
  const reader = new ByteReader(ring.bytes(node.at, node.size), 'attributes', ring.wrap(node.at));
  if (node.code === OP.rmattr) return binaryKey(reader.blob()) === name ? null : undefined;
  const count = node.code === OP.setattr ? 1 : reader.count(8);
  let value: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const key = binaryKey(reader.blob());
    const bytes = reader.blob();
    if (key === name) value = bytes;
  }
  return value && Buffer.from(value);
}
