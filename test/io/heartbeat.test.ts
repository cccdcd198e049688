import { afterEach, describe, expect, it } from 'vitest';
import { beatInto, inSource, onBehalfOf, PulseWatch } from '../../src/io/heartbeat.ts';

afterEach(() => beatInto(new PulseWatch().shared));

describe('a pulse', () => {
  it('shows how long a thread has been in one call, and on which device', () => {
    const watch = new PulseWatch();
    beatInto(watch.shared);
    expect(watch.stuckFor(1000)).toBe(0);
    inSource(0x801, () => {
      expect(watch.stuckFor(2000)).toBe(0);
      expect(watch.stuckFor(7000)).toBe(5000);
      expect(watch.device).toBe(0x801);
    });
    expect(watch.stuckFor(9000)).toBe(0);
  });

  it('names the device on whose behalf others are asked', () => {
    const watch = new PulseWatch();
    beatInto(watch.shared);
    const named = (device: number) => inSource(device, () => [watch.device, watch.owner]);
    expect(onBehalfOf(0x802, () => [named(0), named(0x801)])).toEqual([
      [undefined, 0x802],
      [0x801, 0x802],
    ]);
    const failing = () =>
      onBehalfOf(0x802, () => {
        throw new Error('EIO');
      });
    expect(failing).toThrow('EIO');
    expect([named(0), named(0x801)]).toEqual([
      [undefined, undefined],
      [0x801, undefined],
    ]);
  });

  it('starts again with every call, so that many short ones are not one long one', () => {
    const watch = new PulseWatch();
    beatInto(watch.shared);
    for (let now = 1000; now < 100_000; now += 1000) {
      inSource(1, () => expect(watch.stuckFor(now)).toBe(0));
    }
  });

  it('goes on after a call that has failed', () => {
    const watch = new PulseWatch();
    beatInto(watch.shared);
    const failing = () =>
      inSource(0, () => {
        throw new Error('EIO');
      });
    expect(failing).toThrow('EIO');
    expect(watch.stuckFor(1)).toBe(0);
    expect(watch.stuckFor(100_000)).toBe(0);
    expect(watch.device).toBeUndefined();
  });
});
