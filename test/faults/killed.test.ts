/** start-worker is killed by SIGKILL, at each of its phases, and is started again on the same disk. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import type { JsonObject } from '../../src/json.ts';
import { systemProcesses } from '../../src/platform/processes.ts';
import type { RecordedRequest } from '../../src/simulator/index.ts';
import { fileEntry, poolWith } from '../support/boot-with-sources.ts';
import { NOT_HALTED } from '../support/cloud-machine.ts';
import {
  type BegunStart,
  restartingMachine,
  type RestartingMachine,
  type RestartingOptions,
  type Start,
} from '../support/restarting-machine.ts';
import { staticProvider } from '../support/runner-config.ts';
import { MACHINES } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';
import { happensIn } from '../support/watch.ts';
import { hello, writes } from '../support/worker-run.ts';

/** Where there is the file `stay` it goes on until it is told, also without us; else it wants a reboot at once. */
const WORKER = `echo "$$" >>"$FOLDER/pids"
[ -e "$FOLDER/stay" ] || exit 67
${writes(hello('new-credentials', 'graceful-termination'))}
while read -r line; do
  case $line in *'"type":"welcome"'*) ;; *) echo "got \${line#\\~}"; exit 67;; esac
done
exec sleep 300`;

interface Scene extends RestartingMachine {
  /** Starts it; its worker stays. */
  readonly first: BegunStart;
  /** Kills that start, and starts it once more without faults. @param stay whether the worker stays until it is told */
  again(options?: { readonly stay?: boolean }): Promise<Start>;
  calls(call: RecordedRequest['call']): readonly (number | undefined)[];
}

async function scene(
  t: TestContext,
  options: RestartingOptions = {},
  provider?: (rootUrl: string) => object,
): Promise<Scene> {
  let folder = '';
  // Before the folder is removed.
  t.after(() => pidsIn(folder).forEach(endGroup));
  const machine = await restartingMachine(t, { worker: WORKER, ...options });
  const { simulator } = machine;
  folder = machine.folder;
  const stay = join(folder, 'stay');
  await writeFile(stay, '');
  const config = provider === undefined ? {} : { provider: provider(simulator.rootUrl) };
  const first = await machine.begin({ config });
  return {
    ...machine,
    first,
    async again({ stay: stays = false } = {}) {
      first.kill('SIGKILL');
      const { code, log } = await first.ended;
      assert.equal(code, null, log);
      simulator.setFaults([]);
      if (!stays) await rm(stay);
      return machine.start(config);
    },
    calls: wanted => simulator.requests.filter(({ call }) => call === wanted).map(({ status }) => status),
  };
}

function pidsIn(folder: string): readonly number[] {
  const path = join(folder, 'pids');
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map(Number)
        .filter(pid => pid > 1)
    : [];
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** A zombie is gone too: it waits for its init alone. */
async function isAlive(pid: number): Promise<boolean> {
  return (await systemProcesses.startTimeOf(pid)) !== undefined;
}

/** A worker is running, and the start that runs it has recorded it. */
async function untilRecorded({ folder, first }: Scene): Promise<number> {
  await first.says('the worker said hello');
  const record = join(folder, 'worker.json.run.json');
  await happensIn(folder, () => existsSync(record) && readFileSync(record, 'utf8').includes('"worker"'));
  return pidsIn(folder).at(-1) ?? 0;
}

function assertWentOn({ code, log, workerConfig }: Start): void {
  assert.equal(code, 67, log);
  assert.match(log, /going on as the worker that an earlier start of this machine was/);
  assert.ok(workerConfig !== undefined, log);
  assert.doesNotMatch(log, /: error: /);
}

function secretsOf({ simulator }: Scene): readonly unknown[] {
  return simulator.requests.flatMap(({ call, payload }) =>
    call === 'reregisterWorker' ? [(payload as JsonObject).secret] : [],
  );
}

void suite('a start-worker that is killed', { concurrency: 4 }, () => {
  void test('while it identifies its machine has lost nothing: the next start registers', async t => {
    const machine = await scene(t, { scenario: { faults: [{ call: 'metadata', hang: true }] } });
    await machine.simulator.waitFor('metadata');
    const { code, log } = await machine.again();
    assert.equal(code, 67, log);
    assert.deepEqual(machine.calls('registerWorker'), [200]);
  });

  void test('before worker-manager has registered it has lost nothing: the next start registers', async t => {
    const machine = await scene(t, { scenario: { faults: [{ call: 'registerWorker', hang: true }] } });
    await machine.simulator.waitFor('registerWorker');
    const { code, log } = await machine.again();
    assert.equal(code, 67, log);
    assert.deepEqual(machine.calls('registerWorker'), [undefined, 200]);
  });

  void test('after worker-manager has registered it, before it knew, is refused, and its machine is halted', async t => {
    const machine = await scene(t, { scenario: { faults: [{ call: 'registerWorker', delay: '1h' }] } });
    await machine.simulator.waitFor('registerWorker');
    const { code, log, workerConfig } = await machine.again();
    assert.equal(code, EXIT_CODES.refused.code, log);
    assert.equal(workerConfig, undefined);
    assert.match(log, /error: registerWorker at .* the service refused it/);
    assert.match(
      log,
      /what to do: .* it registers only once, and a try or a start whose reply was lost counts/,
    );
    assert.ok(log.includes(NOT_HALTED), log);
  });

  void test('while it collects secrets goes on with them, and registers no second time', async t => {
    const machine = await scene(t, { scenario: { faults: [{ call: 'getSecret', hang: true }] } });
    await machine.simulator.waitFor('getSecret');
    assert.equal((await machine.kept()).phase, 'registered');
    const start = await machine.again();
    assertWentOn(start);
    assert.deepEqual([...start.calls].sort(), ['getSecret 404', 'getSecret 404']);
  });

  void test('while it writes files writes all of them again, whole', async t => {
    const target = await temporaryFolder(t);
    const content = 'x'.repeat(1_000);
    const names = Array.from({ length: 3000 }, (_, index) => `file-${index}`);
    const workerConfig = poolWith(...names.map(name => fileEntry(join(target, name), content)));
    const machine = await scene(t, {
      scenario: { workerPools: { [MACHINES.aws.workerPoolId]: { workerConfig } } },
    });
    await happensIn(target, () => readdirSync(target).includes('file-3'));
    const start = await machine.again();
    assert.ok(!(await machine.first.ended).log.includes('started the worker'), 'the kill came too late');
    assertWentOn(start);
    assert.ok(!start.calls.some(call => call.startsWith('registerWorker')));
    for (const name of names) assert.equal(await readFile(join(target, name), 'utf8'), content);
  });

  void test('with all in place for its worker starts it without asking any service', async t => {
    const machine = await scene(t);
    const isReady = () =>
      existsSync(machine.cache) && readFileSync(machine.cache, 'utf8').includes('"ready"');
    await happensIn(machine.folder, isReady);
    const start = await machine.again();
    assertWentOn(start);
    assert.deepEqual(start.calls, []);
  });

  void test('while its worker runs ends that one first, and goes on as the same worker', async t => {
    const machine = await scene(t);
    const old = await untilRecorded(machine);
    const start = await machine.again();
    assertWentOn(start);
    assert.deepEqual(start.calls, []);
    assert.match(start.log, new RegExp(`ended without its worker \\(pid ${old}\\): that is ended first`));
    assert.ok(!(await isAlive(old)));
    assert.equal(pidsIn(machine.folder).length, 2);
    assert.deepEqual(
      readdirSync(machine.folder).filter(name => /run\.json|start-worker-|\.new/.test(name)),
      [],
    );
  });

  void test('on a static machine ends its worker and registers again, as it does at each start', async t => {
    const machine = await scene(t, {}, staticProvider);
    const old = await untilRecorded(machine);
    assert.ok(await isAlive(old));
    const { code, log, calls } = await machine.again();
    assert.equal(code, 67, log);
    assert.match(log, new RegExp(`ended without its worker \\(pid ${old}\\): that is ended first`));
    assert.ok(!(await isAlive(old)));
    assert.ok(calls.includes('registerWorker 200'), calls.join());
  });

  void test('before its renewal was carried out renews with the same secret', async t => {
    const faults = [{ call: 'reregisterWorker' as const, hang: true as const }];
    const machine = await scene(t, { scenario: { lease: '33s', faults } });
    await machine.simulator.waitFor('reregisterWorker');
    await untilRecorded(machine);
    const start = await machine.again({ stay: true });
    assertWentOn(start);
    assert.match(start.log, / got \{"type":"new-credentials"/);
    assert.deepEqual(machine.calls('reregisterWorker'), [undefined, 200]);
    assert.equal(new Set(secretsOf(machine)).size, 1);
    const { registered } = (await machine.kept()) as { registered: JsonObject };
    assert.notEqual(registered.registrationSecret, secretsOf(machine)[0]);
  });

  void test('after its renewal was carried out, before it knew, has its worker asked to end, and says why', async t => {
    const faults = [{ call: 'reregisterWorker' as const, delay: '1h' }];
    const machine = await scene(t, { scenario: { lease: '33s', faults } });
    await machine.simulator.waitFor('reregisterWorker');
    await untilRecorded(machine);
    const { code, log } = await machine.again({ stay: true });
    assert.equal(code, 67, log);
    assert.deepEqual(machine.calls('reregisterWorker'), [200, 400]);
    assert.match(log, / got \{"type":"graceful-termination","finish-tasks":false\}/);
    assert.match(log, /error: the credentials cannot be renewed: .*the service refused it/);
    assert.match(log, /what to do: the secret works once/);
  });

  void test('with renewed credentials kept gives them to its next worker', async t => {
    const machine = await scene(t, { scenario: { lease: '33s' } });
    const tokenKept = () => /"accessToken": *"([^"]+)"/.exec(readFileSync(machine.cache, 'utf8'))?.[1];
    await machine.first.says('the worker said hello');
    const token = tokenKept();
    assert.ok(token !== undefined);
    await happensIn(machine.folder, () => tokenKept() !== token);
    const renewed = tokenKept();
    const start = await machine.again();
    assertWentOn(start);
    assert.equal(start.workerConfig?.accessToken, renewed);
    assert.equal(new Set(secretsOf(machine)).size, secretsOf(machine).length, 'a secret was used twice');
    assert.ok(machine.calls('reregisterWorker').every(status => status === 200));
  });

  void test('while it waits for what its worker left behind goes on as the same worker', async t => {
    const machine = await scene(t, {
      worker: `echo "$$" >>"$FOLDER/pids"
[ -e "$FOLDER/stay" ] || exit 67
sleep 300 &
while [ ! -e "$FOLDER/end" ]; do sleep 0.05; done
exit 67`,
      config: { lifecycle: { drainTimeout: '5m' } },
    });
    await happensIn(machine.folder, () => pidsIn(machine.folder).length > 0);
    const [old = 0] = pidsIn(machine.folder);
    await writeFile(join(machine.folder, 'end'), '');
    // No file tells that its process has ended, and nor does the log before all that it wrote was read.
    while (await isAlive(old)) await setTimeout(10);
    assertWentOn(await machine.again());
  });

  for (const [when, fault] of [
    ['before its machine was removed', { hang: true }],
    ['after its machine was removed, before it knew,', { delay: '1h' }],
  ] as const) {
    void test(`${when} goes on as the same worker, and removes it at its end`, async t => {
      const machine = await scene(t, {
        scenario: { faults: [{ call: 'removeWorker', ...fault }] },
        worker: 'exit 68',
      });
      await machine.simulator.waitFor('removeWorker');
      const { code, log, calls } = await machine.again();
      assert.equal(code, 68, log);
      assert.match(log, /going on as the worker that an earlier start of this machine was/);
      assert.deepEqual(calls, ['removeWorker 200']);
      assert.ok(!existsSync(machine.cache));
    });
  }
});
