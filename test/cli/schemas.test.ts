import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandsOf } from '../../src/cli/describe/command-words.ts';
import { makeProgram } from '../../src/cli/main.ts';
import { fixtureOsds, workDirectory } from '../helpers/fixtures.ts';
import { salvageJson, scanned } from '../helpers/program.ts';

const SCHEMAS = fileURLToPath(new URL('../../docs/schema/', import.meta.url));

/** Readers have to bear fields that they do not know; here a field that is not described is an error. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const parts = Object.entries(schema).map(([key, value]) => [key, closed(value)]);
  const copy = Object.fromEntries(parts);
  return 'required' in copy ? { additionalProperties: false, ...copy } : copy;
}

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
const names = readdirSync(SCHEMAS).map((file) => path.basename(file, '.json'));
for (const name of names) {
  ajv.addSchema(
    closed(JSON.parse(readFileSync(path.join(SCHEMAS, `${name}.json`), 'utf8'))) as object,
  );
}

function complaints(name: string, value: unknown): string[] {
  const validate = ajv.getSchema(`${name}.json`) as ValidateFunction;
  if (validate(value)) return [];
  return validate.errors!.map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

const work = workDirectory();
const catalogs: Record<string, string> = {};

beforeAll(async () => {
  for (const name of ['basic', 'blue', 'stale']) {
    catalogs[name] = await scanned(work.path, [fixtureOsds(name)], `${name}.catalog`);
  }
});

afterAll(() => work.dispose());

const out = (name: string): string => path.join(work.path, name);

/** A command line for each shape that an answer can take. */
const CASES: readonly (readonly [command: string, fixture: string, argv: string[]])[] = [
  ['ls', 'basic', []],
  ['ls', 'basic', ['--long']],
  ['ls', 'blue', ['--long']],
  ['info', 'basic', ['rbd/vm-disk']],
  ['info', 'basic', ['rbd/child@cs']],
  ['info', 'basic', ['rbd/headless']],
  ['info', 'basic', ['rbd/format1']],
  ['info', 'basic', ['rbd/striped']],
  ['info', 'basic', ['rbd/split']],
  ['info', 'basic', ['rbd/journaled']],
  ['info', 'basic', ['rbd/orphan-child']],
  ['export', 'basic', ['rbd/vm-disk', out('a'), '--digest']],
  ['export', 'basic', ['rbd/snaps@s1', out('b')]],
  ['export', 'basic', ['rbd/snaps', out('c'), '--export-format', '2']],
  ['export', 'basic', ['rbd/headless', out('d'), '--size', '1M', '--exclude-osd', 'osd.1']],
  ['export', 'basic', ['rbd/plain', 'rbd/snaps@s1', out('many'), '--exclude-osd', 'osd.0']],
  ['export', 'basic', ['rbd/plain', out('g'), '--dry-run']],
  ['export-diff', 'basic', ['rbd/vm-disk', out('e')]],
  ['export-diff', 'basic', ['rbd/snaps', out('f'), '--from-snap', 's1']],
  ['check', 'basic', ['--all', '--exclude-osd', 'osd.0', '--exclude-osd', 'osd.1']],
  ['check', 'stale', ['--all', '--exclude-osd', 'osd.2']],
  ['snap ls', 'basic', ['rbd/snaps']],
  ['snap ls', 'basic', ['rbd/snaps', '--all']],
  ['children', 'basic', ['rbd/base@gold', '--all']],
  ['du', 'basic', []],
  ['du', 'basic', ['rbd/snaps', '--exclude-osd', 'osd.0', '--exclude-osd', 'osd.1']],
  ['diff', 'basic', ['rbd/snaps', '--from-snap', 's1']],
  ['diff', 'stale', ['rbd/snaps']],
  ['trash ls', 'basic', []],
  ['trash ls', 'basic', ['--long']],
  ['namespace ls', 'basic', []],
  ['pool ls', 'basic', []],
  ['pool ls', 'blue', []],
];

const schemaOf = (command: string): string => command.replaceAll(' ', '-');

describe('the schemas', () => {
  it.each(CASES)('describe every field of %s on %s %j', async (command, fixture, argv) => {
    const catalog = ['--catalog', catalogs[fixture]!];
    const { json } = await salvageJson(...command.split(' '), ...argv, ...catalog);
    expect(complaints(schemaOf(command), json)).toEqual([]);
  });

  it('describe every field of a scan', async () => {
    const argv = ['--osd', fixtureOsds('blue'), '--catalog', out('again')];
    const { json } = await salvageJson('scan', ...argv);
    expect(complaints('scan', json)).toEqual([]);
  });

  it('describe the report beside DEST', async () => {
    const dest = out('reported');
    await salvageJson('export', 'rbd/plain', dest, '--catalog', catalogs.basic!);
    const report = JSON.parse(readFileSync(`${dest}.report.json`, 'utf8'));
    expect(complaints('report', report)).toEqual([]);
  });

  it('describe completion', async () => {
    const { json } = await salvageJson('completion', 'fish');
    expect(complaints('completion', json)).toEqual([]);
  });

  it('are there for every command, and are tried on each', async () => {
    const commands = commandsOf(await makeProgram(async () => {})).map((command) =>
      command.path.join(' '),
    );
    expect(commands.filter((command) => !names.includes(schemaOf(command)))).toEqual([]);
    const tried = new Set(CASES.map(([command]) => command)).add('scan').add('completion');
    expect(commands.filter((command) => !tried.has(command))).toEqual([]);
  });

  it('refuse what is not described, and what is of another type', () => {
    expect(complaints('namespace-ls', [{ name: 'a', pool: 'b' }])).toEqual([]);
    expect(complaints('namespace-ls', [{ name: 'a', pool: 'b', more: 1 }])).toHaveLength(1);
    expect(complaints('namespace-ls', [{ name: 'a', pool: 2 }])).toHaveLength(1);
    expect(complaints('namespace-ls', [{ name: 'a' }])).toHaveLength(1);
  });
});
