import { readMetadata, scanCollections } from '../catalog/scan-collections.ts';
import { serializeError } from '../errors/salvage-error.ts';
import type { Answer } from './pool.ts';

/** Entry of a worker thread: one export a task, called by name. */

const answering =
  <Task, Value>(run: (task: Task) => Value) =>
  (task: Task): Answer<Value> => {
    try {
      return { ok: true, value: run(task) };
    } catch (error) {
      return { ok: false, error: serializeError(error) };
    }
  };

export const scan = answering(scanCollections);
export const metadata = answering(readMetadata);
