/**
 * The kinds of failure this program tells apart. Anything else that is thrown is a bug of ours.
 *
 * - `SOURCE_IO`: a source could not be read (`data.errno` has the system's word for it)
 * - `CORRUPT`: bytes break the format they claim to have
 * - `UNSUPPORTED`: valid, but we lack the feature
 * - `USAGE`: the operator asked for something that cannot be (exit status 2)
 * - `NOT_FOUND`: what was asked for is not there (exit status 1)
 * - `DESTINATION`: the output could not be written (exit status 1)
 */
export type SalvageErrorCode =
  | 'SOURCE_IO'
  | 'CORRUPT'
  | 'UNSUPPORTED'
  | 'USAGE'
  | 'NOT_FOUND'
  | 'DESTINATION';

/** Where and what: everything a message needs, as plain data that can cross a thread. */
export interface SalvageErrorData {
  path?: string;
  /** byte offset, absolute in `path` or in the structure when no path is known */
  offset?: number;
  structure?: string;
  errno?: string;
  /** number of the device that did not answer, as `stat` gives it */
  device?: number;
  /** number of the main device of the OSD on whose behalf that was asked */
  owner?: number;
  expected?: string | number;
  found?: string | number;
  hint?: string;
}

/** An error as it crosses threads: `postMessage` would keep the text but lose class and fields. */
export interface SerializedError {
  code: SalvageErrorCode | 'BUG';
  message: string;
  data: SalvageErrorData;
  stack?: string;
}

export class SalvageError extends Error {
  override name = 'SalvageError';
  readonly code: SalvageErrorCode;
  readonly data: SalvageErrorData;

  constructor(code: SalvageErrorCode, message: string, data: SalvageErrorData = {}) {
    super(message);
    this.code = code;
    this.data = data;
  }

  /** The message with path and offset behind it, unless it names them already. */
  get text(): string {
    const { path, offset } = this.data;
    const at = offset === undefined ? '' : ` at 0x${offset.toString(16)}`;
    const where = path === undefined || this.message.includes(path) ? '' : ` (${path})`;
    return `${this.message}${this.message.includes(' at 0x') ? '' : at}${where}`;
  }
}

export const sourceIoError = (message: string, data: SalvageErrorData): SalvageError =>
  new SalvageError('SOURCE_IO', message, data);
export const corruptError = (message: string, data: SalvageErrorData = {}): SalvageError =>
  new SalvageError('CORRUPT', message, data);
export const unsupportedError = (message: string, data: SalvageErrorData = {}): SalvageError =>
  new SalvageError('UNSUPPORTED', message, data);
export const usageError = (message: string, data: SalvageErrorData = {}): SalvageError =>
  new SalvageError('USAGE', message, data);
export const notFoundError = (message: string, data: SalvageErrorData = {}): SalvageError =>
  new SalvageError('NOT_FOUND', message, data);
export const destinationError = (message: string, data: SalvageErrorData = {}): SalvageError =>
  new SalvageError('DESTINATION', message, data);

/** True when `error` is damage or absence in a source, which a recovery reports and survives. */
export function isSourceFault(error: unknown): error is SalvageError {
  return (
    error instanceof SalvageError &&
    (error.code === 'SOURCE_IO' || error.code === 'CORRUPT' || error.code === 'UNSUPPORTED')
  );
}

/** What is read back of the output while it is written is no source's fault: that error, as one of the destination. */
export const ofDestination = (error: unknown): unknown =>
  isSourceFault(error) ? destinationError(error.text, error.data) : error;

/** One line for the operator, whatever was thrown. */
export function errorText(error: unknown): string {
  if (error instanceof SalvageError) return error.text;
  return error instanceof Error ? error.message : String(error);
}

/** Turns anything thrown into data that survives `postMessage`. */
export function serializeError(error: unknown): SerializedError {
  if (error instanceof SalvageError) {
    return { code: error.code, message: error.message, data: error.data };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { code: 'BUG', message, data: {}, ...(stack === undefined ? {} : { stack }) };
}

/** The error that `serializeError` took apart. A bug stays a plain `Error` with its own stack. */
export function deserializeError(error: SerializedError): Error {
  if (error.code !== 'BUG') return new SalvageError(error.code, error.message, error.data);
  const bug = new Error(error.message);
  if (error.stack !== undefined) bug.stack = error.stack;
  return bug;
}
