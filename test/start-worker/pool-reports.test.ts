/** What worker-manager is told of failures that may come from the worker pool's configuration. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import type { JsonObject } from '../../src/json.ts';
import type { ScenarioInput, Simulator } from '../../src/simulator/index.ts';
import { fileEntry, poolWith } from '../support/boot-with-sources.ts';
import { runOnCloud } from '../support/cloud-machine.ts';
import { runProgram, type ProgramResult } from '../support/program.ts';
import { genericWorker, staticProvider, writeRunnerConfig, writeScript } from '../support/runner-config.ts';
import { simulate, WORKER } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';
import { hello, writes } from '../support/worker-run.ts';

interface Told extends ProgramResult {
  readonly simulator: Simulator;
  readonly reports: readonly Report[];
}

interface Report {
  readonly description: string;
  readonly [key: string]: unknown;
}

interface Failing {
  readonly scenario?: ScenarioInput;
  readonly pool?: JsonObject;
  /** What the worker's shell does. */
  readonly worker?: string;
  readonly config?: (folder: string) => object;
}

async function run(t: TestContext, { scenario, pool = {}, worker = '', config }: Failing): Promise<Told> {
  const folder = await temporaryFolder(t);
  const simulator = await simulate(t, {
    workerPools: { [WORKER.workerPoolId]: { workerConfig: pool } },
    ...scenario,
  });
  const runnerConfig = await writeRunnerConfig(folder, {
    provider: staticProvider(simulator.rootUrl),
    worker: genericWorker(folder, await writeScript(folder, 'worker', worker)),
    ...config?.(folder),
  });
  const result = await runProgram('start-worker', [runnerConfig]);
  const reports = simulator.requests
    .filter(({ call, status }) => call === 'reportWorkerError' && status === 200)
    .map(({ payload }) => payload as unknown as Report);
  return { ...result, simulator, reports };
}

const { workerGroup, workerId } = WORKER;
const SECRET = `worker-pool:${WORKER.workerPoolId}`;
/** Stands where secrets do. */
const PLANTED = 'a-secret-word-that-nobody-shall-read';

for (const { what, failing, exit, description } of [
  {
    what: 'a worker pool whose configuration has the wrong shape',
    failing: { pool: { genericWorker: { config: 'no mapping' } } },
    exit: EXIT_CODES.badSource,
    description: /^provider: genericWorker\.config must be an object, but is a string\nwhat to do: /,
  },
  {
    what: 'a file of the worker pool that cannot be written',
    failing: { pool: poolWith(fileEntry('/proc/no/such/file', 'x')) },
    exit: EXIT_CODES.files,
    description: /"?\/proc\/no\/such/,
  },
  {
    what: 'a file entry of the worker pool that is none',
    failing: { pool: poolWith({ path: '/tmp/x', content: PLANTED, encoding: 'plain', format: 'file' }) },
    exit: EXIT_CODES.badSource,
    description: /^provider: .*files\[0\] \("\/tmp\/x"\).*encoding/m,
  },
  {
    what: 'a file entry of a secret that is none',
    failing: {
      scenario: {
        secrets: { [SECRET]: { config: { key: PLANTED }, files: [{ path: 1, content: PLANTED }] } },
      },
    },
    exit: EXIT_CODES.badSource,
    description: /^secret worker-pool:demo\/laptop: .*files\[0\]/m,
  },
  {
    what: 'a worker program that may not be executed',
    failing: { config: (folder: string) => ({ worker: genericWorker(folder, join(folder, 'runner.yml')) }) },
    exit: EXIT_CODES.workerStart,
    description: /runner\.yml may not be executed/,
  },
  {
    what: 'a worker program that is missing',
    failing: {
      config: (folder: string) => ({ worker: genericWorker(folder, join(folder, 'no-such-worker')) }),
    },
    exit: EXIT_CODES.workerStart,
    description: /no-such-worker/,
  },
] satisfies { what: string; failing: Failing; exit: object; description: RegExp }[]) {
  void test(`${what} is reported once`, async t => {
    const { code, stderr, reports } = await run(t, failing);
    assert.equal(code, exit.code, stderr);
    assert.ok(!JSON.stringify(reports).includes(PLANTED), JSON.stringify(reports));
    const [report, ...more] = reports;
    assert.deepEqual(more, []);
    const { description: said, ...rest } = { ...report };
    assert.deepEqual(rest, { workerGroup, workerId, kind: exit.name, title: exit.meaning, extra: {} });
    assert.match(said ?? '', description);
  });
}

for (const code of [64, 65, 73, 84]) {
  void test(`a worker that ends with ${code} says that its configuration is wrong: that is reported once`, async t => {
    const told = await run(t, { worker: `exit ${code}` });
    assert.equal(told.code, code, told.stderr);
    const [report, ...more] = told.reports;
    assert.deepEqual(more, []);
    const { description, ...rest } = { ...report };
    const title = `the worker exited with code ${code}`;
    assert.deepEqual(rest, { workerGroup, workerId, kind: 'worker-exit', title, extra: {} });
    assert.match(description ?? '', /configuration or its environment/);
  });
}

/** Shell: reports why it ends. */
const REPORTS = writes(
  hello('error-report'),
  `~${JSON.stringify({ type: 'error-report', kind: 'config', title: 'no such key', description: 'It is wrong.' })}`,
);

void test('a worker that has reported by itself why it ends is not reported again', async t => {
  const { code, reports, stderr } = await run(t, { worker: `${REPORTS}\nexit 73` });
  assert.equal(code, 73, stderr);
  assert.deepEqual(
    reports.map(({ title }) => title),
    ['no such key'],
  );
});

void test('unless that report was refused', async t => {
  const scenario: ScenarioInput = { faults: [{ call: 'reportWorkerError', status: 403, times: 1 }] };
  const { reports, stderr } = await run(t, { worker: `${REPORTS}\nexit 73`, scenario });
  assert.deepEqual(
    reports.map(({ title }) => title),
    ['the worker exited with code 73'],
    stderr,
  );
});

void test('no other end of a worker is reported', async t => {
  const codes = [0, 1, 63, 66, 67, 69, 72, 85];
  const runs = await Promise.all(
    [...codes.map(code => `exit ${code}`), 'kill -SEGV $$'].map(worker => run(t, { worker })),
  );
  assert.deepEqual(
    runs.map(({ code, simulator }) => [
      code,
      simulator.requests.filter(({ call }) => call === 'reportWorkerError'),
    ]),
    [...codes, 139].map(code => [code, []]),
  );
});

void test('a cloud’s machine is reported before it is removed, and registers no second time', async t => {
  const { log, simulator } = await runOnCloud(t, { worker: 'exit 64' });
  const calls = simulator.requests.flatMap(({ call, status }) =>
    call === 'metadata' || call === 'ping' ? [] : [`${call} ${status ?? ''}`],
  );
  assert.deepEqual(
    calls,
    ['registerWorker 200', 'getSecret 404', 'getSecret 404', 'reportWorkerError 200', 'removeWorker 200'],
    log,
  );
});

void test('a report that is refused keeps no machine from its removal', async t => {
  const { code, log, removals } = await runOnCloud(t, {
    worker: 'exit 64',
    scenario: { faults: [{ call: 'reportWorkerError', status: 403 }] },
  });
  assert.equal(code, 64, log);
  assert.deepEqual(removals, [200]);
});

void test('what Taskcluster itself refuses or fails is not reported', async t => {
  const patience = () => ({ network: { retryFor: '1s', attemptTimeout: '1s' } });
  const runs = await Promise.all([
    run(t, { scenario: { faults: [{ call: 'registerWorker', status: 403 }] } }),
    run(t, { scenario: { faults: [{ call: 'getSecret', status: 503 }] }, config: patience }),
    run(t, { scenario: { secrets: { [SECRET]: 403 } } }),
  ]);
  const codes = [EXIT_CODES.refused.code, EXIT_CODES.unreachable.code, EXIT_CODES.refused.code];
  for (const [index, { code, simulator, stderr }] of runs.entries()) {
    assert.equal(code, codes[index], stderr);
    assert.ok(!simulator.requests.some(({ call }) => call === 'reportWorkerError'));
  }
});

void test('the dummy worker reports nothing', async t => {
  const { code, simulator } = await run(t, {
    pool: { dummy: { config: 'no mapping' } },
    config: () => ({ worker: { implementation: 'dummy' } }),
  });
  assert.equal(code, EXIT_CODES.badSource.code);
  assert.ok(!simulator.requests.some(({ call }) => call === 'reportWorkerError'));
});

void test('no secret is in a report, not even where it stands in a path', async t => {
  const { code, reports, stderr } = await run(t, {
    scenario: {
      secrets: {
        [SECRET]: {
          config: { password: PLANTED },
          files: [fileEntry(`/proc/${PLANTED}/file`, 'x')],
        },
      },
    },
  });
  assert.equal(code, EXIT_CODES.files.code, stderr);
  assert.equal(reports.length, 1);
  assert.ok(!JSON.stringify(reports).includes(PLANTED), JSON.stringify(reports));
  assert.match(reports[0]?.description ?? '', /\[secret\]/);
});

void test('a report that does not arrive is one line in the log and changes no exit code', async t => {
  const { code, stderr } = await run(t, {
    worker: 'exit 73',
    scenario: { faults: [{ call: 'reportWorkerError', status: 403, message: 'not for you' }] },
  });
  assert.equal(code, 73);
  assert.equal(
    stderr.match(/warning: the worker pool could not be told of this: .*not for you/g)?.length,
    1,
    stderr,
  );
});
