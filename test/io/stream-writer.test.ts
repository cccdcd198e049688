import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { deviceWriter, streamWriter } from '../../src/io/stream-writer.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'rbd-salvage-stream-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A stream that takes a chunk when `next` is called, with an error or without. */
class Slow extends Writable {
  readonly taken: string[] = [];
  #done: ((error?: Error) => void) | undefined;

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.taken.push(chunk.toString());
    this.#done = done;
  }
  next(error?: Error): void {
    this.#done?.(error);
  }
}

const errno = (code: string) => Object.assign(new Error(code), { code });
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

describe('streamWriter', () => {
  it('resolves a write once the stream has taken it, not before', async () => {
    const stream = new Slow();
    const writer = streamWriter(stream);
    let out = false;
    const written = writer.write(bytes('one')).then(() => {
      out = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(out).toBe(false);
    stream.next();
    await written;
    expect(stream.taken).toEqual(['one']);
  });

  it('reports a failed write with the first error, then and ever after', async () => {
    const stream = new Slow();
    const writer = streamWriter(stream);
    const written = writer.write(bytes('one'));
    stream.next(errno('ENOSPC'));
    const failure = { code: 'DESTINATION', data: { path: 'standard output', errno: 'ENOSPC' } };
    await expect(written).rejects.toMatchObject(failure);
    await expect(writer.write(bytes('two'))).rejects.toMatchObject(failure);
    await expect(writer.close()).rejects.toMatchObject(failure);
    expect(stream.taken).toEqual(['one']);
  });

  it('says that the reader closed it, where that is so', async () => {
    const stream = new Slow();
    const writer = streamWriter(stream);
    const written = writer.write(bytes('one'));
    stream.next(errno('EPIPE'));
    await expect(written).rejects.toMatchObject({
      message: /closed by its reader/,
      data: { errno: 'EPIPE' },
    });
  });

  it('notices a stream that is closed between two writes', async () => {
    const stream = new Slow();
    const writer = streamWriter(stream);
    stream.destroy(errno('EPIPE'));
    await new Promise((resolve) => stream.once('close', resolve));
    await expect(writer.write(bytes('one'))).rejects.toMatchObject({ data: { errno: 'EPIPE' } });
  });

  it('gives up a write that nobody takes when it is aborted', async () => {
    const controller = new AbortController();
    const writer = streamWriter(new Slow(), controller.signal);
    const written = writer.write(bytes('one'));
    controller.abort();
    await expect(written).rejects.toMatchObject({ name: 'AbortError' });
    await expect(writer.write(bytes('two'))).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('gathers no listeners over many writes', async () => {
    const warnings = vi.spyOn(process, 'emitWarning');
    const stream = new Slow();
    const { signal } = new AbortController();
    const writer = streamWriter(stream, signal);
    for (let i = 0; i < 100; i++) {
      const written = writer.write(bytes('x'));
      stream.next();
      await written;
    }
    expect(warnings).not.toHaveBeenCalled();
    expect(stream.listenerCount('error')).toBeLessThan(5);
    expect(stream.listenerCount('drain')).toBeLessThan(5);
  });

  it('writes to a redirected file by itself, from where the file stands', async () => {
    const file = path.join(directory, 'redirected');
    writeFileSync(file, 'before ');
    const fd = openSync(file, 'a');
    try {
      const stream = Object.assign(new Slow(), { fd });
      const writer = streamWriter(stream);
      await writer.write(bytes('one '));
      await writer.write(new Uint8Array(new SharedArrayBuffer(3)));
      await writer.close();
      expect(readFileSync(file, 'latin1')).toBe('before one \0\0\0');
      expect(stream.taken).toEqual([]);
    } finally {
      closeSync(fd);
    }
  });

  it('reports a redirected file that is full', async () => {
    const fd = openSync('/dev/full', 'w');
    try {
      const writer = streamWriter(Object.assign(new Slow(), { fd }));
      await expect(writer.write(bytes('one'))).rejects.toMatchObject({ data: { errno: 'ENOSPC' } });
    } finally {
      closeSync(fd);
    }
  });
});

describe('deviceWriter', () => {
  const fifo = (name: string) => {
    const file = path.join(directory, name);
    execFileSync('mkfifo', [file]);
    return file;
  };

  it('writes to a FIFO in order, more than it holds', async () => {
    const file = fifo('in-order');
    const out = path.join(directory, 'copy');
    const reader = spawn('cp', [file, out]);
    const ended = new Promise((resolve) => reader.on('exit', resolve));
    const writer = deviceWriter(file);
    for (let i = 0; i < 20; i++) await writer.write(new Uint8Array(100_000).fill(i));
    await writer.close();
    await ended;
    const copy = readFileSync(out);
    expect(copy.length).toBe(2_000_000);
    for (let i = 0; i < 20; i++) {
      expect(copy.subarray(i * 100_000, (i + 1) * 100_000).every((byte) => byte === i)).toBe(true);
    }
  });

  it('opens a FIFO for an image of no bytes too, so that its reader sees the end', async () => {
    const file = fifo('nothing');
    const reader = spawn('cat', [file], { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise((resolve) => reader.on('exit', resolve));
    await deviceWriter(file).close();
    expect(await ended).toBe(0);
  });

  it('waits for the reader of a FIFO until it is aborted', async () => {
    const controller = new AbortController();
    const writer = deviceWriter(fifo('unread'), controller.signal);
    const written = writer.write(bytes('one'));
    setTimeout(() => controller.abort(), 250);
    await expect(written).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('gives up on a FIFO whose reader takes nothing when it is aborted', async () => {
    const file = fifo('stalled');
    const controller = new AbortController();
    const reader = spawn('sh', ['-c', `exec sleep 20 < ${file}`]);
    try {
      const writer = deviceWriter(file, controller.signal);
      const written = writer.write(new Uint8Array(10_000_000));
      setTimeout(() => controller.abort(), 250);
      await expect(written).rejects.toMatchObject({ name: 'AbortError' });
    } finally {
      reader.kill();
    }
  });

  it('takes /dev/null, where nothing can be made durable', async () => {
    const writer = deviceWriter('/dev/null');
    await writer.write(bytes('one'));
    await writer.close();
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('reports what cannot be opened or written', async () => {
    const missing = path.join(directory, 'missing');
    await expect(deviceWriter(missing).write(bytes('x'))).rejects.toMatchObject({
      code: 'DESTINATION',
      data: { path: missing, errno: 'ENOENT' },
    });
    await expect(deviceWriter('/dev/full').write(bytes('x'))).rejects.toMatchObject({
      data: { path: '/dev/full', errno: 'ENOSPC' },
    });
  });
});
