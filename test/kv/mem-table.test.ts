import { describe, expect, it } from 'vitest';
import { MemTable } from '../../src/kv/mem-table.ts';
import { RECORD } from '../../src/kv/record.ts';
import { bytesOf } from './memory-directory.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function contents(table: MemTable, from?: string): string[] {
  const found: string[] = [];
  const cursor = table.cursor(from === undefined ? undefined : bytesOf(from));
  for (; cursor.valid; cursor.next()) {
    const key = cursor.keyBytes.subarray(cursor.keyStart, cursor.keyStart + cursor.keyLength);
    found.push(`${text(key)}@${cursor.sequence}:${cursor.type}=${text(cursor.value())}`);
  }
  return found;
}

describe('MemTable', () => {
  it('keeps the newest version of each key, in key order', () => {
    const table = new MemTable();
    table.add(1, RECORD.put, bytesOf('b'), bytesOf('one'));
    table.add(3, RECORD.put, bytesOf('a'), bytesOf('three'));
    table.add(4, RECORD.delete, bytesOf('b'), bytesOf(''));
    table.add(2, RECORD.put, bytesOf('a'), bytesOf('two'));
    table.seal();
    expect(contents(table)).toEqual(['a@3:1=three', 'b@4:0=']);
    expect(contents(table, 'a\0')).toEqual(['b@4:0=']);
    expect(contents(table, 'c')).toEqual([]);
  });

  it('gives the same answer when superseded versions were thrown out on the way', () => {
    const [small, large] = [new MemTable(2000), new MemTable()];
    for (let i = 0; i < 5000; i++) {
      const [key, value] = [bytesOf(`key ${(i * 7919) % 257}`), bytesOf(`value ${i}`)];
      for (const table of [small, large]) table.add(i, RECORD.put, key, value);
    }
    for (const table of [small, large]) table.seal();
    expect(contents(small)).toEqual(contents(large));
    expect(small.count).toBe(257);
  });

  it('holds an entry that is larger than its buffers', () => {
    const table = new MemTable();
    const value = new Uint8Array(3 << 20).fill(7);
    table.add(1, RECORD.put, bytesOf('a'), bytesOf('x'));
    table.add(2, RECORD.put, bytesOf('b'), value);
    table.add(3, RECORD.put, bytesOf('c'), bytesOf('y'));
    table.seal();
    const cursor = table.cursor(bytesOf('b'));
    expect(Buffer.compare(cursor.value(), value)).toBe(0);
    cursor.next();
    expect(text(cursor.value())).toBe('y');
  });
});
