/** Workers that misbehave, and every way in which a worker ends, on a machine of a cloud. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOnCloud, type CloudMachine } from '../support/cloud-machine.ts';
import { lastingMachine } from '../support/lasting-machine.ts';
import { startProgram } from '../support/program.ts';
import { fixture, writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';
import { endRun, saysHello } from '../support/worker-run.ts';

const SHORT = { gracePeriod: '500ms', killAfter: '500ms', drainTimeout: '300ms' };

async function startWith(t: TestContext, worker: string, machine: CloudMachine = {}) {
  let folder = '';
  const run = await startOnCloud(t, {
    worker,
    lifecycle: SHORT,
    ...machine,
    config(ours) {
      folder = ours;
      return { cacheOverRestarts: join(ours, 'cache.json'), ...machine.config?.(ours) };
    },
  });
  return Object.assign(run, {
    isKept: () => existsSync(join(folder, 'cache.json')),
    noted: (name: string) => readFile(join(folder, name), 'utf8'),
  });
}

/** Whether the process runs; where init reaps nobody, a dead one stays as a zombie. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z');
  return !stat.includes(') Z');
}

async function hasWritten(pid: number, bytes: number): Promise<boolean> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8');
  return Number(/^wchar: (\d+)$/m.exec(io)?.[1]) > bytes;
}

void suite('a worker that', { concurrency: 4 }, () => {
  void test('never reads is sent SIGTERM when its grace period is over', async t => {
    const run = await startWith(t, `exec node '${fixture('worker-never-reads.mjs')}'`);
    await run.says('the worker said hello');
    run.kill('SIGTERM');
    const { code, log } = await run.ended;
    assert.equal(code, 128 + 15, log);
    assert.match(log, /asking the worker[^]*not ended within lifecycle\.gracePeriod[^]*was sent SIGTERM/);
  });

  void test('never says hello is sent SIGTERM when hello is waited for no longer', async t => {
    const run = await startWith(t, 'echo ready; exec sleep 300', {
      lifecycle: { ...SHORT, gracePeriod: '5m', helloTimeout: '500ms' },
    });
    await run.says(/ ready\n/);
    run.kill('SIGTERM');
    const { code, log } = await run.ended;
    assert.equal(code, 128 + 15, log);
    assert.match(log, /the worker cannot be asked by message: it was sent SIGTERM/);
  });

  void test('floods both its streams without end is ended by a signal all the same', async t => {
    const folder = await temporaryFolder(t);
    const flood = await writeScript(
      folder,
      'worker',
      `${saysHello('graceful-termination')}\nyes stdout & yes stderr >&2 & wait`,
    );
    const devNull = openSync('/dev/null', 'w');
    t.after(() => closeSync(devNull));
    const config = await writeStandaloneConfig(folder, flood, { lifecycle: SHORT });
    const run = startProgram('start-worker', [config], { stderrFd: devNull });
    t.after(() => endRun(run));
    while (!(await hasWritten(run.pid, 20 * 1024 * 1024))) await sleep(50);
    const begunMs = performance.now();
    run.kill('SIGTERM');
    const { code } = await run.exited;
    assert.equal(code, 128 + 15);
    assert.ok(performance.now() - begunMs < 10_000);
  });

  void test('closes its stdout and lives is asked to end as any other', async t => {
    const run = await startWith(t, `exec node '${fixture('worker-closes-stdout.mjs')}'`);
    await run.says('last words');
    run.kill('SIGTERM');
    const { code, log } = await run.ended;
    assert.equal(code, 0, log);
  });

  void test('ignores SIGTERM is killed with all of its group', async t => {
    const worker = `sleep 300 & echo $! >"$3.child"
trap '' TERM\n${saysHello()}\necho ready\nwhile :; do sleep 0.1; done`;
    const run = await startWith(t, worker);
    await run.says(/ ready\n/);
    run.kill('SIGTERM');
    const { code, log } = await run.ended;
    assert.equal(code, 128 + 9, log);
    assert.match(log, /not ended within 0\.5 s after SIGTERM: killing it/);
    assert.ok(!(await isAlive(Number(await run.noted('worker.json.child')))));
  });

  for (const [what, start] of [
    ['a grandchild', ''],
    ['a daemon in a session of its own', 'setsid '],
  ] as const) {
    void test(`leaves ${what} that holds its output ends the run, and its machine is removed`, async t => {
      const worker = `${start}sh -c 'echo $$ >"$0.left"; exec sleep 300' "$3" &
while [ ! -s "$3.left" ]; do sleep 0.02; done; echo last words; exit 3`;
      const run = await startWith(t, worker);
      const { code, log, removals } = await run.ended;
      const left = Number(await run.noted('worker.json.left'));
      t.after(() => process.kill(left, 'SIGKILL'));
      assert.equal(code, 3, log);
      assert.match(log, /last words\n[^]*still holds its output/);
      assert.deepEqual(removals, [200]);
      assert.ok(await isAlive(left));
    });
  }

  void test('ends before it has read its welcome is taken at its exit code', async t => {
    const run = await startWith(t, 'exec <&-; exit 4');
    const { code, log, removals } = await run.ended;
    assert.equal(code, 4, log);
    assert.deepEqual(removals, [200]);
    assert.doesNotMatch(log, /: error: /);
  });

  void test('says hello twice has said it once', async t => {
    const run = await startWith(t, `exec node '${fixture('worker-says-hello-twice.mjs')}'`);
    const { code, log, removals } = await run.ended;
    assert.equal(code, 0, log);
    assert.match(log, /capabilities: \["log"\]\n[^]*hello was said before[^]*still here/);
    assert.deepEqual(removals, [200]);
  });

  for (const exitCode of [0, 64, 68, 69, 70, 71, 72]) {
    void test(`exits with ${exitCode} at once makes that the exit code, and its machine is removed`, async t => {
      const run = await startWith(t, `exit ${exitCode}`);
      const { code, log, removals, reports } = await run.ended;
      assert.equal(code, exitCode, log);
      assert.deepEqual(removals, [200]);
      assert.ok(!run.isKept());
      // A fault of its configuration is for the worker pool to know.
      assert.equal(reports.length, exitCode === 64 ? 1 : 0);
    });
  }

  void test('exits with 67 at once makes that the exit code, and all is kept for its next start', async t => {
    const run = await startWith(t, 'exit 67');
    const { code, log, removals } = await run.ended;
    assert.equal(code, 67, log);
    assert.deepEqual(removals, []);
    assert.ok(run.isKept());
  });

  for (const [signal, number] of [
    ['SEGV', 11],
    ['KILL', 9],
  ] as const) {
    void test(`dies of SIG${signal} gives ${128 + number}, and its machine is removed`, async t => {
      const run = await startWith(t, `ulimit -c 0; kill -${signal} $$`);
      const { code, log, removals } = await run.ended;
      assert.equal(code, 128 + number, log);
      assert.match(log, new RegExp(`the worker was ended by SIG${signal}`));
      assert.deepEqual(removals, [200]);
    });
  }

  void test('ends between its renewal and word of it has the new credentials at its next start', async t => {
    const machine = await lastingMachine(t, {
      scenario: { lease: '25s', faults: [{ call: 'reregisterWorker', delay: '5s', times: 1 }] },
      config: { network: { retryFor: '20s', attemptTimeout: '15s' } },
    });
    const first = machine.start();
    await machine.simulator.waitFor('reregisterWorker');
    await first.says('said hello');
    first.kill('SIGTERM');
    const { code, stderr } = await first.exited;
    assert.equal(code, 67, stderr);
    assert.match(stderr, /the worker exited[^]*renewed the credentials/);
    const second = await machine.start({ RENEWALS: '1' }).exited;
    assert.equal(second.code, 67, second.stderr);

    const ledger = await machine.ledger();
    assert.deepEqual(
      ledger.map(({ event }) => event),
      ['start', 'start', 'credentials'],
    );
    assert.notEqual(ledger[0]?.token, ledger[1]?.token);
    assert.deepEqual(
      machine.calls('reregisterWorker').map(({ status }) => status),
      [200, 200],
    );
    assert.equal(machine.calls('registerWorker').length, 1);
  });

  for (const onSignal of ['keep', 'remove'] as const) {
    void test(`exits with 67 as SIGTERM comes is never removed, and goes on at its next start (onSignal: ${onSignal})`, async t => {
      const machine = await lastingMachine(t, { lifecycle: { onSignal } });
      for (let start = 1; start <= 2; start += 1) {
        const program = machine.start();
        await program.says('said hello');
        // As at a reboot: both are told at once.
        process.kill((await machine.ledger()).at(-1)?.pid ?? NaN, 'SIGTERM');
        program.kill('SIGTERM');
        const { code, stderr } = await program.exited;
        assert.equal(code, 67, stderr);
      }
      assert.deepEqual(
        [machine.calls('registerWorker').length, machine.calls('removeWorker').length],
        [1, 0],
      );
      assert.equal(new Set((await machine.ledger()).map(({ token }) => token)).size, 1);
      assert.ok(existsSync(machine.cache));
    });
  }
});
