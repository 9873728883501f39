/** What the worker's process is given, and what becomes of one whose start-worker was killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { systemProcesses } from '../../src/platform/processes.ts';
import { runOnCloud } from '../support/cloud-machine.ts';
import { runFile, runProgram, programPath, startProgram, type RunningProgram } from '../support/program.ts';
import {
  genericWorker,
  staticProvider,
  writeScript,
  writeStandaloneConfig,
} from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';
import { endRun, runWorker } from '../support/worker-run.ts';

const LINUX_ONLY = { skip: process.platform !== 'linux' };
const ROOT_ONLY = { skip: process.platform !== 'linux' || process.getuid?.() !== 0 };

void test('what the service manager says to us is not for the worker', async t => {
  const ours = {
    NOTIFY_SOCKET: '/run/a-socket-of-the-test',
    LISTEN_FDS: '0',
    LISTEN_PID: '1',
    LISTEN_FDNAMES: 'a',
    JOURNAL_STREAM: '1:2',
  };
  const env = { ...ours, INVOCATION_ID: 'stays', LISTEN_ADDRESS: 'stays' };
  const { log } = await runWorker(t, 'env', {}, { env });
  for (const name of Object.keys(ours)) assert.doesNotMatch(log, new RegExp(`\\b${name}=`));
  assert.match(log, /\bINVOCATION_ID=stays\n/);
  assert.match(log, /\bLISTEN_ADDRESS=stays\n/);
});

/** Prints it once it is the usual one, which may be set while the worker runs already; it waits for 10 s. */
const SAYS_OOM_SCORE = `score() { cat /proc/$$/oom_score_adj; }
for n in $(seq 100); do [ "$(score)" = 0 ] && break; sleep 0.1; done; echo "score $(score)"`;

/** Runs a worker under a start-worker whose own oom_score_adj is 200. */
async function runWithOomScore(t: TestContext, worker: string, env: Record<string, string> = {}) {
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', worker));
  const script = `echo 200 >/proc/self/oom_score_adj; exec "$0" "$@"`;
  return runFile('sh', ['-c', script, programPath('start-worker'), config], { env });
}

/** The start-worker then sets the score itself, instead of a shell that becomes the worker. */
const NO_SHELL = { 'a.b': '1' };

void test(
  'the worker gets the usual oom_score_adj back, whatever the unit sets for us',
  LINUX_ONLY,
  async t => {
    const { stderr } = await runWithOomScore(t, SAYS_OOM_SCORE);
    assert.match(stderr, / score 0\n/);
  },
);

void test('also where its environment passes no shell', LINUX_ONLY, async t => {
  const { stderr } = await runWithOomScore(t, SAYS_OOM_SCORE, NO_SHELL);
  assert.match(stderr, / score 0\n/);
});

void test(
  'a worker that has ended before its oom_score_adj is set loses nothing that it wrote',
  LINUX_ONLY,
  async t => {
    for (let run = 0; run < 5; run += 1) {
      const { stderr } = await runWithOomScore(t, 'echo last words', NO_SHELL);
      assert.match(stderr, / last words\n/);
      assert.doesNotMatch(stderr, /it is read no longer/);
    }
  },
);

void test('worker.openFiles sets the worker’s limit', LINUX_ONLY, async t => {
  const folder = await temporaryFolder(t);
  const path = await writeScript(folder, 'worker', 'ulimit -Sn');
  const worker = { ...genericWorker(folder, path), openFiles: 321 };
  const { stderr } = await runProgram('start-worker', [
    await writeStandaloneConfig(folder, path, { worker }),
  ]);
  assert.match(stderr, / 321\n/);
});

void test(
  'worker.user runs the worker as that user, with its home, groups and config file',
  ROOT_ONLY,
  async t => {
    const folder = await temporaryFolder(t);
    await chmod(folder, 0o755);
    const path = await writeScript(
      folder,
      'worker',
      'id; echo "$USER $LOGNAME $HOME"; cat "$3" >/dev/null && echo readable',
    );
    const worker = { ...genericWorker(folder, path), user: 'nobody' };
    const { code, stderr } = await runProgram('start-worker', [
      await writeStandaloneConfig(folder, path, { worker }),
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /uid=\d+\(nobody\) gid=\d+\(nogroup\) groups=\d+\(nogroup\)\n/);
    assert.match(stderr, / nobody nobody \/\S+\n/);
    assert.match(stderr, / readable\n/);
    const { uid, mode } = await stat(join(folder, 'worker.json'));
    assert.notEqual(uid, 0);
    assert.equal(mode & 0o777, 0o600);
  },
);

void test(
  'a user that the machine does not have is said before anything else is done',
  ROOT_ONLY,
  async t => {
    const folder = await temporaryFolder(t);
    const path = await writeScript(folder, 'worker', 'echo started');
    const worker = { ...genericWorker(folder, path), user: 'no-such-user-here' };
    const { code, stderr } = await runProgram('start-worker', [
      await writeStandaloneConfig(folder, path, { worker }),
    ]);
    assert.equal(code, EXIT_CODES.workerStart.code);
    assert.match(stderr, /error: worker\.user: this machine has no user no-such-user-here\n/);
    assert.ok(!existsSync(join(folder, 'worker.json')));
  },
);

void test(
  'on a cloud such a user is a failure like any other: the machine is not left running',
  ROOT_ONLY,
  async t => {
    const { code, log } = await runOnCloud(t, {
      config: folder => ({
        worker: { ...genericWorker(folder, join(folder, 'worker')), user: 'no-such-user-here' },
      }),
      lifecycle: { onFailure: { delay: '0s' } },
    });
    assert.equal(code, EXIT_CODES.workerStart.code, log);
    assert.match(log, /this machine has no user no-such-user-here\n/);
    assert.match(log, /this machine would now be halted/);
  },
);

void test('a user that start-worker may not become is said before the worker starts', ROOT_ONLY, async t => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  const path = await writeScript(folder, 'worker', 'echo started');
  const config = await writeStandaloneConfig(folder, path, {
    worker: { ...genericWorker(folder, path), user: 'nobody' },
  });
  const { code, stderr } = await runFile('setpriv', [
    '--bounding-set',
    '-setuid',
    programPath('start-worker'),
    config,
  ]);
  assert.equal(code, EXIT_CODES.workerStart.code, stderr);
  assert.match(stderr, /error: start-worker may not start the worker as nobody: setpriv: /);
  assert.doesNotMatch(stderr, /started/);
});

interface Orphan {
  readonly folder: string;
  readonly config: string;
  readonly runner: RunningProgram;
  readonly workerPid: number;
}

/** A worker that runs, and writes how often it was started. */
async function startLasting(t: TestContext, worker: string): Promise<Orphan> {
  const folder = await temporaryFolder(t);
  const path = await writeScript(folder, 'worker', `echo $$ >>'${folder}/pids'\n${worker}`);
  const config = await writeStandaloneConfig(folder, path, { lifecycle: { killAfter: '300ms' } });
  const runner = startProgram('start-worker', [config]);
  t.after(() => endRun(runner));
  await runner.says('ready\n');
  const workerPid = Number((await readFile(join(folder, 'pids'), 'utf8')).trim());
  t.after(() => {
    try {
      process.kill(-workerPid, 'SIGKILL');
    } catch {
      // It is gone, as it should be.
    }
  });
  return { folder, config, runner, workerPid };
}

/** Shell: the worker of the second start ends at once. */
const UNTIL_SECOND_START = `[ "$(wc -l <"\${0%/*}/pids")" = 2 ] && exit 0; `;

/** Nobody may have heard of its end (a zombie), but it does nothing any more. */
async function isGone(pid: number): Promise<void> {
  assert.equal(await systemProcesses.startTimeOf(pid), undefined);
}

async function recorded(folder: string): Promise<void> {
  const path = join(folder, 'worker.json.run.json');
  const isThere = async () => (await readFile(path, 'utf8').catch(() => '')).includes('"worker"');
  while (!(await isThere())) await new Promise(resolve => setImmediate(resolve));
}

void test(
  'a worker whose start-worker was killed is ended before another is started',
  LINUX_ONLY,
  async t => {
    const { folder, config, runner, workerPid } = await startLasting(
      t,
      `${UNTIL_SECOND_START} echo ready; exec sleep 300`,
    );
    await recorded(folder);
    await writeFile(join(folder, `.worker-runner-${runner.pid}-left`), 'half of a file');
    runner.kill('SIGKILL');
    await runner.exited;
    process.kill(workerPid, 0);
    const { code, stderr } = await runProgram('start-worker', [config]);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      new RegExp(`ended without its worker \\(pid ${workerPid}\\)[^]*has ended\n[^]*started the worker`),
    );
    await isGone(workerPid);
    assert.ok(!existsSync(join(folder, 'worker.json.run.json')), 'its record is gone');
    assert.ok(!existsSync(join(folder, `.worker-runner-${runner.pid}-left`)), 'what it left is gone');
  },
);

void test('one that ignores SIGTERM is killed, with its group', LINUX_ONLY, async t => {
  const worker = `${UNTIL_SECOND_START} trap '' TERM; sleep 300 & echo $! >"\${0%/*}/child"; echo ready; while :; do sleep 0.1; done`;
  const { folder, config, runner, workerPid } = await startLasting(t, worker);
  await recorded(folder);
  runner.kill('SIGKILL');
  await runner.exited;
  const { code, stderr } = await runProgram('start-worker', [config]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /has not ended at SIGTERM: killing it/);
  await isGone(workerPid);
  await isGone(Number(await readFile(join(folder, 'child'), 'utf8')));
});

void test(
  'a second start-worker for the same worker ends at once, and leaves the first alone',
  LINUX_ONLY,
  async t => {
    const { folder, config, workerPid } = await startLasting(t, 'echo ready; exec sleep 300');
    await recorded(folder);
    const { code, stderr } = await runProgram('start-worker', [config]);
    assert.equal(code, EXIT_CODES.busy.code, stderr);
    assert.match(stderr, /error: another start-worker \(pid \d+\) is running the worker of/);
    process.kill(workerPid, 0);
  },
);

void test(
  'so it does where the first is still on its way, and the first is there before it asks anybody',
  LINUX_ONLY,
  async t => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'worker.json.run.json');
    const asked = Promise.withResolvers<ServerResponse>();
    const server = createServer((_, response) => asked.resolve(response)).listen(0, '127.0.0.1');
    t.after(() => server.closeAllConnections());
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const worker = await writeScript(folder, 'worker', 'echo started');
    const provider = staticProvider(`http://127.0.0.1:${port}`);
    const config = await writeStandaloneConfig(folder, worker, { provider });
    const first = startProgram('start-worker', [config]);
    t.after(() => endRun(first));
    const response = await asked.promise;
    const { code, stderr } = await runProgram('start-worker', [config]);
    assert.equal(code, EXIT_CODES.busy.code, stderr);
    assert.match(stderr, /error: another start-worker \(pid \d+\) is about to start the worker of/);
    assert.ok(existsSync(path));
    response.writeHead(400).end('{}');
    await first.exited;
    assert.ok(!existsSync(path), 'its claim is gone');
  },
);

void test(
  'a record that the worker’s user has written is not believed, and kills nobody',
  ROOT_ONLY,
  async t => {
    const folder = await temporaryFolder(t);
    const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', 'exit 0'));
    const path = join(folder, 'worker.json.run.json');
    const victim = spawn('sleep', ['300'], { detached: true });
    t.after(() => victim.kill('SIGKILL'));
    const pid = victim.pid ?? 0;
    const mark = { pid, startTime: await systemProcesses.startTimeOf(pid) };
    const runner = { pid, startTime: 'another-boot:1' };
    await writeFile(path, JSON.stringify({ runner, worker: mark }), { mode: 0o600 });
    await chown(path, 12345, 12345);
    const { code, stderr } = await runProgram('start-worker', [config]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /run\.json cannot be trusted, .*: it is another user's\n/);
    assert.equal(await systemProcesses.startTimeOf(pid), mark.startTime);
  },
);

void test('a record of another boot, or of no worker of ours, kills nobody', LINUX_ONLY, async t => {
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', 'exit 0'));
  const path = join(folder, 'worker.json.run.json');
  const mark = { pid: process.pid, startTime: 'another-boot:1' };
  for (const text of [
    JSON.stringify({ runner: mark, worker: mark }),
    '{"runner":{"pid":0}}',
    'no JSON',
    '',
  ]) {
    await writeFile(path, text, { mode: 0o600 });
    const { code, stderr } = await runProgram('start-worker', [config]);
    assert.equal(code, 0, stderr);
  }
});

void test('a fault of ours is reported, its machine is removed, and no worker goes on', async t => {
  const folder = await temporaryFolder(t);
  const pidFile = join(folder, 'pid');
  const fault = join(folder, 'fault.cjs');
  // Thrown once the worker is there, from where nobody can catch it; not in the worker's own children.
  await writeFile(
    fault,
    `const { existsSync } = require('node:fs');
     const timer = setInterval(() => {
       if (!existsSync('${pidFile}')) return;
       clearInterval(timer);
       setImmediate(() => { throw new Error('thrown once more'); });
       throw new Error('thrown into the void');
     }, 20);`,
  );
  const { code, log, removals, reports } = await runOnCloud(t, {
    worker: `echo $$ >'${pidFile}.new'; mv '${pidFile}.new' '${pidFile}'; exec sleep 300`,
    env: { NODE_OPTIONS: `--require=${fault}` },
  });
  assert.equal(code, EXIT_CODES.internal.code, log);
  assert.match(log, /a fault of start-worker itself, please report it: Error: thrown once more/);
  assert.deepEqual(removals, [200]);
  assert.deepEqual(
    reports.map(({ kind, description }) => [kind, description]),
    [['internal', 'thrown into the void']],
  );
  await isGone(Number(await readFile(pidFile, 'utf8')));
});
