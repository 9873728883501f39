/** What a run of the built program shows of itself. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { validateStatusReply } from '../../src/generated/validators.js';
import { assertNoSecrets } from '../support/boot.ts';
import { runProgram, startProgram, type RunningProgram } from '../support/program.ts';
import {
  genericWorker,
  staticProvider,
  writeRunnerConfig,
  writeScript,
  writeStandaloneConfig,
} from '../support/runner-config.ts';
import { simulate } from '../support/simulator.ts';
import { get } from '../support/status-scene.ts';
import { temporaryFolder } from '../support/temp.ts';
import { endRun, makeGate, saysHello } from '../support/worker-run.ts';

const SECRET_OF_THE_POOL = 'a-secret-of-the-pool-that-nobody-may-see';

interface StatusRun extends RunningProgram {
  readonly folder: string;
  readonly config: string;
  readonly socketPath: string;
}

/** Starts a run whose state is served at a socket, and waits until it is. */
async function startServed(
  t: TestContext,
  worker: string,
  config: (folder: string, worker: string, more: object) => Promise<string> = writeStandaloneConfig,
): Promise<StatusRun> {
  const folder = await temporaryFolder(t);
  const socketPath = join(folder, 'status.sock');
  const script = await writeScript(folder, 'worker', worker);
  const path = await config(folder, script, { status: { listen: `unix:${socketPath}` } });
  const run = startProgram('start-worker', [path]);
  t.after(() => endRun(run));
  await run.says('the state of this run is served at');
  return Object.assign(run, { folder, config: path, socketPath });
}

interface WorkerConfig {
  readonly accessToken: string;
  readonly certificate: string;
}

async function statusOf({ socketPath }: StatusRun) {
  const reply: unknown = JSON.parse((await get('/status', { socketPath })).body);
  assert.ok(validateStatusReply(reply), JSON.stringify(validateStatusReply.errors));
  return reply;
}

void test('a whole run can be looked into, and nowhere is a secret of it', async t => {
  const simulator = await simulate(t, {
    secrets: { 'worker-pool:demo/laptop': { config: { apiKey: SECRET_OF_THE_POOL }, files: [] } },
  });
  const gate = await makeGate(t);
  const run = await startServed(
    t,
    `${saysHello('log')}
echo 'the worker lets slip ${SECRET_OF_THE_POOL}'
echo 'and its config:' >&2; cat "$3" >&2; echo >&2
echo ready
${gate.wait}`,
    (folder, worker, more) =>
      writeRunnerConfig(folder, {
        provider: staticProvider(simulator.rootUrl),
        worker: genericWorker(folder, worker),
        ...more,
      }),
  );
  await run.says(/ ready\n/);
  const status = await statusOf(run);
  assert.ok(status.credentials.expireAt !== undefined);
  assert.deepEqual(
    status.phases.map(({ phase }) => phase),
    [
      'starting',
      'identifying',
      'registering',
      'collecting secrets',
      'writing files',
      'starting the worker',
      'running',
    ],
  );
  assert.equal(status.identity?.workerId, 'laptop-1');
  assert.deepEqual(status.worker.capabilities, ['log']);
  assert.deepEqual(status.counts.toWorker, { welcome: 1 });
  assert.ok(status.lines.some(({ source, text }) => source === 'worker' && text.endsWith('[secret]')));

  const { config, socketPath } = run;
  const shown = await runProgram('start-worker', ['--status', config]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /^state +running\nphase +running, for .*\n/);
  assert.match(
    shown.stdout,
    /^worker +laptop-1 of pool demo\/laptop, group my-desk; generic-worker on static/m,
  );
  assert.match(shown.stdout, /^credentials +end in /m);

  const workerConfig = JSON.parse(await readFile(join(run.folder, 'worker.json'), 'utf8')) as WorkerConfig;
  const secrets = [SECRET_OF_THE_POOL, workerConfig.accessToken, workerConfig.certificate];
  for (const path of ['/', '/status', '/healthz', '/metrics', '/nowhere']) {
    const { body, headers } = await get(path, { socketPath });
    assertNoSecrets(body + JSON.stringify(headers), ...secrets);
  }
  assertNoSecrets(shown.stdout + shown.stderr, ...secrets);

  await gate.open();
  assert.equal((await run.exited).code, 0);
  assert.ok(!existsSync(socketPath));
});

void test('a boot that waits says for what, and --status shows the tries that failed', async t => {
  const simulator = await simulate(t, {
    faults: [{ call: 'registerWorker', status: 503 }],
  });
  const run = await startServed(t, 'true', (folder, worker, more) =>
    writeRunnerConfig(folder, {
      provider: staticProvider(simulator.rootUrl),
      worker: genericWorker(folder, worker),
      ...more,
    }),
  );
  await run.says('(try 1)');
  const { waitsFor, state, troubles } = await statusOf(run);
  assert.equal(state, 'starting');
  assert.match(waitsFor ?? '', /^worker-manager to answer registerWorker \(tried \d times; .*503\)$/);
  assert.match(troubles[0]?.message ?? '', /^registerWorker at .* failed/);
  const { stdout, code } = await runProgram('start-worker', ['--status', run.config]);
  assert.equal(code, 0);
  assert.match(stdout, /^waits for +worker-manager/m);
  assert.match(stdout, /^warning +\S+Z registerWorker at .*503/m);
});

void test('a look that goes on holds up no end: neither an open connection nor one that asks nothing', async t => {
  const gate = await makeGate(t);
  const run = await startServed(t, `${saysHello()}\n${gate.wait}`);
  const sockets = [connect(run.socketPath), connect(run.socketPath)];
  sockets[1]?.write('GET /status HTTP/1.1\r\nHost: x\r\n');
  const closed = sockets.map(socket => {
    socket.on('error', () => undefined);
    return new Promise(resolve => socket.on('close', resolve));
  });
  await get('/status', { socketPath: run.socketPath });
  await gate.open();
  const before = performance.now();
  assert.equal((await run.exited).code, 0);
  await Promise.all(closed);
  assert.ok(performance.now() - before < 4_500, 'idle connections are kept for five seconds');
});

void test('a status address that is in use costs a warning, and the worker runs', async t => {
  const gate = await makeGate(t);
  const first = await startServed(t, `${saysHello()}\n${gate.wait}`);
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', 'exit 3'), {
    status: { listen: `unix:${first.socketPath}` },
  });
  const { code, stderr } = await runProgram('start-worker', [config]);
  assert.equal(code, 3);
  assert.match(
    stderr,
    /warning: status\.listen: unix:.* is in use already: the state of this run is not served/,
  );
  assert.equal((await get('/healthz', { socketPath: first.socketPath })).status, 200);
  await gate.open();
  await first.exited;
});

void test('--status of a run that is not there says so, by an exit code of its own', async t => {
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, 'worker', {
    status: { listen: `unix:${join(folder, 'status.sock')}` },
  });
  const { code, stdout, stderr } = await runProgram('start-worker', ['--status', config]);
  assert.equal(code, EXIT_CODES.notRunning.code);
  assert.equal(stdout, '');
  assert.match(stderr, /^no start-worker answers at unix:.*: nobody listens\nwhat to do: /);
});

void test('--status with a config that serves nothing says what to set', async t => {
  const config = await writeStandaloneConfig(await temporaryFolder(t), 'worker');
  const { code, stderr } = await runProgram('start-worker', ['--status', config]);
  assert.equal(code, EXIT_CODES.config.code);
  assert.match(stderr, /status\.listen is not set.*\nwhat to do: set status: \{listen: /);
});

void test('--status and --check are not asked together', async () => {
  const { code, stderr } = await runProgram('start-worker', ['--status', '--check', 'a.yml']);
  assert.equal(code, EXIT_CODES.usage.code);
  assert.match(stderr, /--check and --status are two commands/);
});
