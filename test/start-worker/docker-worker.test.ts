/** docker-worker in its two shapes, started by the built program. */
import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parse } from 'yaml';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { runProgram, type ProgramResult } from '../support/program.ts';
import { staticProvider, writeRunnerConfig, writeScript } from '../support/runner-config.ts';
import { simulate, WORKER } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';

interface DockerRun extends ProgramResult {
  readonly folder: string;
}

/** A run with docker-worker in `folder`, whose pool and secret have a word in its configuration. */
async function runDockerWorker(
  t: TestContext,
  install: (folder: string) => Promise<unknown>,
  worker: object = { implementation: 'docker-worker' },
): Promise<DockerRun> {
  const folder = await temporaryFolder(t);
  await install(folder);
  const simulator = await simulate(t, {
    workerPools: {
      [WORKER.workerPoolId]: {
        workerConfig: {
          dockerWorker: { config: { capacity: 2, taskcluster: { retries: 5, accessToken: 'of the pool' } } },
        },
      },
    },
    secrets: { [`worker-pool:${WORKER.workerPoolId}`]: { config: { rootUrl: 'in vain', host: 'kept' } } },
  });
  const config = await writeRunnerConfig(folder, {
    provider: staticProvider(simulator.rootUrl),
    worker: { ...worker, path: folder, configPath: join(folder, 'config.json') },
  });
  return { ...(await runProgram('start-worker', [config])), folder };
}

async function installSources(folder: string): Promise<void> {
  await mkdir(join(folder, 'src', 'bin'), { recursive: true });
  await writeFile(
    join(folder, 'src', 'bin', 'worker.js'),
    `console.log('sources', ...process.argv.slice(2), process.env.DOCKER_WORKER_CONFIG);`,
  );
}

async function installProgram(folder: string): Promise<void> {
  await mkdir(join(folder, 'bin'));
  await writeScript(join(folder, 'bin'), 'docker-worker', 'echo program "$@" "$DOCKER_WORKER_CONFIG"');
}

void test('docker-worker runs as its own program where there is one', async t => {
  const { code, stderr, folder } = await runDockerWorker(t, async place => {
    await installSources(place);
    await installProgram(place);
  });
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    new RegExp(` program --host worker-runner production ${join(folder, 'config.json')}$`, 'm'),
  );
  const program = join(folder, 'bin', 'docker-worker');
  assert.ok(stderr.includes(`started the worker: ${program} --host worker-runner production;`), stderr);
});

void test('docker-worker runs from its sources where there is no program', async t => {
  const { code, stderr, folder } = await runDockerWorker(t, installSources);
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    new RegExp(` sources --host worker-runner production ${join(folder, 'config.json')}$`, 'm'),
  );
  const sources = join(folder, 'src', 'bin', 'worker.js');
  assert.ok(stderr.includes(`started the worker: node ${sources} --host worker-runner production;`), stderr);
});

void test('docker-worker finds its identity above every source, and its other keys as the sources have them', async t => {
  const { stderr, folder } = await runDockerWorker(t, installProgram);
  const path = join(folder, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  const taskcluster = config.taskcluster as Record<string, unknown>;
  assert.equal(taskcluster.retries, 5, stderr);
  assert.match(String(taskcluster.clientId), /laptop-1/);
  assert.notEqual(taskcluster.accessToken, 'of the pool');
  assert.equal(config.capacity, 2);
  assert.match(String(config.rootUrl), /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.deepEqual(
    [config.provisionerId, config.workerType, config.workerGroup, config.workerId],
    ['demo', 'laptop', WORKER.workerGroup, WORKER.workerId],
  );
  // A static machine has no host name of its own to put above it.
  assert.equal(config.host, 'kept');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

void test('a folder without docker-worker is told', async t => {
  const { code, stderr, folder } = await runDockerWorker(t, () => Promise.resolve());
  assert.equal(code, EXIT_CODES.workerStart.code, stderr);
  assert.ok(
    stderr.includes(`the worker program ${join(folder, 'bin', 'docker-worker')} does not exist`),
    stderr,
  );
});

void test('the dummy worker shows what docker-worker would get', async t => {
  const { code, stdout, stderr } = await runDockerWorker(t, () => Promise.resolve(), {
    implementation: 'dummy',
    as: 'docker-worker',
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^ {2}capacity: 2 # provider$/m);
  const shown = parse(stdout) as { readonly configFile: { readonly content: string } };
  const { taskcluster } = JSON.parse(shown.configFile.content) as { taskcluster: Record<string, unknown> };
  assert.deepEqual(Object.keys(taskcluster).sort(), ['accessToken', 'certificate', 'clientId', 'retries']);
  assert.equal(taskcluster.accessToken, '[secret]');
});

void test('docker-worker, which waits to be ended after it asked for the end of the machine, is ended', async t => {
  const { code, stderr } = await runDockerWorker(t, async place => {
    await mkdir(join(place, 'bin'));
    await writeScript(
      join(place, 'bin'),
      'docker-worker',
      `echo '~{"type":"hello","capabilities":["shutdown"]}'; echo '~{"type":"shutdown"}'; exec sleep 600`,
    );
  });
  assert.equal(code, 128 + 15, stderr);
  assert.match(stderr, /the worker asks for this machine to be ended: static machines are left running\n/);
  assert.match(stderr, /the worker was sent SIGTERM\n/);
});
