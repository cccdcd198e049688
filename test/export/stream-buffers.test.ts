import { describe, expect, it } from 'vitest';
import { StreamBuffers } from '../../src/export/stream-buffers.ts';

describe('StreamBuffers', () => {
  it('hands out a buffer again, with nothing left in it', () => {
    const buffers = new StreamBuffers();
    const first = buffers.take(8192);
    new Uint8Array(first).fill(7);
    buffers.give(first);
    const again = buffers.take(8192);
    expect(again).toBe(first);
    expect(new Uint8Array(again).every((byte) => byte === 0)).toBe(true);
    expect(buffers.take(8192)).not.toBe(again);
  });

  it('hands out none of another size', () => {
    const buffers = new StreamBuffers();
    buffers.give(buffers.take(8192));
    expect(buffers.take(4096).byteLength).toBe(4096);
  });
});
