import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import {
  compareEversion,
  eversion,
  formatEversion,
  intervalSet,
  readPoolId,
  skipReqid,
  utime,
  uuid,
  versioned,
} from '../../src/ceph/encoding.ts';
import { SalvageError } from '../../src/errors/salvage-error.ts';
import { hex } from '../helpers/hex.ts';

const reader = (text: string, base = 0) => new ByteReader(hex(text), 'test', base);

describe('versioned', () => {
  it('hands the body its version and just its bytes, and skips what it leaves', () => {
    const r = reader('0503 04000000 aabbccdd ee');
    const seen = versioned(r, 'thing', 3, (body, v, compat) => [
      body.u8(),
      body.remaining,
      v,
      compat,
    ]);
    expect(seen).toEqual([0xaa, 3, 5, 3]);
    expect(r.u8()).toBe(0xee);
  });

  it('does not let the body read past the claimed length', () => {
    const r = reader('0101 02000000 aabbccdd', 0x100);
    expect(() => versioned(r, 'thing', 1, (body) => body.u32())).toThrow(
      'thing: need 4 bytes at 0x106, 2 remain',
    );
  });

  it('calls a structure for newer decoders unsupported, with both versions', () => {
    let error: unknown;
    try {
      versioned(reader('0907 01000000 aa', 0x20), 'thing', 6, () => 0);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(SalvageError);
    expect(error).toMatchObject({
      code: 'UNSUPPORTED',
      data: { structure: 'thing', offset: 0x20, expected: 6, found: 7 },
    });
  });

  it('calls garbage corrupt, even where it would need a newer decoder', () => {
    expect(() => versioned(reader('ffff ffffffff aa'), 'thing', 6, () => 0)).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  });
});

describe('primitives', () => {
  it('reads an eversion version first and prints it epoch first', () => {
    const v = eversion(reader('5900000000000000 38000000'));
    expect(v).toEqual({ epoch: 56, version: 89n });
    expect(formatEversion(v)).toBe("56'89");
  });

  it('orders eversions by epoch, then version', () => {
    const at = (epoch: number, version: bigint) => ({ epoch, version });
    expect(compareEversion(at(2, 1n), at(1, 9n))).toBeGreaterThan(0);
    expect(compareEversion(at(2, 1n), at(2, 2n))).toBeLessThan(0);
    expect(compareEversion(at(2, 2n), at(2, 2n))).toBe(0);
  });

  it('prints a uuid in the order of its bytes', () => {
    expect(uuid(reader('f867ed72792c4506ab8f6126164827eb'))).toBe(
      'f867ed72-792c-4506-ab8f-6126164827eb',
    );
  });

  it('reads utime and interval sets', () => {
    expect(utime(reader('01000000 02000000'))).toEqual({ seconds: 1, nanoseconds: 2 });
    expect(intervalSet(reader('01000000 0800000000000000 0100000000000000'))).toEqual([
      { start: 8n, length: 1n },
    ]);
  });

  it('refuses an interval set that claims more than is there', () => {
    expect(() => intervalSet(reader('ffffffff 0800000000000000'))).toThrow(
      '4294967295 elements of 16 bytes claimed, 8 bytes remain',
    );
  });

  it('passes over the 27 bytes of a request id', () => {
    const r = reader('0202 15000000 08 2b10000000000000 2100000000000000 00000000 ee');
    skipReqid(r);
    expect(r.u8()).toBe(0xee);
  });

  it('reads pool ids down to the sentinel and refuses absurd ones', () => {
    expect(readPoolId(reader('0300000000000000'))).toBe(3);
    expect(readPoolId(reader('fcffffffffffffff'))).toBe(-4);
    expect(readPoolId(reader('0000000000000080'))).toBe(-(2 ** 63));
    expect(() => readPoolId(reader('ffffffffffffff7f'))).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  });
});
