import { MessageChannel } from 'node:worker_threads';
import { expect, it } from 'vitest';
import type { FinishedSegment } from '../../src/catalog/scan-messages.ts';
import { SegmentStore } from '../../src/catalog/segment-store.ts';
import { corruptError, destinationError } from '../../src/errors/salvage-error.ts';

const segment = (n: number): FinishedSegment => ({
  ...{ segment: Uint8Array.of(n), objects: n, directories: new Uint8Array(0) },
});

/** A store, and the other end of its port, as a task has it. */
function storing(take: (n: number) => void) {
  const { port1, port2 } = new MessageChannel();
  const store = new SegmentStore(port1, ({ objects }) => take(objects));
  const counter = new Int32Array(store.pending);
  const post = (n: number) => {
    Atomics.add(counter, 0, 1);
    port2.postMessage(segment(n));
  };
  return { store, post, port: port2, pending: () => Atomics.load(counter, 0) };
}

const until = async (what: () => boolean) => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 1));
};

it('stores what is posted while the task goes on', async () => {
  const taken: number[] = [];
  const { store, post, pending } = storing((n) => taken.push(n));
  for (const n of [1, 2, 3]) post(n);
  await until(() => taken.length === 3);
  expect([taken, pending()]).toEqual([[1, 2, 3], 0]);
  await store.end();
});

it('has stored all of it at the end, in order, also once the task has closed its side', async () => {
  const taken: number[] = [];
  const { store, post, port, pending } = storing((n) => taken.push(n));
  const all = Array.from({ length: 2000 }, (_, n) => n);
  for (const n of all) post(n);
  port.close();
  await store.end();
  expect(taken).toEqual(all);
  expect(pending()).toBe(0);
});

it('stores the last one after what its task has set going', async () => {
  const order: string[] = [];
  const { store, post } = storing(() => order.push('stored'));
  post(1);
  const ended = store.end();
  await Promise.resolve().then(() => order.push('the next task'));
  await ended;
  expect(order).toEqual(['the next task', 'stored']);
});

it('says at once that a segment cannot be stored: its task may wait for that', async () => {
  const { store, post, pending } = storing(() => {
    throw destinationError('no space left on device');
  });
  post(1);
  post(2);
  await expect(store.failed).rejects.toMatchObject({ code: 'DESTINATION' });
  expect(pending()).toBe(2);
  await expect(store.end()).rejects.toMatchObject({ code: 'DESTINATION' });
});

it('puts what it reads back down to no source, and stores nothing behind it', async () => {
  const taken: number[] = [];
  const { store, post } = storing((n) => {
    taken.push(n);
    if (n === 2) throw corruptError('segment head fails its checksum');
  });
  for (const n of [1, 2, 3]) post(n);
  await expect(store.end()).rejects.toMatchObject({
    code: 'DESTINATION',
    message: 'segment head fails its checksum',
  });
  post(4);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(taken).toEqual([1, 2]);
});

it('takes nothing once it is closed', async () => {
  const taken: number[] = [];
  const { store, post } = storing((n) => taken.push(n));
  post(1);
  store.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(taken).toEqual([]);
});
