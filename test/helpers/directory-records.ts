export interface DirectoryEntry {
  name: Uint8Array;
  /** as in dirent.h; 8 is a regular file */
  type?: number;
}

/** Entries as getdents64 gives them (struct linux_dirent64), the padding not of zeros. */
export function directoryRecords(entries: readonly DirectoryEntry[]): Buffer {
  return Buffer.concat(
    entries.map(({ name, type = 8 }, i) => {
      const length = (19 + name.length + 1 + 7) & ~7;
      const record = Buffer.alloc(length, 0xa5);
      record.writeBigUInt64LE(BigInt(i + 100), 0);
      record.writeBigInt64LE(BigInt(i + 1), 8);
      record.writeUInt16LE(length, 16);
      record[18] = type;
      record.set(name, 19);
      record[19 + name.length] = 0;
      return record;
    }),
  );
}
