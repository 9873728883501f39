/** What systemd is told by the built program, and what its journal gets. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { listenAsServiceManager } from '../support/notified.ts';
import { programPath, runProgram, startProgram, type RunningProgram } from '../support/program.ts';
import { writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';
import { endRun, makeGate, runWorker, saysHello } from '../support/worker-run.ts';

/** A worker that ends when it is asked to. */
const ENDS_WHEN_ASKED = `${saysHello('log', 'graceful-termination')}
read -r welcome; read -r termination; exit 0`;

async function startNotified(
  t: TestContext,
  worker: string,
  env: Readonly<Record<string, string>>,
): Promise<RunningProgram> {
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', worker), {
    lifecycle: { gracePeriod: '20s', killAfter: '5s' },
  });
  const runner = startProgram('start-worker', [config], { env });
  t.after(() => endRun(runner));
  return runner;
}

void test('systemd hears that the run is ready, what it does, and that a signal ends it', async t => {
  const manager = await listenAsServiceManager(t);
  const runner = await startNotified(t, ENDS_WHEN_ASKED, { NOTIFY_SOCKET: manager.address });
  await manager.takes(/STATUS=running as demo\/laptop\/my-desk\/laptop-1$/);
  assert.match(manager.notifications[0] ?? '', /^READY=1/);
  assert.ok(!manager.notifications.some(line => line.includes('STOPPING')));
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 0, stderr);
  const all = manager.notifications.join('\n');
  // gracePeriod, killAfter, and 15 s: else systemd would kill it 90 s after the signal.
  assert.match(all, /STOPPING=1 EXTEND_TIMEOUT_USEC=40000000/);
  assert.match(all, /STATUS=ended with exit code 0: the worker exited with code 0, after SIGTERM$/);
});

void test('a socket without a file is as good', async t => {
  const manager = await listenAsServiceManager(t, `@start-worker-test-${process.pid}`);
  const runner = await startNotified(t, 'exit 69', { NOTIFY_SOCKET: manager.address });
  assert.equal((await runner.exited).code, 69);
  await manager.takes(/STATUS=ended with exit code 69/);
  assert.match(manager.notifications.join('\n'), /STOPPING=1/);
});

void test('nothing is ready where the runner config is wrong', async t => {
  const manager = await listenAsServiceManager(t);
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, '/bin/true', { nonsense: 1 });
  const env = { NOTIFY_SOCKET: manager.address };
  const { code } = await runProgram('start-worker', [config], { env });
  assert.equal(code, EXIT_CODES.config.code);
  assert.deepEqual(manager.notifications, []);
});

void test('the watchdog is fed at half its interval, if it is meant for us', async t => {
  const manager = await listenAsServiceManager(t);
  const gate = await makeGate(t);
  const runner = await startNotified(t, `${saysHello('log')}\n${gate.wait}`, {
    NOTIFY_SOCKET: manager.address,
    WATCHDOG_USEC: '200000',
  });
  await manager.takes(/^WATCHDOG=1$/);
  await gate.open();
  assert.equal((await runner.exited).code, 0);

  const other = await listenAsServiceManager(t);
  const env = { NOTIFY_SOCKET: other.address, WATCHDOG_USEC: '200000', WATCHDOG_PID: '1' };
  assert.equal((await (await startNotified(t, 'exit 0', env)).exited).code, 0);
  assert.ok(!other.notifications.some(line => line.includes('WATCHDOG')));
});

void test('the worker is not told of the service manager', async t => {
  const manager = await listenAsServiceManager(t);
  const runner = await startNotified(t, 'env | sed s/^/env:/', {
    NOTIFY_SOCKET: manager.address,
    WATCHDOG_USEC: '60000000',
    LISTEN_FDS: '1',
  });
  const { stderr } = await runner.exited;
  assert.match(stderr, /env:PATH=/);
  assert.doesNotMatch(stderr, /env:(NOTIFY_SOCKET|WATCHDOG_|LISTEN_)/);
});

void test('where nothing can notify, that is said once, and the run goes on', async t => {
  const folder = await temporaryFolder(t);
  const env = { NOTIFY_SOCKET: join(folder, 'nobody') };
  const { code, log } = await runWorker(t, 'echo works', {}, { env });
  assert.equal(code, 0, log);
  assert.equal(log.match(/the service manager cannot be notified: systemd-notify failed/g)?.length, 1, log);

  const node = { PATH: folder, NOTIFY_SOCKET: join(folder, 'nobody') };
  for (const [name, file] of [
    ['node', process.execPath],
    ['sh', '/bin/sh'],
  ] as const) {
    await symlink(file, join(folder, name));
  }
  const bare = await runWorker(t, 'echo works', {}, { env: node });
  assert.equal(bare.code, 0, bare.log);
  assert.match(bare.log, /cannot be notified: there is no systemd-notify in PATH/);
});

/** Runs the program with its standard error in a file, and JOURNAL_STREAM naming that file or another. */
async function runIntoJournal(t: TestContext, worker: string, isJournal: boolean): Promise<string> {
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', worker));
  const path = join(folder, 'journal');
  const fd = openSync(path, 'a');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const env = { ...process.env, JOURNAL_STREAM: `${dev}:${isJournal ? ino : ino + 1n}` };
  const child = spawn(programPath('start-worker'), [config], { stdio: ['ignore', 'ignore', fd], env });
  closeSync(fd);
  await new Promise(resolve => child.once('exit', resolve));
  return readFile(path, 'utf8');
}

void test('in the journal each line has a priority and no time of its own', async t => {
  const worker = "printf 'one\\ntwo\\n'; echo '<0>not the worker to say' ; echo oops >&2; exit 3";
  const lines = (await runIntoJournal(t, worker, true)).trimEnd().split('\n');
  for (const line of lines) assert.match(line, /^<[346]>/);
  assert.match(lines[0] ?? '', /^<6>start-worker: version /);
  for (const expected of ['<6>one', '<6>two', '<6><0>not the worker to say', '<6>worker stderr: oops']) {
    assert.ok(lines.includes(expected), lines.join('\n'));
  }
  assert.ok(lines.includes('<4>start-worker: warning: the worker exited with code 3'), lines.join('\n'));
});

void test('JOURNAL_STREAM that names something else changes nothing', async t => {
  const lines = (await runIntoJournal(t, 'echo one', false)).trimEnd().split('\n');
  for (const line of lines) assert.match(line, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /);
});

void test('the last line of a run says why it ended, and how long each phase took', async t => {
  const { log } = await runWorker(t, 'exit 3');
  const last = log.trimEnd().split('\n').at(-1) ?? '';
  const time = String.raw`\d+(\.\d+)? (ms|s)`;
  assert.match(
    last,
    new RegExp(
      `start-worker: the run ended with exit code 3: the worker exited with code 3; it took ${time} \\(starting ${time}, identifying ${time}, .*starting the worker ${time}, .*ending ${time}\\)$`,
    ),
  );
});
