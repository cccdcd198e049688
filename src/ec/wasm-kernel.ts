import {
  BR_IF,
  constant,
  END,
  get,
  I32_ADD,
  I32_SUB,
  LOOP,
  load,
  set,
  store,
  tee,
  V128,
  wasmModule,
  XOR,
} from '../bytes/wasm-module.ts';

/**
 * Two loops over 16 bytes at a time; the second looks up 16 bytes at once by the processor's byte
 * shuffle.
 *
 *     (func (export "xor") (param $target i32) (param $source i32) (param $length i32))
 *     (func (export "map") (param $target i32) (param $source i32) (param $length i32) (param $table i32))
 */

const SPLAT_I8 = [0xfd, 0x0f];
const SWIZZLE = [0xfd, 0x0e];
const AND = [0xfd, 0x4e];
const SHIFT_RIGHT_U16 = [0xfd, 0x8d, 0x01];

// Parameters come first among the locals.
const TARGET = 0;
const SOURCE = 1;
const LENGTH = 2;

const advance = (local: number): number[] => [
  ...get(local),
  ...constant(16),
  I32_ADD,
  ...set(local),
];

/** Repeats `body` for each 16 bytes; the length must not be 0. */
const forEach16 = (body: number[]): number[] => [
  ...LOOP,
  ...body,
  ...advance(TARGET),
  ...advance(SOURCE),
  ...[...get(LENGTH), ...constant(16), I32_SUB, ...tee(LENGTH), BR_IF, 0],
  END,
];

const xorBody = [
  ...[0], // no further locals
  ...forEach16([
    ...[...get(TARGET), ...get(TARGET), ...load()],
    ...[...get(SOURCE), ...load(), ...XOR, ...store()],
  ]),
  END,
];

const TABLE = 3;
const LOW = 4;
const HIGH = 5;
const BYTES = 6;
const NIBBLE = 7;

const mapBody = [
  ...[1, 4, V128],
  ...[...get(TABLE), ...load(0), ...set(LOW), ...get(TABLE), ...load(16), ...set(HIGH)],
  ...[...constant(15), ...SPLAT_I8, ...set(NIBBLE)],
  ...forEach16([
    ...[...get(TARGET), ...get(TARGET), ...load()],
    ...[...get(LOW), ...get(SOURCE), ...load(), ...tee(BYTES), ...get(NIBBLE), ...AND],
    ...[...SWIZZLE, ...XOR],
    ...[...get(HIGH), ...get(BYTES), ...constant(4), ...SHIFT_RIGHT_U16, ...get(NIBBLE), ...AND],
    ...[...SWIZZLE, ...XOR, ...store()],
  ]),
  END,
];

/** The module's bytes. */
export const KERNEL_MODULE = wasmModule(
  { name: 'xor', parameters: 3, body: xorBody },
  { name: 'map', parameters: 4, body: mapBody },
);
