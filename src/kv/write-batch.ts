import { ByteReader } from '../bytes/byte-reader.ts';
import { unsupportedError } from '../errors/salvage-error.ts';
import { RECORD } from './record.ts';

/**
 * One record of a write-ahead log (docs/formats/kv.md, "Write batches").
 * Source of the tags: RocksDB `db/dbformat.h` (ValueType), 7.9. LevelDB has only the first two.
 */
const TAG = {
  delete: 0x00,
  put: 0x01,
  merge: 0x02,
  logData: 0x03,
  familyDelete: 0x04,
  familyPut: 0x05,
  familyMerge: 0x06,
  singleDelete: 0x07,
  familySingleDelete: 0x08,
  noop: 0x0d,
  familyRangeDelete: 0x0e,
  rangeDelete: 0x0f,
} as const;

interface Operation {
  /** of `RECORD` */
  type: number;
  inFamily: boolean;
  hasValue: boolean;
}

const operation = (type: number, inFamily: boolean, hasValue: boolean): Operation => ({
  type,
  inFamily,
  hasValue,
});

const OPERATIONS = new Map<number, Operation>([
  [TAG.delete, operation(RECORD.delete, false, false)],
  [TAG.put, operation(RECORD.put, false, true)],
  [TAG.merge, operation(RECORD.merge, false, true)],
  [TAG.familyDelete, operation(RECORD.delete, true, false)],
  [TAG.familyPut, operation(RECORD.put, true, true)],
  [TAG.familyMerge, operation(RECORD.merge, true, true)],
  [TAG.singleDelete, operation(RECORD.singleDelete, false, false)],
  [TAG.familySingleDelete, operation(RECORD.singleDelete, true, false)],
  [TAG.familyRangeDelete, operation(RECORD.rangeDelete, true, true)],
  [TAG.rangeDelete, operation(RECORD.rangeDelete, false, true)],
]);

const NO_VALUE = new Uint8Array();

export type BatchSink = (
  family: number,
  sequence: number,
  type: number,
  key: Uint8Array,
  value: Uint8Array,
) => void;

/**
 * Hands the operations of a batch to `sink`, in order. Keys and values are views into `payload`.
 * @throws CORRUPT, UNSUPPORTED; operations before the bad one have been handed over by then
 */
export function decodeWriteBatch(payload: Uint8Array, base: number, sink: BatchSink): void {
  const reader = new ByteReader(payload, 'write batch', base);
  let sequence = reader.size();
  const announced = reader.u32();
  let found = 0;
  while (reader.remaining > 0) {
    const tag = reader.u8();
    const operation = OPERATIONS.get(tag);
    if (operation === undefined) {
      skipUncounted(reader, tag);
      continue;
    }
    const family = operation.inFamily ? reader.varint32() : 0;
    const key = reader.slice();
    const value = operation.hasValue ? reader.slice() : NO_VALUE;
    sink(family, sequence, operation.type, key, value);
    sequence++;
    found++;
  }
  if (found !== announced) throw reader.fail(`${announced} operations announced, ${found} found`);
}

/** Entries that take no sequence number. */
function skipUncounted(reader: ByteReader, tag: number): void {
  if (tag === TAG.logData) reader.slice();
  else if (tag !== TAG.noop) {
    throw unsupportedError(`write batch: operation 0x${tag.toString(16)}`, {
      offset: reader.offset,
      found: tag,
    });
  }
}
