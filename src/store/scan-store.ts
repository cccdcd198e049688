import { scanBlueStore } from './bluestore/bluestore-scan.ts';
import { scanLoose } from './loose/loose-scan.ts';
import { type ShareOptions, scanFileStore } from './scan-filestore.ts';

export type { KnownUnit } from './filestore/filestore-scan.ts';
export { type ScanShare, scanShares, shareCollections } from './scan-shares.ts';

/** Hands every object of a share to the sink; what cannot be read is reported and passed over. */
export function scanShare(options: ShareOptions): void {
  const { location, share, sink, report, known } = options;
  if (location.kind === 'filestore') {
    scanFileStore(options);
    return;
  }
  if (location.kind === 'loose') {
    scanLoose({ directory: location.dataPath, sink, report });
    return;
  }
  const [index, of] = share.map(Number);
  scanBlueStore({ location, part: { index: index!, of: of! }, sink, report, known });
}
