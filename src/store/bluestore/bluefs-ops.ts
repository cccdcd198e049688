import { ByteReader } from '../../bytes/byte-reader.ts';
import { binaryKey } from '../../bytes/names.ts';
import { type FileNode, type NodeDelta, readFileNode, readNodeDelta } from './bluefs-superblock.ts';

/** Operations of BlueFS's log: docs/formats/bluestore.md, "The log". bluefs_transaction_t::op_t */
const OP = {
  init: 1,
  allocAdd: 2,
  allocRemove: 3,
  dirLink: 4,
  dirUnlink: 5,
  dirCreate: 6,
  dirRemove: 7,
  fileUpdate: 8,
  fileRemove: 9,
  jump: 10,
  jumpSequence: 11,
  fileUpdateDelta: 12,
} as const;

export type BlueFsOp =
  | { kind: 'link'; directory: string; name: string; ino: number }
  | { kind: 'unlink'; directory: string; name: string }
  | { kind: 'mkdir'; directory: string }
  | { kind: 'rmdir'; directory: string }
  | { kind: 'update'; node: FileNode }
  | { kind: 'delta'; delta: NodeDelta }
  | { kind: 'remove'; ino: number }
  /** the next transaction has sequence + 1 and, where there is an offset, stands there */
  | { kind: 'jump'; sequence: number; offset: number | undefined };

const name = (reader: ByteReader): string => binaryKey(reader.blob());

function readOp(reader: ByteReader): BlueFsOp | undefined {
  const code = reader.u8();
  switch (code) {
    case OP.init:
      return undefined;
    case OP.allocAdd:
    case OP.allocRemove:
      reader.skip(17);
      return undefined;
    case OP.dirLink:
      return { kind: 'link', directory: name(reader), name: name(reader), ino: reader.size() };
    case OP.dirUnlink:
      return { kind: 'unlink', directory: name(reader), name: name(reader) };
    case OP.dirCreate:
      return { kind: 'mkdir', directory: name(reader) };
    case OP.dirRemove:
      return { kind: 'rmdir', directory: name(reader) };
    case OP.fileUpdate:
      return { kind: 'update', node: readFileNode(reader) };
    case OP.fileUpdateDelta:
      return { kind: 'delta', delta: readNodeDelta(reader) };
    case OP.fileRemove:
      return { kind: 'remove', ino: reader.size() };
    case OP.jump:
      return { kind: 'jump', sequence: reader.size(), offset: reader.size() };
    case OP.jumpSequence:
      return { kind: 'jump', sequence: reader.size(), offset: undefined };
    default:
      throw reader.fail(`operation ${code}`);
  }
}

/** The operations of one transaction. @throws CORRUPT at one that does not decode */
export function decodeBlueFsOps(bytes: Uint8Array, offset: number): BlueFsOp[] {
  const reader = new ByteReader(bytes, 'bluefs_transaction_t', offset);
  const ops: BlueFsOp[] = [];
  while (reader.remaining > 0) {
    const op = readOp(reader);
    if (op !== undefined) ops.push(op);
  }
  return ops;
}
