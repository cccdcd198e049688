// Prints bytes of heap that the losses of an image keep, all of whose objects are doubtful, one by one: after so many, and
// after three times as many.
import { LossMap } from '../../dist/export/loss-map.js';

const OBJECT = 4 << 20;
const MANY = 600_000;
const map = new LossMap();
globalThis.gc();
const before = process.memoryUsage().heapUsed;
let next = 0;
function add(n) {
  for (const end = next + n; next < end; next++) {
    const object = `rbd_data.102b6c4ee5e6.${next.toString(16).padStart(16, '0')}`;
    map.add(next * OBJECT, OBJECT, object, 'nothing vouches for it', {
      pg: '2.1f',
      osds: ['osd.0'],
    });
  }
  globalThis.gc();
  return process.memoryUsage().heapUsed - before;
}
const kept = [add(MANY), add(2 * MANY)];
process.stdout.write(JSON.stringify({ kept, ranges: map.ranges().length }));
