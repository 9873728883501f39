import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readScenarioFile } from '../../src/simulator/scenario-file.ts';
import {
  programPath,
  ROOT,
  runProgram,
  startProgram,
  VERSION,
  type ProgramResult,
} from '../support/program.ts';
import { runCommand } from '../support/shell.ts';
import { WORKER } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';

const EXAMPLE = join(ROOT, 'deployment', 'examples', 'scenario.yml');

function simulateCloud(...args: string[]): Promise<ProgramResult> {
  return runProgram('simulate-cloud', args);
}

/** What a program behind `--` does, as JavaScript. */
function script(code: string): string[] {
  return ['--', process.execPath, '--input-type=module', '--eval', code];
}

/** Registers the worker of the example scenario; a block, so that it can stand twice in a script. */
const REGISTER = `{
  const response = await fetch(process.env.TASKCLUSTER_ROOT_URL + '/api/worker-manager/v1/worker/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      workerPoolId: 'demo/laptop', providerId: 'static-demo', workerGroup: 'my-desk', workerId: 'laptop-1',
      workerIdentityProof: { staticSecret: 'demo-demo-demo-demo-demo-demo-demo-demo-demo' },
    }),
  });
  const text = await response.text();
  console.log(response.status, text);
}`;

async function scenarioFile(t: TestContext, content: string): Promise<string> {
  const path = join(await temporaryFolder(t), 'scenario.yml');
  await writeFile(path, content);
  return path;
}

test('simulate-cloud runs a command against the scenario, tells what it was asked, and exits with its code', async () => {
  const { code, stdout, stderr } = await simulateCloud(
    EXAMPLE,
    '--port',
    '0',
    ...script(`${REGISTER} process.exit(7);`),
  );
  assert.equal(code, 7, stderr);
  assert.match(stdout, /^200 /);
  assert.match(
    stderr,
    /simulate-cloud: \d\d:\d\d:\d\d registerWorker demo\/laptop\/my-desk\/laptop-1 → 200\n/,
  );
  assert.match(stderr, /worker demo\/laptop\/my-desk\/laptop-1 is still registered/);
  assert.match(stderr, /secret worker-pool:demo\/laptop was never read/);
});

test('simulate-cloud never prints a secret', async () => {
  const { stdout, stderr } = await simulateCloud(EXAMPLE, '--port', '0', ...script(REGISTER));
  const reply = JSON.parse(stdout.slice(4)) as {
    secret: string;
    credentials: { accessToken: string; certificate: string };
  };
  const { seed } = JSON.parse(reply.credentials.certificate) as { seed: string };
  for (const secret of [reply.secret, reply.credentials.accessToken, seed, 'demo-demo-', 'Hello from']) {
    assert.ok(!stderr.includes(secret));
  }
});

test('options stand above the scenario: a fault, the lease, and no line a request', async () => {
  const { stdout, stderr } = await simulateCloud(
    ...[EXAMPLE, '--port=0', '--fail', 'registerWorker:503:1', '--lease', '90s', '--quiet'],
    ...script(`${REGISTER} ${REGISTER}`),
  );
  const [first, second] = stdout.split('\n');
  assert.match(first ?? '', /^503 /);
  const { expires } = JSON.parse(second?.slice(4) ?? '') as { expires: string };
  assert.ok(Date.parse(expires) < Date.now() + 91_000);
  assert.doesNotMatch(stderr, /→/);
  assert.match(stderr, /registerWorker: 1 × 503, 1 × 200/);
});

test('over TLS the command is given the CA to trust', async () => {
  const code = `
    import { readFileSync } from 'node:fs';
    import { get } from 'node:https';
    const options = { ca: readFileSync(process.env.SSL_CERT_FILE) };
    get(process.env.TASKCLUSTER_ROOT_URL + '/api/secrets/v1/ping', options, response => {
      console.log(response.statusCode);
      response.resume();
    });
  `;
  const { stdout, stderr } = await simulateCloud(EXAMPLE, '--port', '0', '--tls', ...script(code));
  assert.equal(stdout.trim(), '200', stderr);
  assert.match(stderr, /export SSL_CERT_FILE=/);
});

test('the command gets the limit of open files and the environment that simulate-cloud was started with', async t => {
  const ca = await scenarioFile(t, '');
  const { code, stdout, stderr } = await runCommand(
    [
      ...['/bin/sh', '-c', 'ulimit -Sn 333; exec "$0" "$@"', programPath('simulate-cloud'), EXAMPLE],
      ...['--port', '0', '--', 'sh', '-c', 'ulimit -Sn; env; exit 9'],
    ],
    { SSL_CERT_FILE: ca, NODE_EXTRA_CA_CERTS: '' },
  );
  assert.equal(code, 9, stderr);
  assert.match(stdout, /^333\n/);
  assert.match(stdout, new RegExp(`^SSL_CERT_FILE=${ca}$`, 'm'));
  assert.doesNotMatch(stdout, /WORKER_RUNNER_|NODE_EXTRA_CA_CERTS=./);
});

test('signals go to the command, whose end is ours', async () => {
  const code = `
    process.on('SIGTERM', () => { console.log('got SIGTERM'); process.kill(process.pid, 'SIGKILL'); });
    setInterval(() => {}, 1000);
    console.log('ready');
  `;
  const program = startProgram('simulate-cloud', [EXAMPLE, '--port', '0', ...script(code)]);
  await program.says('ready');
  program.kill('SIGTERM');
  const result = await program.exited;
  assert.match(result.stdout, /got SIGTERM/);
  assert.equal(result.code, 128 + 9);
  assert.match(result.stderr, /summary: nobody called/);
});

test('without a command it runs until SIGINT', async () => {
  const program = startProgram('simulate-cloud', [EXAMPLE, '--port', '0']);
  await program.says('it runs until Ctrl-C');
  const rootUrl = /is at (\S+):/.exec(program.stderr)?.[1] ?? '';
  assert.equal((await fetch(`${rootUrl}/api/secrets/v1/ping`)).status, 200);
  program.kill('SIGINT');
  assert.equal((await program.exited).code, 0);
});

test('a command that cannot be run is named', async () => {
  const missing = await simulateCloud(EXAMPLE, '--port', '0', '--', '/nowhere/start-worker', 'runner.yml');
  assert.equal(missing.code, 101);
  assert.match(missing.stderr, /the command \/nowhere\/start-worker cannot be run: there is no such program/);
  const plain = await simulateCloud(EXAMPLE, '--port', '0', '--', EXAMPLE);
  assert.equal(plain.code, 101);
  assert.match(plain.stderr, /it is not executable/);
});

test('a port that is taken is named, with what to do', async t => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await simulateCloud(EXAMPLE, '--port', String(port), ...script(''));
  assert.equal(code, 102);
  assert.match(stderr, /another program listens on 127\.0\.0\.1:\d+ already\n.*--port/);
});

test('--help, --version and wrong use', async () => {
  assert.match((await simulateCloud('--help')).stdout, /Usage:/);
  assert.equal((await simulateCloud('--version')).stdout, `simulate-cloud ${VERSION}\n`);
  const wrong: [string[], RegExp][] = [
    [[], /the scenario is missing/],
    [['--colour', EXAMPLE], /unknown option --colour/],
    [['constructor', EXAMPLE], /one scenario is enough/],
    [[EXAMPLE, EXAMPLE], /one scenario is enough/],
    [[EXAMPLE, '--'], /no command behind --/],
    [[EXAMPLE, '--port'], /--port needs a value/],
    [[EXAMPLE, '--port', 'http'], /--port must be a whole number/],
    [[EXAMPLE, '--lease', '90'], /--lease must be a duration/],
    [[EXAMPLE, '--fail', 'fetch:503'], /--fail: its call must be one of any, registerWorker/],
    [[EXAMPLE, '--fail', 'any'], /--fail: its status must be/],
  ];
  for (const [args, expected] of wrong) {
    const { code, stderr } = await simulateCloud(...args);
    assert.equal(code, 101, args.join(' '));
    assert.match(stderr, expected);
    assert.match(stderr, /Usage:/);
  }
});

test('a scenario that is wrong is told with its places, and without a stack', async t => {
  const path = await scenarioFile(
    t,
    'lease: soon\nworkers:\n  - workerPoolId: demo\nfaults:\n  - { hang: true, reset: true }\nsecret: {}\n',
  );
  const { code, stderr } = await simulateCloud(path, ...script(''));
  assert.equal(code, 102);
  assert.match(stderr, /scenario\.yml:1:1: lease: must be a duration/);
  assert.match(stderr, /scenario\.yml:3:5: workers\.0\.workerPoolId: must be two names/);
  assert.match(stderr, /scenario\.yml:6:1: secret: is an unknown key/);
  assert.doesNotMatch(stderr, /^\s+at /m);
});

test('a scenario that cannot be read says why', async t => {
  const folder = await temporaryFolder(t);
  const reasons: [string, RegExp][] = [
    [join(folder, 'none.yml'), /there is no such file/],
    [folder, /it is a folder/],
    ['/dev/null', /not a regular file/],
    [await scenarioFile(t, 'workers: [\n'), /scenario\.yml:\d+:\d+: /],
    [await scenarioFile(t, '- a list\n'), /the scenario must be a mapping/],
  ];
  for (const [path, expected] of reasons) {
    await assert.rejects(readScenarioFile(path), (error: Error) => expected.test(error.message), path);
  }
  assert.deepEqual(await readScenarioFile(await scenarioFile(t, '# nothing\n')), {});
});

test('the example scenario and the example runner config name the same worker', async () => {
  const scenario = await readScenarioFile(EXAMPLE);
  const runner = await readFile(join(ROOT, 'deployment', 'examples', 'demo-runner.yml'), 'utf8');
  const [worker] = scenario.workers ?? [];
  assert.ok(worker);
  assert.deepEqual({ ...worker, staticSecret: '' }, { ...WORKER, staticSecret: '' });
  for (const value of Object.values<string>({ ...worker })) assert.ok(runner.includes(`: ${value}\n`), value);
  assert.ok(runner.includes(`rootURL: http://${scenario.listen}:${scenario.port}\n`));
});
