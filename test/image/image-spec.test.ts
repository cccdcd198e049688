import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/image/cluster.ts';
import type { Image } from '../../src/image/image.ts';
import { type ImageSpec, parseImageSpec, resolveImage } from '../../src/image/image-spec.ts';

const spec = (image: string, rest: Partial<ImageSpec> = {}): ImageSpec => ({
  pool: undefined,
  namespace: undefined,
  image,
  snapshot: undefined,
  ...rest,
});

describe('parseImageSpec', () => {
  it.each([
    ['plain', spec('plain')],
    ['rbd/plain', spec('plain', { pool: 'rbd' })],
    ['rbd/ns/plain', spec('plain', { pool: 'rbd', namespace: 'ns' })],
    ['plain@s1', spec('plain', { snapshot: 's1' })],
    ['rbd/ns/plain@s1', spec('plain', { pool: 'rbd', namespace: 'ns', snapshot: 's1' })],
    ['2/plain', spec('plain', { pool: '2' })],
    ['rbd/with space@and.dots', spec('with space', { pool: 'rbd', snapshot: 'and.dots' })],
    ['rbd/ünïcode', spec('ünïcode', { pool: 'rbd' })],
    ['rbd/image@snap@shot', spec('image', { pool: 'rbd', snapshot: 'snap@shot' })],
  ])('reads %s', (text, wanted) => {
    expect(parseImageSpec(text)).toEqual(wanted);
  });

  it.each([
    '',
    '/',
    '@',
    'rbd/',
    '/plain',
    'rbd//plain',
    '@snap',
    'rbd/@snap',
    'plain@',
    'a/b/c/d',
  ])('refuses "%s"', (text) => {
    expect(() => parseImageSpec(text)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`"${text}"`) }),
    );
  });
});

/** As much of a cluster as choosing an image takes. */
function clusterOf(fsid: string, pools: Record<string, number>): Cluster {
  const entries = Object.entries(pools);
  return {
    fsid,
    poolId: (name: string) => pools[name] ?? entries.find(([, id]) => String(id) === name)?.[1],
    poolName: (id: number) => entries.find(([, n]) => n === id)?.[0] ?? String(id),
  } as Cluster;
}

const image = (cluster: Cluster, pool: number, name: string, rest: Partial<Image> = {}): Image =>
  ({
    cluster,
    pool,
    name: Buffer.from(name),
    namespace: new Uint8Array(0),
    id: `id-${name}`,
    trash: undefined,
    ...rest,
  }) as Image;

describe('resolveImage', () => {
  const one = clusterOf('11111111', { rbd: 2, vms: 3, empty: 4 });
  const two = clusterOf('22222222', { rbd: 2 });
  const trash = { name: Buffer.from('gone') } as unknown as NonNullable<Image['trash']>;
  const images = [
    image(one, 2, 'plain'),
    image(one, 2, 'gone', { trash, id: 'a' }),
    image(one, 2, 'twice', { trash, id: 'b' }),
    image(one, 2, 'twice', { id: 'c' }),
    image(one, 3, 'plain', { id: 'd' }),
    image(one, 3, 'vm'),
    image(one, 3, 'inner', { namespace: Buffer.from('ns') }),
    image(one, 3, 'both', { trash, id: 'e' }),
    image(one, 3, 'both', { trash, id: 'f' }),
  ];
  const find = (text: string, among = images) => resolveImage(among, parseImageSpec(text));

  it('takes an image by pool and name, or by the number of the pool', () => {
    expect(find('vms/plain').id).toBe('d');
    expect(find('3/plain').id).toBe('d');
    expect(find('rbd/plain').id).toBe('id-plain');
  });

  it('looks into pool rbd first where none is named, then everywhere', () => {
    expect(find('plain').pool).toBe(2);
    expect(find('vm').pool).toBe(3);
  });

  it('looks into the namespace that is named, and into none but the default otherwise', () => {
    expect(find('vms/ns/inner').id).toBe('id-inner');
    expect(() => find('vms/inner')).toThrow(/no image "inner"/);
    expect(() => find('vms/ns/plain')).toThrow(
      /no image "plain" in vms\/ns \(there are: vms\/ns\/inner\)/,
    );
  });

  it('takes an image from the trash unless a live one has its name', () => {
    expect(find('rbd/gone').id).toBe('a');
    expect(find('rbd/twice').id).toBe('c');
  });

  it('refuses two in the trash of one name, and tells their ids', () => {
    expect(() => find('vms/both')).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringMatching(/id e .*id f .*--id/),
      }),
    );
  });

  it('refuses a name that two clusters have, and tells both', () => {
    const among = [...images, image(two, 2, 'plain')];
    expect(() => find('rbd/plain', among)).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringMatching(/11111111, 22222222.*--cluster/),
      }),
    );
    expect(find('rbd/gone', among).id).toBe('a');
  });

  it('says what there is where nothing fits', () => {
    expect(() => find('rbd/nope')).toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        message: expect.stringMatching(/rbd\/plain, rbd\/gone/),
      }),
    );
    expect(() => find('nope/plain')).toThrow(/no pool "nope" \(.*rbd, vms\)/);
    expect(() => find('empty/plain')).toThrow(/there are no images/);
    expect(() => find('plain', [])).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringContaining('no images') }),
    );
  });

  it('lists a few of many', () => {
    const many = Array.from({ length: 1000 }, (_, i) => image(one, 2, `image-${i}`));
    expect(() => find('rbd/nope', many)).toThrow(/image-0, .*and \d+ more/);
    try {
      find('rbd/nope', many);
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(600);
    }
  });

  it('tells names apart that differ in bytes which are no UTF-8', () => {
    const names = [Buffer.of(0xff), Buffer.of(0xfe)];
    const among = names.map((name, i) => ({ ...image(one, 2, 'x', { id: String(i) }), name }));
    expect(resolveImage(among, spec('\\xfe', { pool: 'rbd' })).id).toBe('1');
  });
});
