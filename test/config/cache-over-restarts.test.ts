import assert from 'node:assert/strict';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { loadRunnerConfig } from '../../src/config/load.ts';
import { configFile, load, MINIMAL, mistake } from './support.ts';

const STATIC = MINIMAL.replace('standalone', 'static').replace(
  '  clientID: c\n  accessToken: t\n',
  `  providerID: p\n  staticSecret: ${'s'.repeat(44)}\n`,
);

for (const [value, found] of [
  ['true', 'true'],
  ['false', 'false'],
  ['"true"', 'the text "true"'],
  ['Yes', 'the text "Yes"'],
  ['off', 'the text "off"'],
  ['12', 'the number 12'],
  ['[a]', 'a list'],
  ['/var/lib/', 'the text "/var/lib/"'],
  ['/', 'the text "/"'],
  ['.', 'the text "."'],
  ['..', 'the text ".."'],
  ['/var/lib/..', 'the text "/var/lib/.."'],
  ['"/var/lib/a\\0b"', 'the text "/var/lib/a\\u0000b"'],
] as const) {
  void test(`cacheOverRestarts: ${value} is refused, with what to write`, async t => {
    assert.equal(
      await mistake(t, `${MINIMAL}cacheOverRestarts: ${value}\n`),
      `11:20: cacheOverRestarts must be the path of a file; found ${found}; write one such as /var/lib/worker-runner/cache.json, or leave the key out for none`,
    );
  });
}

for (const value of ['', '~', '""', '"  "']) {
  void test(`cacheOverRestarts: ${value} is no cache`, async t => {
    const { config, warnings } = await load(t, `${MINIMAL}cacheOverRestarts: ${value}\n`);
    assert.equal(config.cacheOverRestarts, undefined);
    assert.deepEqual(warnings, []);
  });
}

for (const value of ['cache.json', './true', '../state/true', '.cache', 'a b', '..a']) {
  void test(`cacheOverRestarts: ${value} starts at the folder of the runner config`, async t => {
    const path = await configFile(t, `${MINIMAL}cacheOverRestarts: ${value}\n`);
    const { config } = await loadRunnerConfig(path);
    assert.equal(config.cacheOverRestarts, join(dirname(path), value));
    // However the config itself is named.
    const again = await loadRunnerConfig(relative(process.cwd(), path));
    assert.equal(again.config.cacheOverRestarts, config.cacheOverRestarts);
  });
}

void test('with the provider static it does nothing, and one warning says so', async t => {
  const { config, warnings } = await load(t, `${STATIC}cacheOverRestarts: /var/cache.json\n`);
  assert.equal(config.cacheOverRestarts, undefined);
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0] ?? '',
    /:11:1: cacheOverRestarts does nothing with the provider static: its worker registers afresh at each start$/,
  );
  assert.deepEqual((await load(t, `${STATIC}cacheOverRestarts: ""\n`)).warnings, []);
});

for (const [value, other] of [
  ['runner.yml', 'the runner config itself'],
  ['./folder/../runner.yml', 'the runner config itself'],
  ['/var/log/runner.log', 'logging.path'],
] as const) {
  void test(`cacheOverRestarts: ${value} is refused where it would overwrite ${other}`, async t => {
    const logging = 'logging: {implementation: file, path: /var/log/runner.log}\n';
    assert.equal(
      await mistake(t, `${MINIMAL}cacheOverRestarts: ${value}\n${logging}`),
      `11:20: cacheOverRestarts must be a file of its own: it names ${other}`,
    );
  });
}

void test("the worker's config file is no other file of the run either", async t => {
  const worker = 'worker: {implementation: generic-worker, path: /bin/true, configPath: /tmp/one}\n';
  const config = MINIMAL.replace(/worker:\n {2}implementation: dummy\n/, worker);
  assert.match(
    await mistake(t, `${config}cacheOverRestarts: /tmp/one\n`),
    /cacheOverRestarts must be a file of its own: it names worker\.configPath$/,
  );
});
