/** Who runs the worker of a configPath, in a world of the test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClaim } from '../../src/runner/claim.ts';
import type { World } from '../../src/runner/world.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';

const PATH = '/etc/worker.json.run.json';
const [SELF, EARLIER, WORKER] = [10, 11, 20];

function markOf(pid: number) {
  return { pid, startTime: `at ${pid}` };
}

/** @param kills whether a SIGKILL ends a process */
function machine(record?: object, { kills = true, told = true } = {}) {
  const files = new Map(record && [[PATH, JSON.stringify(record)]]);
  const alive = new Set<number>([SELF]);
  const done: string[] = [];
  const clock = createManualClock();
  const log = createMemoryLog();
  const system = {
    sweepFolder: (folder: string) => Promise.resolve(void done.push(`sweep ${folder}`)),
    readPrivateFile: (path: string) => Promise.resolve(files.get(path)),
    writePrivateFile(path: string, text: string, _owner: undefined, links: string) {
      assert.equal(links, 'trusted');
      files.set(path, text);
      done.push(`write ${text.trim()}`);
      return Promise.resolve();
    },
    stateDisk: { remove: (path: string) => Promise.resolve(void files.delete(path)) },
    processes: {
      self: SELF,
      startTimeOf: (pid: number) =>
        Promise.resolve(told && alive.has(pid) ? markOf(pid).startTime : undefined),
      kill: (pid: number, signal: string) => done.push(`${signal} ${pid}`),
      killGroup(pid: number, signal: string) {
        done.push(`${signal} group ${pid}`);
        if (kills) alive.delete(pid);
      },
    },
  };
  const claim = createClaim({ clock, log, system } as unknown as World);
  const take = () => claim.take('/etc/worker.json', 10_000, new AbortController().signal);
  return { alive, claim, clock, done, files, log, take };
}

void test('a start is seen from before its worker is there until the run ends', async () => {
  const { alive, claim, done, files, take } = machine();
  assert.equal(await take(), undefined);
  assert.deepEqual(done, ['sweep /etc', `write ${JSON.stringify({ runner: markOf(SELF) })}`]);
  alive.add(WORKER);
  await claim.addWorker(WORKER);
  assert.deepEqual(JSON.parse(files.get(PATH) ?? ''), { runner: markOf(SELF), worker: markOf(WORKER) });
  alive.delete(WORKER);
  await claim.release();
  assert.equal(files.size, 0);
});

void test('a worker that goes on stays recorded', async () => {
  const { alive, claim, files, take } = machine();
  await take();
  alive.add(WORKER);
  // The run may end while it is being recorded.
  void claim.addWorker(WORKER);
  await claim.release();
  assert.match(files.get(PATH) ?? '', /"worker"/);
});

void test('another start that has no worker yet is left alone, with its claim', async () => {
  const { alive, claim, files, take } = machine({ runner: markOf(EARLIER) });
  alive.add(EARLIER);
  await assert.rejects(take(), /another start-worker \(pid 11\) is about to start the worker of/);
  await claim.release();
  assert.deepEqual(JSON.parse(files.get(PATH) ?? ''), { runner: markOf(EARLIER) });
});

void test('while a worker that was left behind is ended, it and who ends it are recorded', async () => {
  const { alive, claim, clock, done, files, take } = machine({
    runner: markOf(EARLIER),
    worker: markOf(WORKER),
  });
  alive.add(WORKER);
  const taken = take();
  await clock.pass(5_000);
  assert.deepEqual(JSON.parse(files.get(PATH) ?? ''), { runner: markOf(SELF), worker: markOf(WORKER) });
  await clock.pass(6_000);
  assert.equal(await taken, undefined);
  assert.deepEqual(done.slice(2), ['SIGTERM 20', 'SIGKILL group 20']);
  await claim.release();
  assert.equal(files.size, 0);
});

void test('one that cannot be ended is a reason to start none, and stays recorded', async () => {
  const { alive, claim, clock, files, take } = machine(
    { runner: markOf(EARLIER), worker: markOf(WORKER) },
    { kills: false },
  );
  alive.add(WORKER);
  const taken = take();
  await clock.pass(16_000);
  const error = await taken;
  assert.equal(error?.exit, 'workerStart');
  assert.match(error.message, /left behind \(pid 20\) cannot be ended/);
  await claim.release();
  assert.match(files.get(PATH) ?? '', /"worker"/);
});

void test('where the system tells no processes apart, the log says so once', async () => {
  const { claim, files, log, take } = machine(undefined, { told: false });
  await take();
  await claim.addWorker(WORKER);
  await claim.release();
  assert.equal(files.size, 0);
  assert.deepEqual(
    log.entries.map(({ message }) => message),
    [
      'this system does not say when a process was started: another start-worker, or a worker that one has left behind, would not be found',
    ],
  );
});
