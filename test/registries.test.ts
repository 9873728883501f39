import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './support/program.ts';

/** Files of a room that are part of its furniture, not a plugin. */
const FURNITURE = new Set([
  'index',
  'provider',
  'configured-provider',
  'provisioned-host',
  'questions',
  'recognize',
  'shared',
  'worker',
  'worker-data',
]);

/** A plugin is a file, or a folder with an index. */
function plugins(room: string): string[] {
  return readdirSync(join(ROOT, 'src', room))
    .map(file => file.replace(/\.ts$/, ''))
    .filter(name => !FURNITURE.has(name))
    .sort();
}

function schemas(kind: string): string[] {
  return readdirSync(join(ROOT, 'schemas'))
    .filter(file => file.startsWith(`${kind}-`))
    .map(file => file.slice(kind.length + 1, -'.json'.length))
    .sort();
}

function registered(room: string): string[] {
  const registry = readFileSync(join(ROOT, 'src', room, 'index.ts'), 'utf8');
  return [...registry.matchAll(/case '([^']+)'/g)].map(match => match[1] ?? '').sort();
}

for (const [room, kind] of [
  ['providers', 'provider'],
  ['workers', 'worker'],
] as const) {
  void test(`the ${room} folder, its registry and the schemas name the same things`, () => {
    assert.ok(plugins(room).length > 0);
    assert.deepEqual(registered(room), plugins(room));
    assert.deepEqual(schemas(kind), plugins(room));
  });
}
