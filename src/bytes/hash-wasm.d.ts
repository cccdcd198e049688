/** The library's single hashes, which it has no declarations for. */
declare module 'hash-wasm/dist/xxhash32.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createXXHash32'>;
  export default library;
}
declare module 'hash-wasm/dist/xxhash64.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createXXHash64'>;
  export default library;
}
declare module 'hash-wasm/dist/xxhash3.umd.min.js' {
  const library: Pick<typeof import('hash-wasm'), 'createXXHash3'>;
  export default library;
}
