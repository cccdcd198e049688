import { expect } from 'vitest';
import { Segment } from '../../src/catalog/segment.ts';
import { SegmentBuilder } from '../../src/catalog/segment-builder.ts';
import { DataObjectNameParser } from '../../src/store/filestore/fast-filename.ts';

/** A segment with these file names, by directory below `current/`. */
export function segmentOf(directories: Record<string, string[]>, position = 0): Segment {
  const payloads: Uint8Array[] = [];
  const builder = new SegmentBuilder((payload) => payloads.push(payload));
  const parser = new DataObjectNameParser();
  for (const [directory, names] of Object.entries(directories)) {
    builder.beginUnit(Buffer.from(directory));
    for (const name of names) {
      const bytes = Buffer.from(name, 'latin1');
      expect(parser.parse(bytes, 0, bytes.length)).toBe(true);
      const { prefixEnd, objectNo, snap, hash, tailStart } = parser;
      builder.dataObject(bytes, 0, prefixEnd, objectNo, snap, hash, tailStart, bytes.length);
    }
    builder.endUnit({ ino: 1n, mtimeNs: 1n, ctimeNs: 1n }, []);
  }
  builder.finish();
  const [payload] = payloads as [Uint8Array];
  return new Segment((at, n) => payload.subarray(at, at + n), payload.length, position);
}
