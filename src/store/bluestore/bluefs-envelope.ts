import { ByteReader } from '../../bytes/byte-reader.ts';
import { bytesEqual } from '../../bytes/names.ts';
import type { ByteSource } from '../../io/ports.ts';
import { lowerBound } from '../../kv/key-order.ts';
import { type FileNode, NODE_ENCODING } from './bluefs-superblock.ts';

/**
 * Write-ahead logs since Tentacle: docs/formats/bluestore.md, "Envelopes".
 *
 *     u64 length, payload, 8 bytes stamp; again and again
 */

const LENGTH_BYTES = 8;
const STAMP_BYTES = 8;

interface Envelope {
  /** where its payload begins in the file */
  offset: number;
  /** payload bytes up to and including it */
  end: number;
}

/** The length at a position; undefined when the envelope would not fit. */
function lengthAt(file: ByteSource, at: number, limit: number): number | undefined {
  const bytes = new Uint8Array(LENGTH_BYTES);
  if (at + LENGTH_BYTES + STAMP_BYTES > limit || file.read(bytes, at) < LENGTH_BYTES)
    return undefined;
  const length = new ByteReader(bytes, 'envelope', at).u64();
  if (length === 0n || length > BigInt(limit - at - LENGTH_BYTES - STAMP_BYTES)) return undefined;
  return Number(length);
}

/** The envelopes of a file: as long as each fits and bears the stamp of the first. */
function findEnvelopes(file: ByteSource, limit: number): Envelope[] {
  const envelopes: Envelope[] = [];
  let stamp: Uint8Array | undefined;
  let at = 0;
  let end = 0;
  for (let n = lengthAt(file, at, limit); n !== undefined; n = lengthAt(file, at, limit)) {
    const found = new Uint8Array(STAMP_BYTES);
    file.read(found, at + LENGTH_BYTES + n);
    stamp ??= found;
    if (!bytesEqual(found, stamp)) break;
    end += n;
    envelopes.push({ offset: at + LENGTH_BYTES, end });
    at += LENGTH_BYTES + n + STAMP_BYTES;
  }
  return envelopes;
}

/** A file of envelopes as the payloads in them, one after the other. */
export function unwrapEnvelopes(file: ByteSource, node: FileNode): ByteSource {
  // While it is written, only some of its growth is recorded: what is allocated may hold more.
  const limit = node.encoding === NODE_ENCODING.closed ? Math.min(node.size, file.size) : file.size;
  const envelopes = findEnvelopes(file, limit);
  const size = envelopes.at(-1)?.end ?? 0;
  return {
    path: file.path,
    size,
    read(target, position) {
      const wanted = Math.max(0, Math.min(target.length, size - position));
      let i = lowerBound(envelopes.length, (at) => envelopes[at]!.end > position);
      let done = 0;
      while (done < wanted) {
        const { offset, end } = envelopes[i]!;
        const begin = i === 0 ? 0 : envelopes[i - 1]!.end;
        const from = position + done - begin;
        const n = Math.min(end - begin - from, wanted - done);
        file.read(target.subarray(done, done + n), offset + from);
        done += n;
        i++;
      }
      return done;
    },
    close: () => file.close(),
  };
}
