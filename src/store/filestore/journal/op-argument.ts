import type { PayloadCursor } from './cursor.ts';
import { OP } from './op-codes.ts';
import type { JournalExtent } from './ring.ts';

const NONE: JournalExtent = { at: 0, length: 0 };

/** What an op takes from the data, passed over. @throws UNSUPPORTED for ops that nobody knows */
export function readArgument(code: number, data: PayloadCursor): JournalExtent {
  switch (code) {
    case OP.write:
    case OP.omapSetHeader:
    case OP.collHint:
      return data.blob();
    case OP.setattrs:
    case OP.omapSetKeys:
    case OP.collSetattrs:
      return data.skipBlobs(2);
    case OP.omapRmKeys:
      return data.skipBlobs(1);
    case OP.setattr:
    case OP.omapRmKeyRange:
    case OP.collSetattr:
      return blobs(data, 2);
    case OP.rmattr:
    case OP.collRmattr:
      return blobs(data, 1);
    default:
      if (!isKnown(code)) throw data.fail(`op ${code} is none that we know`);
      return NONE;
  }
}

function blobs(data: PayloadCursor, count: number): JournalExtent {
  const { at } = data;
  for (let i = 0; i < count; i++) data.blob();
  return { at, length: data.at - at };
}

const KNOWN = new Set<number>(Object.values(OP));
const isKnown = (code: number): boolean => KNOWN.has(code);
