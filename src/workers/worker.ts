import { readMetadata, scanCollections } from '../catalog/scan-collections.ts';
import { serializeError } from '../errors/salvage-error.ts';
import { copyObjects } from '../export/copy-objects.ts';
import type { AttrsTask, CopyTask, DigestTask, StartTask } from '../export/read-lanes.ts';
import { beatInto } from '../io/heartbeat.ts';
import { digestCopies, readCopyAttrs, readObjectStart } from '../store/object-attrs.ts';
import { storeAt, takeDamage } from '../store/store-cache.ts';
import { surveyStore } from '../store/survey-store.ts';
import type { Answer, Message } from './pool.ts';

/** Entry of a worker thread: one export a task, called by name. */

const answering =
  <Task, Value>(run: (task: Task) => Value) =>
  ({ task, pulse }: Message<Task>): Answer<Value> => {
    beatInto(pulse);
    try {
      return { ok: true, value: run(task), damage: takeDamage() };
    } catch (error) {
      return { ok: false, error: serializeError(error), damage: takeDamage() };
    }
  };

export const journal = answering(surveyStore);
export const scan = answering(scanCollections);
export const metadata = answering(readMetadata);
export const attrs = answering((task: AttrsTask) =>
  readCopyAttrs(storeAt(task.location), task.refs, task.wantSnapSet),
);
export const copy = answering((task: CopyTask) =>
  copyObjects(storeAt(task.location), task.jobs, task.target, task.readAhead),
);
export const start = answering((task: StartTask) =>
  readObjectStart(storeAt(task.location), task.ref, task.length),
);
export const digests = answering((task: DigestTask) =>
  digestCopies(storeAt(task.location), task.refs),
);
