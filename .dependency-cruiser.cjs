/**
 * The layers of src/, checked by `npm run layers`. Data flows one way:
 *
 *     cli -> export -> image -> catalog -> store -> rbd, ceph, kv, ec -> bytes, errors
 *     wasm (inner loops in WebAssembly) <- catalog
 *     workers (thread entries and their pool) -> export, catalog, store
 *     io (the operating system) <- cli, workers, export, catalog, store
 *
 * `bytes`, `errors` and the types of `io/ports.ts` may be imported by all. Each rule says what to do
 * when it fires. A rule is changed together with CONTRIBUTING.md, never worked around.
 */

const PORTS = '^src/io/ports\\.ts$';
/** Layers that take bytes and give objects. */
const PURE = '^src/(errors|bytes|kv|ceph|rbd|ec)/';

/** Names of layers as a pattern of their paths. */
const layers = (...names) => `^src/(${names.join('|')})/`;

/** `from` may import from itself, from `to`, and the port types; nothing else of src. */
const only = (from, to, comment) => ({
  name: `${from}-only-looks-down`,
  severity: 'error',
  comment,
  from: { path: layers(from) },
  to: { path: '^src/', pathNot: [layers(from, ...to), PORTS] },
});

module.exports = {
  forbidden: [
    only(
      'errors',
      [],
      'Errors are the lowest layer. Pass what the message needs as data (path, offset, structure) ' +
        'from the caller instead of importing its module.',
    ),
    only(
      'bytes',
      ['errors'],
      'Reading bytes knows no format. A helper that needs Ceph, RBD or a key/value store belongs to ' +
        'that layer.',
    ),
    only(
      'kv',
      ['bytes', 'errors'],
      'The key/value reader knows neither Ceph nor files: it reads through the SourceDirectory and ' +
        'ByteSource of io/ports.ts, so that it also reads a RocksDB inside BlueFS. What interprets ' +
        'keys or values belongs to store.',
    ),
    only(
      'ceph',
      ['bytes', 'errors'],
      "Ceph's encodings know nothing of RBD or of where their bytes are kept. Move what needs RBD to " +
        'src/rbd, what needs a backend to src/store.',
    ),
    only(
      'ec',
      ['bytes', 'errors'],
      'Erasure codes are arithmetic on buffers. Let the caller read the profile and the shards, and ' +
        'hand them in.',
    ),
    only(
      'rbd',
      ['ceph', 'bytes', 'errors'],
      'RBD structures are decoded from bytes that the caller has found. What finds them belongs to ' +
        'image, what reads them to store.',
    ),
    only(
      'io',
      ['bytes', 'errors'],
      'The edge to the operating system decides nothing. Move the decision to the layer that calls, ' +
        'and pass its outcome in.',
    ),
    only(
      'wasm',
      ['bytes', 'errors'],
      'A kernel is an inner loop over memory of its own. What its numbers mean belongs to the layer ' +
        'that calls it; what it is compiled from (wasm/assembly) imports nothing else.',
    ),
    only(
      'store',
      ['kv', 'ceph', 'rbd', 'ec', 'bytes', 'errors', 'io'],
      'A backend gives objects, and knows neither which OSD is right nor which image they make. Take ' +
        'a callback or a sink (as ObjectSink), or move the code up to catalog or image.',
    ),
    only(
      'catalog',
      ['store', 'wasm', 'kv', 'ceph', 'rbd', 'ec', 'bytes', 'errors', 'io'],
      'The catalog holds what was found, uninterpreted. What an image is belongs to src/image; threads ' +
        'come in as a TaskRunner.',
    ),
    only(
      'image',
      ['catalog', 'store', 'kv', 'ceph', 'rbd', 'ec', 'bytes', 'errors'],
      'An image is worked out from the catalog and from attributes that the caller fetches: nothing ' +
        'here reads a disk or writes a file. Take a function (as AttrsReader) or a port; what writes ' +
        'belongs to src/export.',
    ),
    only(
      'export',
      ['image', 'catalog', 'store', 'kv', 'ceph', 'rbd', 'ec', 'bytes', 'errors', 'io'],
      'An export knows neither options nor terminals nor threads: those come in as arguments, ' +
        'Progress and TaskRunner.',
    ),
    only(
      'workers',
      ['export', 'image', 'catalog', 'store', 'kv', 'ceph', 'rbd', 'ec', 'bytes', 'errors', 'io'],
      'A thread cannot talk to the terminal. Answer with data and let the command print it.',
    ),
    {
      name: 'no-circular',
      severity: 'error',
      comment:
        'Move what both modules need into a third one; types that describe a message between two ' +
        'modules have a file of their own (as catalog/scan-messages.ts). Two modules of one layer may ' +
        "know each other's types: a cycle counts only where it is still there when the program runs.",
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'operating-system-only-in-io',
      severity: 'error',
      comment:
        'Sources must never be written to, so everything that opens a file is in one place. Add a ' +
        'function to src/io (and a type to io/ports.ts where a lower layer needs it).',
      from: { path: '^src/', pathNot: layers('io') },
      to: { path: ['^(node:)?(fs|fs/promises|child_process)$', '^node_modules/(koffi|@koromix)/'] },
    },
    {
      name: 'pure-layers-touch-nothing',
      severity: 'error',
      comment:
        'Formats are pure functions from bytes to objects, which is what lets a test call them with an ' +
        'array. Of Node they may use its codecs; have the caller pass in paths, clocks and environment.',
      from: { path: PURE },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(zlib|buffer|util)$' },
    },
    {
      name: 'native-calls-in-one-module',
      severity: 'error',
      comment:
        'All system calls that Node lacks are in io/native.ts, with a fallback beside each caller. ' +
        'Declare the call there.',
      from: { path: '^src/', pathNot: '^src/io/native\\.ts$' },
      to: { path: '^node_modules/(koffi|@koromix)/' },
    },
    {
      name: 'terminal-only-in-cli',
      severity: 'error',
      comment:
        'Options, globs and progress bars are for commands. Take the parsed value, the list of paths ' +
        'or the Progress port instead.',
      from: { path: '^src/', pathNot: layers('cli') },
      to: { path: '^node_modules/(commander|fast-glob|cli-progress)/' },
    },
    {
      name: 'threads-only-in-workers',
      severity: 'error',
      comment: 'Take a TaskRunner (io/ports.ts); only workers/pool.ts knows how threads are run.',
      from: { path: '^src/', pathNot: layers('workers') },
      to: { path: '^node_modules/piscina/' },
    },
    {
      name: 'worker-entry-is-not-imported',
      severity: 'error',
      comment:
        'workers/worker.ts is the entry of a thread. Import what it wraps, or run the task by name ' +
        'through TaskRunner.',
      from: { path: '^src/' },
      to: { path: '^src/workers/worker\\.ts$' },
    },
    {
      name: 'backends-know-nothing-of-each-other',
      severity: 'error',
      comment:
        'What FileStore and BlueStore share belongs to src/store itself, src/ceph or src/kv. Loose ' +
        "files have FileStore's names, and so may use its modules.",
      from: { path: '^src/store/(filestore|bluestore)/' },
      to: { path: '^src/store/(filestore|bluestore|loose)/', pathNot: '^src/store/$1/' },
    },
    {
      name: 'backends-behind-the-store',
      severity: 'error',
      comment:
        'Above the catalog an object has no backend. Use ObjectStoreReader (store/object-store.ts), ' +
        'and extend it for both backends where it lacks something.',
      from: { path: layers('image', 'export', 'cli', 'workers') },
      to: { path: '^src/store/(filestore|bluestore|loose)/' },
    },
    {
      name: 'program-does-not-import-its-tests',
      severity: 'error',
      comment: 'What tests and program share belongs to src.',
      from: { path: '^src/' },
      to: { path: '^(test|bench|fixtures|bin|dist)/' },
    },
    {
      name: 'no-development-dependencies',
      severity: 'error',
      comment:
        'They are not there after `npm ci --omit=dev`. Make it a dependency, with its reason in ' +
        'docs/adr/0003-dependencies.md, or do without.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '/@types/' },
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      comment:
        'A module that is not there: correct the path, or add the dependency to package.json.',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // type-only imports count: a layer that knows a type of a higher one depends on it
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
