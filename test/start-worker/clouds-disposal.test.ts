/** What becomes of a cloud's machine when the run ends; here its metadata service is named, so it is never halted. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { poolWith, fileEntry } from '../support/boot-with-sources.ts';
import { NOT_HALTED, runOnCloud, startOnCloud, type CloudMachine } from '../support/cloud-machine.ts';
import { MACHINES, type MachineScenario } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';
import { ASKS_FOR_SHUTDOWN, makeGate } from '../support/worker-run.ts';

const POOL = MACHINES.aws.workerPoolId;
const BAD_POOL = {
  workerPools: { [POOL]: { workerConfig: poolWith(fileEntry('/proc/no/such/file', 'x')) } },
};
const UNREGISTERED: MachineScenario = { faults: [{ call: 'registerWorker', status: 403 }] };
const LONG = { onFailure: { delay: '1h' } };
const DUMMY = () => ({ worker: { implementation: 'dummy' } });

interface Row {
  readonly what: string;
  readonly machine: CloudMachine;
  readonly code: number;
  /** What is said of the machine at the end; where it is removed, that is done once and the log says so. */
  readonly fate: 'removed' | 'would be halted' | 'kept';
  readonly because?: string;
}

const ROWS: readonly Row[] = [
  ...(['aws', 'azure', 'google'] as const).map(cloud => ({
    what: `a worker of ${cloud} that ends well is removed`,
    machine: { cloud, worker: 'exit 0' },
    code: 0,
    fate: 'removed' as const,
    because: 'the worker exited with code 0 (lifecycle.onExit)',
  })),
  ...[1, 69, 72].map(code => ({
    what: `one that ends with ${code} is removed`,
    machine: { worker: `exit ${code}` },
    code,
    fate: 'removed' as const,
    because: `the worker exited with code ${code} (lifecycle.onExit)`,
  })),
  {
    what: 'one that is killed is removed',
    machine: { worker: 'kill -KILL $$' },
    code: 137,
    fate: 'removed',
    because: 'the worker was ended by SIGKILL (lifecycle.onExit)',
  },
  {
    what: 'one that needs a reboot is kept',
    machine: { worker: 'exit 67' },
    code: 67,
    fate: 'kept',
    because: 'the worker exited with code 67 (lifecycle.onExit)',
  },
  {
    what: 'onExit keeps for its code',
    machine: { worker: 'exit 69', lifecycle: { onExit: { 69: 'keep' } } },
    code: 69,
    fate: 'kept',
  },
  {
    what: 'onExit.other keeps a killed one',
    machine: { worker: 'kill -KILL $$', lifecycle: { onExit: { other: 'keep' } } },
    code: 137,
    fate: 'kept',
  },
  {
    what: 'onExit.other leaves the default of code 0',
    machine: { worker: 'exit 0', lifecycle: { onExit: { other: 'keep' } } },
    code: 0,
    fate: 'removed',
  },
  {
    what: 'onExit can remove for 67',
    machine: { worker: 'exit 67', lifecycle: { onExit: { 67: 'remove' } } },
    code: 67,
    fate: 'removed',
  },
  {
    what: 'a failure before registration asks for no removal, and is waited for nowhere',
    machine: { scenario: UNREGISTERED, lifecycle: LONG },
    code: EXIT_CODES.refused.code,
    fate: 'would be halted',
  },
  {
    what: 'so does one that knows no worker yet',
    machine: { scenario: { machine: { absent: ['user-data'] } }, lifecycle: LONG },
    code: EXIT_CODES.metadata.code,
    fate: 'would be halted',
  },
  {
    what: 'a failure after registration removes at once where no host may be halted',
    machine: { scenario: BAD_POOL, lifecycle: LONG },
    code: EXIT_CODES.files.code,
    fate: 'removed',
    because: 'the run failed (lifecycle.onFailure)',
  },
  {
    what: 'onFailure can keep before registration',
    machine: { scenario: UNREGISTERED, lifecycle: { onFailure: { action: 'keep' } } },
    code: EXIT_CODES.refused.code,
    fate: 'kept',
    because: 'the run failed before this machine was registered (lifecycle.onFailure)',
  },
  {
    what: 'onFailure can keep after it',
    machine: { scenario: BAD_POOL, lifecycle: { onFailure: { action: 'keep' } } },
    code: EXIT_CODES.files.code,
    fate: 'kept',
    because: 'the run failed (lifecycle.onFailure)',
  },
  {
    what: 'a machine that is about to go never registers, also where failures keep',
    machine: {
      scenario: { timeline: { 'at 0s': 'spot-interruption' } },
      lifecycle: { onFailure: { action: 'keep' } },
    },
    code: EXIT_CODES.interrupted.code,
    fate: 'would be halted',
  },
  {
    what: 'the dummy disposes of nothing',
    machine: { config: DUMMY },
    code: 0,
    fate: 'kept',
    because: 'the dummy worker disposes of nothing',
  },
  {
    what: 'nor where it fails',
    machine: { scenario: UNREGISTERED, config: DUMMY, lifecycle: LONG },
    code: EXIT_CODES.refused.code,
    fate: 'kept',
  },
  {
    what: 'a removal that fails for a moment is tried again',
    machine: { scenario: { faults: [{ call: 'removeWorker', status: 503, times: 1 }] } },
    code: 0,
    fate: 'removed',
  },
  {
    what: 'what the worker asked for is done, whatever onExit says of its code',
    machine: { worker: `${ASKS_FOR_SHUTDOWN}\nexit 68`, lifecycle: { onExit: { other: 'keep' } } },
    code: 68,
    fate: 'removed',
    because: 'the worker asked for it',
  },
];

const FATES = {
  removed: /start-worker: removeWorker was accepted: worker-manager takes this machine away\n/g,
  'would be halted':
    /warning: this machine would now be halted with `\S+halt-it --now`, but its metadata comes from /g,
  kept: /start-worker: (warning: )?this machine is kept: /g,
} as const;

const TOGETHER = { concurrency: 4 };

void suite('at the end of a run on a cloud', TOGETHER, () => {
  for (const { what, machine, code: expected, fate, because = '' } of ROWS) {
    void test(what, async t => {
      const { code, log, halts, removals, simulator } = await runOnCloud(t, machine);
      assert.equal(code, expected, log);
      assert.deepEqual(halts, []);
      assert.deepEqual(
        removals.filter(status => status !== 503),
        fate === 'removed' ? [200] : [],
        log,
      );
      for (const [name, line] of Object.entries(FATES))
        assert.equal(log.match(line)?.length ?? 0, name === fate ? 1 : 0, `${name}:\n${log}`);
      assert.ok(log.includes(because), log);
      assert.doesNotMatch(log, /is (halted|removed) in /);
      if (expected === EXIT_CODES.interrupted.code)
        assert.ok(!simulator.requests.some(({ call }) => call === 'registerWorker'));
    });
  }

  void test('a machine whose end is announced after it has registered is removed, and starts no worker', async t => {
    const run = await startOnCloud(t, {
      scenario: { faults: [{ call: 'getSecret', delay: '2s' }] },
      config: () => ({ interruptions: { poll: '100ms' } }),
      worker: 'echo it was started',
      lifecycle: { onFailure: { action: 'keep' } },
    });
    await run.simulator.waitFor('getSecret');
    run.simulator.happen('spot-interruption');
    const { code, log, removals } = await run.ended;
    assert.equal(code, EXIT_CODES.interrupted.code, log);
    assert.deepEqual(removals, [200]);
    assert.match(log, /removing this machine: no worker is started while the notice of the cloud stands\n/);
    assert.doesNotMatch(log, /it was started/);
  });

  void test('a fault of the runner itself removes the machine too', async t => {
    const folder = await temporaryFolder(t);
    const fault = join(folder, 'fault.cjs');
    await writeFile(fault, `process.on('SIGUSR2', () => { throw new Error('thrown into the void'); });`);
    const run = await startOnCloud(t, {
      worker: 'echo ready; exec sleep 60',
      env: { NODE_OPTIONS: `--require=${fault}` },
    });
    await run.says(' ready\n');
    run.kill('SIGUSR2');
    const { code, log, removals, reports } = await run.ended;
    assert.equal(code, EXIT_CODES.internal.code, log);
    assert.deepEqual(removals, [200]);
    assert.deepEqual(
      reports.map(({ kind }) => kind),
      ['internal'],
    );
    assert.match(log, /removing this machine: the run failed \(lifecycle\.onFailure\)\n/);
  });

  for (const { what, faults, words } of [
    {
      what: 'is refused',
      faults: [{ call: 'removeWorker', status: 403, message: 'not for you' }],
      words:
        /this machine was not removed: removeWorker at \S+ failed: .*403 InsufficientScopes\): not for you\n/,
    },
    {
      what: 'is answered by a web page',
      faults: [{ call: 'removeWorker', body: 'html' }],
      words: /this machine was not removed: .* not JSON\n/,
    },
  ] satisfies { what: string; faults: MachineScenario['faults']; words: RegExp }[]) {
    void test(`a removal that ${what} is asked for once, and the log says what would be done`, async t => {
      const { code, log, halts, removals } = await runOnCloud(t, { worker: 'exit 3', scenario: { faults } });
      assert.equal(code, 3, log);
      assert.deepEqual([halts, removals.length], [[], 1]);
      assert.match(log, words);
      assert.ok(log.endsWith(`halt-it --now\`, ${NOT_HALTED}\n`), log);
    });
  }

  void test('a removal whose credentials have expired is given up at once', async t => {
    const gate = await makeGate(t);
    const run = await startOnCloud(t, { worker: `echo ready; ${gate.wait}` });
    await run.says(' ready\n');
    run.simulator.revoke();
    await gate.open();
    const { code, log, removals } = await run.ended;
    assert.equal(code, 0, log);
    assert.deepEqual(removals, [401]);
    assert.match(log, /this machine was not removed: .*401/);
    assert.ok(log.endsWith(`${NOT_HALTED}\n`), log);
  });
});
