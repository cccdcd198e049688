import { Catalog } from '../../../src/catalog/catalog.ts';
import { unpackMetadata } from '../../../src/catalog/metadata-record.ts';
import { isSourceFault } from '../../../src/errors/salvage-error.ts';
import { bytesStorage } from '../../catalog/bytes-storage.ts';
import type { Decoders } from '../decoder.ts';

/** Reads all there is of a part, or says that it was refused. */
function attempt<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (isSourceFault(error)) return error.code;
    throw error;
  }
}

interface CatalogReading {
  parts: unknown[];
  whole: boolean;
}

function readCatalog(bytes: Uint8Array): CatalogReading {
  const catalog = new Catalog(bytesStorage(bytes));
  const parts: unknown[] = catalog.osds().flatMap((osd): unknown[] => [
    attempt(() => osd.rbdMetadata().length),
    attempt(() => osd.pgMetadata().length),
    ...osd.segments.flatMap((segment) => [
      attempt(() => segment.verify()),
      attempt(() => segment.units.length),
      attempt(() => segment.kept().length),
      attempt(() => segment.named().length),
      attempt(() => segment.unreadable().length),
      ...segment.head.groups.map((group) =>
        attempt(() => {
          const { objectNo, snap, hash, unit } = segment.rows(group);
          return [objectNo, snap, hash, unit].map((column) =>
            Buffer.from(column.buffer).toString('hex'),
          );
        }),
      ),
    ]),
  ]);
  parts.push(catalog.osdMaps().map(({ epoch }) => epoch));
  const refused = parts.some((part) => part === 'CORRUPT' || part === 'SOURCE_IO');
  return { parts, whole: !refused && !catalog.unfinished && catalog.problems.length === 0 };
}

export const CATALOG: Decoders = {
  catalog: {
    run: readCatalog,
    vouches: ({ whole }: CatalogReading) => whole,
    fixedBytes: 32 << 20,
  },
  'catalog-metadata': { run: unpackMetadata },
};
