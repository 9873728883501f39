import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { loadRunnerConfig } from '../../src/config/load.ts';
import { choices, defaultsOf, partOf, valueKind, type Schema } from '../../src/config/schemas.ts';
import { isJsonObject } from '../../src/json.ts';
import { parseDuration, parseSize, spellBytes, spellSeconds } from '../../src/config/units.ts';
import { readScenarioFile } from '../../src/simulator/scenario-file.ts';
import { ROOT } from '../support/program.ts';
import { configFile, MINIMAL } from './support.ts';

const examples = join(ROOT, 'deployment', 'examples');
const exampleConfigs = readdirSync(examples).filter(
  name =>
    /\.(ya?ml|json)$/.test(name) &&
    readFileSync(join(examples, name), 'utf8').includes('/runner-config.json'),
);

for (const name of exampleConfigs) {
  void test(`the example ${name} is a valid runner config`, async () => {
    await loadRunnerConfig(join(examples, name), { checkOnly: true });
  });
}

void test('each example with a provider names its schema, so that the tests above see it', () => {
  assert.ok(exampleConfigs.length >= 5);
  for (const name of readdirSync(examples).filter(file => /\.(ya?ml|json)$/.test(file))) {
    const text = readFileSync(join(examples, name), 'utf8');
    assert.equal(
      exampleConfigs.includes(name),
      /^\s*"?provider"?:/m.test(text) && /^\s*"?worker"?:/m.test(text),
      name,
    );
  }
});

function pages(): readonly string[] {
  const docs = readdirSync(join(ROOT, 'docs')).map(name => join('docs', name));
  return [...readdirSync(ROOT), ...docs].filter(name => name.endsWith('.md'));
}

/** The YAML of a page whose first words are a key. */
function blocks(page: string, key: string): readonly string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```ya?ml\n(.*?)^```/gms)]
    .map(([, block]) => block ?? '')
    .filter(block => new RegExp(`^${key}:`, 'm').test(block));
}

for (const page of pages()) {
  for (const [index, block] of blocks(page, 'provider').entries()) {
    void test(`the runner config number ${index + 1} in ${page} is valid`, async t => {
      await loadRunnerConfig(await configFile(t, block), { checkOnly: true });
    });
  }
  for (const [index, block] of blocks(page, 'lifecycle').entries()) {
    void test(`the lifecycle number ${index + 1} in ${page} is valid`, async t => {
      await loadRunnerConfig(await configFile(t, `${MINIMAL}${block}`), { checkOnly: true });
    });
  }
  for (const [index, block] of blocks(page, 'machine').entries()) {
    void test(`the scenario number ${index + 1} in ${page} is valid`, async t => {
      await readScenarioFile(await configFile(t, block));
    });
  }
}

const SECTIONS = [
  'network',
  'limits',
  'lifecycle',
  'metadata',
  'interruptions',
  'renewal',
  'status',
] as const;

void test('all-settings.yml shows every setting with its default', async t => {
  const shown = await loadRunnerConfig(join(examples, 'all-settings.yml'), { checkOnly: true });
  const plain = await loadRunnerConfig(await configFile(t, MINIMAL), { checkOnly: true });
  for (const section of ['logging', 'getSecrets', ...SECTIONS] as const) {
    assert.deepEqual(shown.config[section], plain.config[section], section);
  }
  const text = readFileSync(join(examples, 'all-settings.yml'), 'utf8');
  for (const section of SECTIONS) {
    for (const key of Object.keys(partOf(section)?.properties ?? {}))
      assert.match(text, new RegExp(`^ {2}(# )?${key}:`, 'm'));
  }
});

void test('every optional setting of the runner has a default in its schema, and one that can be read', () => {
  const parts = [...SECTIONS.map(partOf), choices('logging').get('file')];
  for (const part of parts) {
    assert.ok(part !== undefined);
    const defaults = defaultsOf(part);
    for (const [key, property] of Object.entries(part.properties ?? {})) {
      // Which poll is right depends on the cloud: src/providers/ has it. Without listen nobody listens.
      if (part.required?.includes(key) === true || key === 'poll' || key === 'listen') continue;
      assert.ok(isReadable(property, defaults[key]), key);
    }
  }
});

function isReadable(property: Schema, value: unknown): boolean {
  if (valueKind(property) === 'duration')
    return typeof value === 'string' && parseDuration(value) !== undefined;
  if (valueKind(property) === 'size') return typeof value === 'string' && parseSize(value) !== undefined;
  if (property.enum !== undefined) return property.enum.includes(value);
  if (property.type === 'boolean') return typeof value === 'boolean';
  if (property.type === 'object') return isJsonObject(value);
  if (Array.isArray(property.type)) return typeof value === 'string';
  return Number.isInteger(value);
}

void test('durations and sizes are whole numbers with a unit', () => {
  assert.deepEqual(
    ['500ms', '30s', '10m', '36h', '2d', '0s'].map(parseDuration),
    [500, 30_000, 600_000, 129_600_000, 172_800_000, 0],
  );
  assert.deepEqual(
    ['1B', '2KB', '2KiB', '3MB', '3MiB', '1GB', '2GiB'].map(parseSize),
    [1, 2000, 2048, 3e6, 3145728, 1e9, 2147483648],
  );
  assert.deepEqual(
    ['', '5', 's', '1.5s', '-1s', '1 s', '1h30m', '1S', '1constructor'].map(parseDuration),
    Array(9).fill(undefined),
  );
  assert.deepEqual([30, 0.5, -1].map(spellSeconds), ['30s', '500ms', undefined]);
  assert.deepEqual([65536, 1000, 2 ** 30, 0].map(spellBytes), ['64KiB', '1000B', '1GiB', undefined]);
});

void test('docs/configuration.md says what the schemas say', async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'tools', 'config-docs.ts'), '--check']);
});
