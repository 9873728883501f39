/** What the worker's `shutdown` message does on a machine that is no cloud's. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { staticProvider, writeScript } from '../support/runner-config.ts';
import { simulate } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';
import { ASKS_FOR_SHUTDOWN as ASKS, runWorker, type WorkerRun } from '../support/worker-run.ts';

interface Halted extends WorkerRun {
  /** What the host's end was asked for with, a line a call: by the configured command, or by the machine's own. */
  readonly halts: readonly string[];
}

/** @param command the script `halt-it`; `shutdown` in PATH is a harmless one as well */
async function run(
  t: TestContext,
  worker: string,
  lifecycle: object,
  provider?: object,
  command = '',
): Promise<Halted> {
  const folder = await temporaryFolder(t);
  const halted = join(folder, 'halted');
  await writeScript(folder, 'shutdown', `echo "shutdown $*" >>'${halted}'`);
  await writeScript(folder, 'halt-it', `echo "halt-it $*" >>'${halted}'; env >'${folder}/env'; ${command}`);
  const result = await runWorker(
    t,
    worker,
    {
      lifecycle: { shutdownCommand: 'halt-it --now', ...lifecycle },
      ...(provider === undefined ? {} : { provider }),
    },
    { env: { PATH: `${folder}:${process.env.PATH ?? ''}` } },
  );
  if (existsSync(join(folder, 'env'))) {
    assert.doesNotMatch(await readFile(join(folder, 'env'), 'utf8'), /WORKER_RUNNER/);
  }
  const halts = existsSync(halted) ? (await readFile(halted, 'utf8')).trimEnd().split('\n') : [];
  return { ...result, halts };
}

void test('without shutdownHost a machine of one’s own is left running, with one line', async t => {
  const simulator = await simulate(t);
  const provider = staticProvider(simulator.rootUrl);
  const [standalone, registered] = await Promise.all([
    run(t, `${ASKS}\nexit 68`, {}),
    run(t, `${ASKS}\nexit 68`, {}, provider),
  ]);
  for (const [name, { code, log, halts }] of Object.entries({ standalone, static: registered })) {
    assert.equal(code, 68, log);
    assert.deepEqual(halts, []);
    const line = `the worker asks for this machine to be ended: ${name} machines are left running\n`;
    assert.equal(log.split(line).length, 2, log);
    assert.match(log, /the worker exited with code 68\n[^\n]* the run ended with [^\n]*\n$/);
  }
  assert.ok(!simulator.requests.some(({ call }) => call === 'removeWorker'));
});

void test('with shutdownHost the worker’s shutdown halts the host once, at once, and never removes the worker', async t => {
  const simulator = await simulate(t);
  const { code, log, halts } = await run(
    t,
    // It goes on until its host has been halted.
    `${ASKS}\nwhile ! grep -q now "$(dirname "$(command -v halt-it)")/halted"; do sleep 0.02; done 2>/dev/null
     echo still read; exit 4`,
    { shutdownHost: true },
    staticProvider(simulator.rootUrl),
    'echo the system goes down',
  );
  assert.equal(code, 4, log);
  assert.deepEqual(halts, ['halt-it --now']);
  assert.match(log, /warning: halting this machine with `halt-it --now`\n/);
  assert.match(log, /halt-it: the system goes down\n/);
  assert.match(log, /still read\n/);
  assert.ok(!simulator.requests.some(({ call }) => call === 'removeWorker'));
});

void test('shutdownHost halts for nothing but the worker’s shutdown', async t => {
  const runs = await Promise.all([
    run(t, 'exit 0', { shutdownHost: true }),
    run(t, 'exit 69', { shutdownHost: true }),
    run(t, 'kill -KILL $$', { shutdownHost: true }),
  ]);
  assert.deepEqual(
    runs.map(({ code, halts }) => [code, halts]),
    [
      [0, []],
      [69, []],
      [137, []],
    ],
  );
});
