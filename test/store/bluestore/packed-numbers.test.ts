import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/bytes/byte-reader.ts';
import {
  readLba,
  readLowz,
  readPieces,
  UNALLOCATED,
} from '../../../src/store/bluestore/packed-numbers.ts';
import { verdict } from '../../ceph/damage.ts';
import { hex } from '../../helpers/hex.ts';

const reader = (text: string) => new ByteReader(hex(text), 'test');

describe('lowz', () => {
  it.each([
    ['13', 0x4000],
    ['43', 0x10000],
    ['07', 0x1000],
    ['0f', 0x3000],
    ['00', 0],
    ['04', 1],
    ['8308', 0x100000],
    ['a701', 0x29000],
  ])('reads %s', (bytes, value) => {
    expect(readLowz(reader(bytes))).toBe(value);
  });
});

describe('lba', () => {
  it.each([
    ['aa080000', 0x455000],
    ['35010000', 0x4d0000],
    ['2b000000', 0x500000],
    ['ffffffffffffffffff01', UNALLOCATED],
    // 64 KiB form with one continuation byte, which goes on at bit 45
    ['0100008001', 2 ** 45],
    // and at bit 28 of the form that holds every byte
    ['0f00008001', 2 ** 28 + 1],
  ])('reads %s', (bytes, value) => {
    const input = reader(bytes);
    expect(readLba(input)).toBe(value);
    expect(input.remaining).toBe(0);
  });

  it('refuses more than 64 bits, and offsets beyond any device', () => {
    const lba = (bytes: Uint8Array) => readLba(new ByteReader(bytes, 'test'));
    expect(verdict(lba, hex('ffffffffffffffffffffff01'))).toBe('CORRUPT');
    expect(verdict(lba, hex('feffffffffffff7f'))).toBe('CORRUPT');
  });
});

describe('pieces', () => {
  it('reads those of a real blob, the first without a place', () => {
    expect(readPieces(reader('02 ffffffffffffffffff01 1b 2e090000 2b'))).toEqual([
      { offset: UNALLOCATED, length: 0x6000 },
      { offset: 0x497000, length: 0xa000 },
    ]);
  });

  it('refuses a count that what follows cannot hold', () => {
    const pieces = (bytes: Uint8Array) => readPieces(new ByteReader(bytes, 'test'));
    expect(verdict(pieces, hex('ffffffff7f 2e090000 2b'))).toBe('CORRUPT');
  });
});
