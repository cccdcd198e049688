interface WasmMemory {
  Memory: new (descriptor: { initial: number }) => { buffer: ArrayBuffer };
}

const PAGE = 65536;

/**
 * A page-aligned buffer: the kernel copies into it about a fifth faster than into one that starts
 * 16 bytes past a page, where Node's own large buffers lie. WebAssembly memory is page-aligned.
 */
export function alignedBuffer(bytes: number): Buffer {
  // Node's type definitions leave WebAssembly to the browser's.
  const { Memory } = (globalThis as unknown as { WebAssembly: WasmMemory }).WebAssembly;
  const memory = new Memory({ initial: Math.ceil(bytes / PAGE) });
  return Buffer.from(memory.buffer, 0, bytes);
}
