import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { deviceLanes } from '../../src/io/device-lanes.ts';

it('gives every path of a device the same lane', () => {
  const lanes = deviceLanes(undefined);
  const here = lanes.of('.');
  expect(lanes.of('package.json')).toEqual(here);
  expect(here.device).toBe(String(statSync('.').dev));
  expect([1, availableParallelism()]).toContain(here.readers);
  expect(here.most).toBe(availableParallelism());
});

it('takes as many readers as the operator says', () => {
  expect(deviceLanes(7).of('.')).toMatchObject({ readers: 7, most: 7 });
});

it('takes what no disk is behind for fast', () => {
  expect(deviceLanes(undefined).of('/proc').readers).toBe(availableParallelism());
});

it('says so where there is nothing', () => {
  expect(() => deviceLanes(1).of('/nowhere')).toThrow(
    expect.objectContaining({ code: 'SOURCE_IO', data: { path: '/nowhere', errno: 'ENOENT' } }),
  );
});
