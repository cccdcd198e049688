import { binaryKey } from '../bytes/names.ts';

/** Exact key of an object by name; all of it counts, names being bytes. */
export const objectKey = (pool: number, namespace: Uint8Array, name: Uint8Array | string): string =>
  `${pool}/${binaryKey(namespace)}/${typeof name === 'string' ? Buffer.from(name).toString('latin1') : binaryKey(name)}`;
