/**
 * The scan kernel: the work that a scan does for every object, in WebAssembly. AssemblyScript, which
 * `npm run build` compiles to ../scan-kernel.bytes.ts. See docs/adr/0006-scan-kernel.md. What runs for every object is put
 * where it is called (`@inline`), which spares a fifth of the time.
 */
import { clearArena, LISTING, LISTING_BYTES, OTHERS, SCRATCH, SCRATCH_BYTES } from './memory';
import { clearPrefixes } from './prefixes';
import { clearRows } from './rows';
import { clearTails } from './tails';

export { setUnit, takeNames, takeRecords } from './names';
export { addPrefix, findPrefix } from './prefixes';
export { packedLength, packedStart, packRows, pushRow, rowCount } from './rows';
export { addTail } from './tails';

export function listing(): usize {
  return LISTING;
}
export function listingBytes(): usize {
  return LISTING_BYTES;
}
export function others(): usize {
  return OTHERS;
}
export function scratch(): usize {
  return SCRATCH;
}
export function scratchBytes(): usize {
  return SCRATCH_BYTES;
}

/** Forgets rows and prefixes. @returns false where there is no memory */
export function clear(): bool {
  clearArena();
  clearRows();
  clearTails();
  return clearPrefixes();
}
