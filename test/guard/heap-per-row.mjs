// Prints bytes of heap that a row of a scan takes while it is parsed and gathered, and that stay: run with a young generation
// too large to be collected, so that what was allocated is what is used.
import { SegmentBuilder } from '../../dist/catalog/segment-builder.js';
import { DataObjectNameParser } from '../../dist/store/filestore/fast-filename.js';

const UNIT = 1000;
const parser = new DataObjectNameParser();
const builder = new SegmentBuilder(() => {});

// One buffer, as of a directory's listing, in which only digits change.
const name = Buffer.from('rbd\\udata.102b6c4ee5e6.0000000000000000__head_DEE5305C__2');
const number = name.indexOf('0000000000000000');
const hash = name.indexOf('DEE5305C');
const put = (at, value, digits) => {
  for (let i = 0; i < digits.length; i++, value >>>= 4) name[at - i] = digits[i] + (value & 7);
};
const ZEROS = new Uint8Array(8).fill(0x30);

function rows(n) {
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < n; i++) {
    if (i % UNIT === 0) builder.beginUnit(Buffer.from('2.0_head'));
    put(number + 15, i, ZEROS);
    put(hash + 7, i, ZEROS);
    if (!parser.parse(name, 0, name.length)) throw new Error(name.toString());
    const { prefixEnd, objectNo, snap, hash: own, tailStart } = parser;
    builder.dataObject(name, 0, prefixEnd, objectNo, snap, own, tailStart, name.length);
    if (i % UNIT === UNIT - 1) builder.endUnit({ ino: 1n, mtimeNs: 1n, ctimeNs: 1n }, []);
  }
  return process.memoryUsage().heapUsed - before;
}

const N = 100_000;
rows(N);
builder.finish();
globalThis.gc();
const start = process.memoryUsage().heapUsed;
const once = rows(N);
builder.finish();
globalThis.gc();
const twice = rows(2 * N);
builder.finish();
globalThis.gc();
const kept = process.memoryUsage().heapUsed - start;
process.stdout.write(
  JSON.stringify({ heapPerRow: (twice - once) / N, keptPerRow: kept / (3 * N) }),
);
