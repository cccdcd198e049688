import { prepareXxhash } from '../bytes/xxhash.ts';
import type { MetadataTask, ScanTask } from '../catalog/scan-messages.ts';
import { serializeError } from '../errors/salvage-error.ts';
import type { CopyTask } from '../export/copy-tasks.ts';
import type { AttrsTask, DigestTask, StartTask } from '../export/read-lanes.ts';
import { setBadBlocks } from '../io/bad-blocks.ts';
import { beatInto } from '../io/heartbeat.ts';
import '../io/native-crc32c.ts';
import type { OsdLocation } from '../store/object-store.ts';
import type { Answer, Message } from './pool.ts';

/**
 * Entry of a worker thread: one export a task, called by name. Each loads its own modules, since a
 * short run would spend most of its time on loading those that it does not need.
 */

/** What turned out damaged in stores that tasks have open; nothing until one has. */
let takeDamage = (): string[] => [];

async function stores() {
  const cache = await import('../store/store-cache.ts');
  takeDamage = cache.takeDamage;
  return cache;
}

const objectAttrs = () => import('../store/object-attrs.ts');

/**
 * @param hashes may the task come upon blocks whose checksum is xxHash's? Getting ready for them takes a
 * thread some 13 ms
 */
const answering =
  <Task, Value>(
    load: () => Promise<(task: Task) => Value | Promise<Value>>,
    hashes: (task: Task) => boolean = () => true,
  ) =>
  async ({ task, pulse, bad }: Message<Task>): Promise<Answer<Value>> => {
    const run = await load();
    if (hashes(task)) await prepareXxhash();
    beatInto(pulse);
    setBadBlocks(bad);
    try {
      return { ok: true, value: await run(task), damage: takeDamage() };
    } catch (error) {
      return { ok: false, error: serializeError(error), damage: takeDamage() };
    }
  };

/** The names in a FileStore's directories are all that there is to scan, unless its journal has more. */
const mayOpenDatabase = ({ location: { kind, replay } }: ScanTask): boolean =>
  kind !== 'filestore' || replay?.state === 'replayed';

export const journal = answering(async () => {
  const { surveyStore } = await import('../store/survey-store.ts');
  return (location: OsdLocation) => surveyStore(location);
});
export const scan = answering(async () => {
  const { scanCollections } = await import('../catalog/scan-collections.ts');
  return (task: ScanTask) => scanCollections(task);
}, mayOpenDatabase);
export const metadata = answering(async () => {
  const { readMetadata } = await import('../catalog/read-metadata.ts');
  return (task: MetadataTask) => readMetadata(task);
});
export const attrs = answering(async () => {
  const [{ storeAt }, { readCopyAttrs }] = await Promise.all([stores(), objectAttrs()]);
  return (task: AttrsTask) => readCopyAttrs(storeAt(task.location), task.refs, task.wantSnapSet);
});
export const copy = answering(async () => {
  const { copyObjects } = await import('../export/copy-objects.ts');
  const { storeAt } = await stores();
  return (task: CopyTask) => copyObjects(storeAt(task.location), task.jobs, task.target, task);
});
export const start = answering(async () => {
  const [{ storeAt }, { readObjectStart }] = await Promise.all([stores(), objectAttrs()]);
  return (task: StartTask) => readObjectStart(storeAt(task.location), task.ref, task.length);
});
export const digests = answering(async () => {
  const [{ storeAt }, { digestCopies }] = await Promise.all([stores(), objectAttrs()]);
  return (task: DigestTask) => digestCopies(storeAt(task.location), task.refs);
});
