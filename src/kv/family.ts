import { MemTable } from './mem-table.ts';
import type { TableRun, TableSpan } from './table-run.ts';

/** One column family, ready to be read. */
export interface Family {
  id: number;
  name: string;
  logNumber: number;
  spans: TableSpan[];
  runs: TableRun[];
  mem: MemTable;
}

export type Families = Map<number, Family>;

export const newFamily = (id: number, name: string, logNumber: number): Family => ({
  id,
  name,
  logNumber,
  spans: [],
  runs: [],
  mem: new MemTable(),
});
