import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { beatInto, PulseWatch } from '../../src/io/heartbeat.ts';
import { openShard } from '../../src/store/shard-object.ts';
import { storeAt } from '../../src/store/store-cache.ts';
import { fixtureOsds } from '../helpers/fixtures.ts';
import { locate, scanOsd } from '../helpers/osd-objects.ts';

it.each(['basic', 'blue'])('a shard of %s is its object, and names the device given', (name) => {
  const osds = fixtureOsds(name);
  const location = locate(path.join(osds, readdirSync(osds).sort()[0]!));
  const ref = scanOsd(location).sink.data[0]!;
  const watch = new PulseWatch();
  beatInto(watch.shared);
  const options = { verify: true };
  const whole = storeAt(location).open(ref, options);
  const expected = Buffer.alloc(whole.size);
  expect(whole.read(expected, 0)).toBe(whole.size);
  const own = watch.device;
  const shard = openShard({ location, ref, device: 0x7f01 }, options);
  const bytes = Buffer.alloc(whole.size);
  expect(shard.read(bytes, 0)).toBe(whole.size);
  expect(bytes.equals(expected)).toBe(true);
  expect(watch.device).toBe(0x7f01);
  expect(shard.attr('_')).toEqual(whole.attr('_'));
  expect(shard.nextData(0, whole.size)).toEqual(whole.nextData(0, whole.size));
  expect([shard.size, shard.path, shard.mtimeMs]).toEqual([whole.size, whole.path, whole.mtimeMs]);
  expect(shard.checked).toBe(whole.checked === true);
  shard.close();
  // A shard whose device is not known leaves it to the file that is read.
  const unknown = openShard({ location, ref }, options);
  unknown.read(bytes, 0);
  expect(watch.device).toBe(own);
  unknown.close();
  whole.close();
});
