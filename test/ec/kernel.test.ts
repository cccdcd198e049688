import { expect, it } from 'vitest';
import { type Kernel, plainKernel, vectorKernel } from '../../src/ec/kernel.ts';

const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * i * 31 + i * 7 + 3) & 255);
const kernels: [string, Kernel | undefined][] = [
  ['vector', vectorKernel()],
  ['plain', plainKernel()],
];

it('has vectors where the tests run', () => {
  expect(kernels[0]?.[1]).toBeDefined();
});

it.each(kernels)('%s: adds by exclusive or, and nothing beyond the length', (_, kernel) => {
  const memory = kernel!.memory(256);
  const before = noise(256);
  memory.set(before);
  kernel!.xor(16, 128, 48);
  for (let i = 0; i < 256; i++) {
    const expected = i >= 16 && i < 64 ? before[i]! ^ before[i + 112]! : before[i];
    expect(memory[i]).toBe(expected);
  }
});

it.each(kernels)('%s: adds the images of both nibbles', (_, kernel) => {
  const memory = kernel!.memory(1024);
  const before = noise(1024);
  memory.set(before);
  kernel!.map(0, 256, 256, 512);
  for (let i = 0; i < 1024; i++) {
    const byte = before[256 + i]!;
    const image = before[512 + (byte & 15)]! ^ before[528 + (byte >> 4)]!;
    expect(memory[i]).toBe(i < 256 ? before[i]! ^ image : before[i]);
  }
});

it.each(kernels)('%s: grows its memory', (_, kernel) => {
  expect(kernel!.memory(300_000).length).toBeGreaterThanOrEqual(300_000);
  const memory = kernel!.memory(16);
  memory.fill(5, 299_008, 299_024);
  memory.fill(0, 0, 16);
  kernel!.xor(0, 299_008, 16);
  expect(memory[15]).toBe(5);
});
