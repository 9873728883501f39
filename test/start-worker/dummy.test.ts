import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { runProgram, ROOT } from '../support/program.ts';
import { STANDALONE_PROVIDER, staticProvider, writeRunnerConfig } from '../support/runner-config.ts';
import { simulate, WORKER } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';

const POOL = WORKER.workerPoolId;

void test('the dummy worker shows the state as YAML, with the source of each key behind it', async t => {
  const folder = await temporaryFolder(t);
  const simulator = await simulate(t, {
    workerPools: { [POOL]: { workerConfig: { dummy: { config: { fromPool: 1, deep: { pool: true } } } } } },
    secrets: {
      [`worker-pool:${POOL}`]: {
        config: { plainName: 'hush', list: ['quiet-please'], deep: { hidden: 'also-secret' }, number: 7 },
        files: [
          {
            path: join(folder, 'never'),
            description: 'a key',
            content: 'aGlkZGVu',
            encoding: 'base64',
            format: 'file',
          },
        ],
      },
    },
  });
  const config = await writeRunnerConfig(folder, {
    provider: { ...staticProvider(simulator.rootUrl), workerLocation: { rack: '7' } },
    worker: { implementation: 'dummy' },
    workerConfig: {
      fromRunner: 'seen',
      list: ['open'],
      deep: { runner: 1 },
      apiToken: 'runner-config-token',
      pin: { password: 12345678 },
    },
  });
  const { code, stdout, stderr } = await runProgram('start-worker', [config]);
  assert.equal(code, 0, stderr);

  assert.match(stdout, /^ {2}fromRunner: seen # runner config$/m);
  assert.match(stdout, /^ {2}fromPool: 1 # provider$/m);
  assert.match(stdout, new RegExp(`^ {2}number: 7 # secret worker-pool:${POOL}$`, 'm'));
  assert.match(stdout, new RegExp(`^ {2}list: # runner config, secret worker-pool:${POOL}$`, 'm'));
  assert.match(stdout, new RegExp(`^ {2}deep: # runner config, provider, secret worker-pool:${POOL}$`, 'm'));
  assert.match(stdout, /^ {4}runner: 1 # runner config$/m);

  const state = parse(stdout) as Record<string, unknown>;
  assert.deepEqual(state.identity, {
    rootUrl: simulator.rootUrl,
    workerPoolId: POOL,
    workerGroup: WORKER.workerGroup,
    workerId: WORKER.workerId,
  });
  assert.deepEqual(state.location, { cloud: 'static', rack: '7' });
  assert.deepEqual(state.workerConfig, {
    fromRunner: 'seen',
    list: ['open', '[secret]'],
    deep: { runner: 1, pool: true, hidden: '[secret]' },
    apiToken: '[secret]',
    pin: { password: '[secret]' },
    fromPool: 1,
    plainName: '[secret]',
    number: 7,
  });
  assert.deepEqual(state.files, [
    {
      path: join(folder, 'never'),
      format: 'file',
      description: 'a key',
      source: `secret worker-pool:${POOL}`,
      bytes: 6,
    },
  ]);
  for (const secret of [
    'hush',
    'quiet-please',
    'also-secret',
    'runner-config-token',
    'aGlkZGVu',
    '12345678',
    WORKER.staticSecret,
  ]) {
    assert.ok(!(stdout + stderr).includes(secret), `${secret} is shown`);
  }
  assert.ok(!existsSync(join(folder, 'never')), 'the dummy worker writes no files');
});

void test('with as: generic-worker the dummy worker shows the very file that generic-worker would get', async t => {
  const folder = await temporaryFolder(t);
  const simulator = await simulate(t, {
    workerPools: { [POOL]: { workerConfig: { genericWorker: { config: { fromPool: 1 } } } } },
  });
  const config = await writeRunnerConfig(folder, {
    provider: staticProvider(simulator.rootUrl),
    worker: { implementation: 'dummy', as: 'generic-worker' },
  });
  const { code, stdout, stderr } = await runProgram('start-worker', [config]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ {2}fromPool: 1 # provider$/m);
  assert.match(stdout, /^ {2}provisionerId: demo # generic-worker$/m);
  const state = parse(stdout) as { configFile: { content: string }; workerConfig: object };
  const file = JSON.parse(state.configFile.content) as Record<string, unknown>;
  assert.deepEqual(file, state.workerConfig);
  assert.equal(file.accessToken, '[secret]');
  assert.equal(file.workerLocation, '{"cloud":"static"}');
});

void test('the example of a standalone dummy worker asks nobody and shows its configuration', async t => {
  const folder = await temporaryFolder(t);
  const { code, stdout } = await runProgram(
    'start-worker',
    [join(ROOT, 'deployment/examples/standalone-dummy.yml')],
    {
      cwd: folder,
    },
  );
  assert.equal(code, 0);
  assert.match(stdout, /shutdownMachineOnIdle: true # runner config/);
});

void test('a reader of the state that goes away is survived', async t => {
  const folder = await temporaryFolder(t);
  const config = await writeRunnerConfig(folder, {
    provider: STANDALONE_PROVIDER,
    worker: { implementation: 'dummy' },
    getSecrets: false,
    workerConfig: { big: 'x'.repeat(1_000_000) },
  });
  const { spawn } = await import('node:child_process');
  const { programPath } = await import('../support/program.ts');
  const shell = spawn(
    '/bin/sh',
    [
      '-c',
      `("$0" "$1"; echo "code $?" >'${folder}/code') | head -c 1 >/dev/null`,
      programPath('start-worker'),
      config,
    ],
    {
      stdio: 'ignore',
    },
  );
  await new Promise(resolve => shell.on('exit', resolve));
  assert.equal(await readFile(join(folder, 'code'), 'utf8'), 'code 0\n');
});
