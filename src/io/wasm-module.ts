import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Tests run the sources themselves, which have no modules compiled beside them. `npm run build` moves
// this module to other folders beside `wasm`.
const BUILT = import.meta.url.endsWith('.ts') ? '../../dist/wasm/' : '../wasm/';

/** Compiles one of the program's own WebAssembly modules: they are small, so at once. */
export function wasmModule(name: string): WebAssembly.Module {
  return new WebAssembly.Module(
    readFileSync(fileURLToPath(new URL(BUILT + name, import.meta.url))),
  );
}
