/**
 * Halting a cloud's machine: in a network namespace, where the metadata service is on its real address. What would halt
 * the machine is a script of the test.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { fileEntry, poolWith } from '../support/boot-with-sources.ts';
import { runOnRealAddress, startOnRealAddress, type CloudMachine } from '../support/cloud-machine.ts';
import { NEEDS_NETWORK } from '../support/network-namespace.ts';
import { MACHINES, type MachineScenario } from '../support/simulator.ts';
import { ASKS_FOR_SHUTDOWN } from '../support/worker-run.ts';

const UNREGISTERED: MachineScenario = { faults: [{ call: 'registerWorker', status: 403 }] };
const UNREMOVABLE: MachineScenario = { faults: [{ call: 'removeWorker', status: 403 }] };
const UNNAMED: MachineScenario = { machine: { absent: ['user-data'] } };
const BAD_POOL: MachineScenario = {
  workerPools: {
    [MACHINES.aws.workerPoolId]: { workerConfig: poolWith(fileEntry('/proc/no/such/file', 'x')) },
  },
};
const SOON = { onFailure: { delay: '200ms' } };
const LONG = { onFailure: { delay: '1h' } };
const HALTED = ['halt-it --now'];
const SAID = /warning: halting this machine with `\S+halt-it --now`\n/g;

interface Row {
  readonly what: string;
  readonly machine: CloudMachine;
  readonly code: number;
  readonly removals?: readonly number[];
  readonly halts: readonly string[];
  readonly says?: RegExp;
  readonly saysNot?: RegExp;
}

const ROWS: readonly Row[] = [
  ...(['aws', 'azure', 'google'] as const).map(cloud => ({
    what: `a machine of ${cloud} that can't be removed is halted, and the exit code is its worker's`,
    machine: { cloud, worker: 'exit 3', scenario: UNREMOVABLE },
    code: 3,
    removals: [403],
    halts: HALTED,
    says: /this machine was not removed: /,
  })),
  {
    what: 'one that is removed is not halted',
    machine: { worker: 'exit 0' },
    code: 0,
    removals: [200],
    halts: [],
  },
  {
    what: 'one that never registered is halted after the delay, and no removal is asked for',
    machine: { scenario: UNREGISTERED, lifecycle: SOON },
    code: EXIT_CODES.refused.code,
    halts: HALTED,
    says: /warning: this machine is halted in 0\.2 s: the run failed before this machine was registered \(lifecycle\.onFailure\); SIGTERM or SIGINT keeps it\n/,
  },
  {
    what: 'one that failed after it had registered is removed after the delay',
    machine: { scenario: BAD_POOL, lifecycle: SOON },
    code: EXIT_CODES.files.code,
    removals: [200],
    halts: [],
    says: /warning: this machine is removed in 0\.2 s: the run failed \(lifecycle\.onFailure\)/,
  },
  {
    what: 'by default that is not waited for',
    machine: { scenario: BAD_POOL },
    code: EXIT_CODES.files.code,
    removals: [200],
    halts: [],
    saysNot: / in \d+ (s|min)/,
  },
  {
    what: 'onFailure can keep one that failed',
    machine: { scenario: UNREGISTERED, lifecycle: { onFailure: { action: 'keep' } } },
    code: EXIT_CODES.refused.code,
    halts: [],
    says: /this machine is kept: the run failed before/,
  },
  {
    what: 'one whose log cannot be opened is halted after the delay, and was asked whose it is',
    machine: {
      config: () => ({ logging: { implementation: 'file', path: '/proc/no/such/folder/log' } }),
      lifecycle: SOON,
    },
    code: EXIT_CODES.files.code,
    halts: HALTED,
    says: /error: log file \/proc\/no\/such\/folder\/log cannot be opened: [^]*this machine is halted in 0\.2 s/,
    saysNot: /registering worker/,
  },
  {
    what: 'one that no worker pool was named to is never halted, and nothing is waited for',
    machine: { scenario: UNNAMED, lifecycle: LONG },
    code: EXIT_CODES.metadata.code,
    halts: [],
    says: /this machine would now be halted with `\S+halt-it --now`, but no metadata service has named a worker pool: it is kept\n/,
  },
  {
    what: 'one whose end is announced is halted at once',
    machine: { scenario: { timeline: { 'at 0s': 'spot-interruption' } }, lifecycle: LONG },
    code: EXIT_CODES.interrupted.code,
    halts: HALTED,
  },
  {
    what: 'a dummy halts nothing, and nothing is waited for',
    machine: {
      scenario: UNREGISTERED,
      config: () => ({ worker: { implementation: 'dummy' } }),
      lifecycle: LONG,
    },
    code: EXIT_CODES.refused.code,
    halts: [],
  },
  {
    what: 'one whose worker asked for it and that can’t be removed is halted while the worker goes on, once',
    machine: {
      worker: `${ASKS_FOR_SHUTDOWN}\nuntil [ -e "$(dirname "$0")/halts" ]; do sleep 0.02; done; echo still read; exit 6`,
      scenario: UNREMOVABLE,
    },
    code: 6,
    removals: [403],
    halts: HALTED,
    says: / still read\n/,
  },
  {
    what: 'a metadata service that the environment names is none of the cloud, wherever it is',
    machine: {
      scenario: UNREGISTERED,
      env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://169.254.169.254' },
      lifecycle: LONG,
    },
    code: EXIT_CODES.refused.code,
    halts: [],
    says: /now be halted with `\S+halt-it --now`, but its metadata comes from AWS_EC2_METADATA_SERVICE_ENDPOINT: it is kept\n/,
  },
];

void suite('on a real machine of a cloud', { concurrency: 6, skip: NEEDS_NETWORK }, () => {
  // These wait for seconds, the others meanwhile work.
  void test('a notice during the delay ends it', async t => {
    const { code, log, halts } = await runOnRealAddress(t, {
      scenario: { ...UNREGISTERED, timeline: { 'at 10s': 'spot-interruption' } },
      config: () => ({ interruptions: { poll: '100ms' } }),
      lifecycle: LONG,
    });
    assert.equal(code, EXIT_CODES.refused.code, log);
    assert.deepEqual(halts, HALTED);
    assert.match(
      log,
      /this machine is halted in 1 h[^]*the cloud announces: spot-interruption[^]*halting this machine/,
    );
  });

  void test('a command that fails is tried again, what it says is told, and the exit code stays', async t => {
    const { code, log, halts } = await runOnRealAddress(t, {
      worker: 'exit 3',
      scenario: UNREMOVABLE,
      halting: `echo not yet >&2; [ "$(wc -l <"$(dirname "$0")/halts")" -gt 1 ]`,
    });
    assert.equal(code, 3, log);
    assert.deepEqual(halts, [...HALTED, ...HALTED]);
    assert.match(log, /halt-it: not yet\n/);
    assert.match(log, /`\S+halt-it --now` failed with exit code 1 \(try 1 of 3\); next try in 5 s\n/);
  });

  void test('while a machine is left for a look, a metadata service that is down is told of', async t => {
    const run = await startOnRealAddress(t, {
      scenario: {
        faults: [{ call: 'metadata', path: '/latest/dynamic/instance-identity/document', status: 404 }],
        timeline: { 'at 10s': 'metadata down' },
      },
      config: () => ({ interruptions: { poll: '100ms' } }),
      lifecycle: LONG,
    });
    await run.says('this machine is halted in 1 h');
    await run.says('the cloud has not said whether it takes this machine away');
    run.kill('SIGTERM');
    const { code, log, halts } = await run.ended;
    assert.equal(code, EXIT_CODES.metadata.code, log);
    assert.deepEqual(halts, []);
  });

  for (const { what, machine, code: expected, removals = [], halts, says = /^/, saysNot = /^$/ } of ROWS) {
    void test(what, async t => {
      const ended = await runOnRealAddress(t, machine);
      const { code, log } = ended;
      assert.equal(code, expected, log);
      assert.deepEqual([ended.removals, ended.halts], [removals, halts], log);
      assert.equal(log.match(SAID)?.length ?? 0, halts.length, log);
      assert.match(log, says);
      assert.doesNotMatch(log, saysNot);
    });
  }

  void test('a laptop is never halted, and nothing is waited for', async t => {
    const { code, log, halts } = await runOnRealAddress(
      t,
      { config: () => ({ metadata: { giveUpAfter: '500ms' } }), lifecycle: LONG },
      { metadata: false },
    );
    assert.equal(code, EXIT_CODES.metadata.code, log);
    assert.deepEqual(halts, []);
    assert.match(log, /but no metadata service has named a worker pool: it is kept\n$/);
  });

  void test('SIGTERM during the delay keeps the machine', async t => {
    const run = await startOnRealAddress(t, { scenario: UNREGISTERED, lifecycle: LONG });
    await run.says('this machine is halted in 1 h');
    run.kill('SIGTERM');
    const { code, log, halts } = await run.ended;
    assert.equal(code, EXIT_CODES.refused.code, log);
    assert.deepEqual(halts, []);
    assert.match(log, /start-worker: SIGTERM: this machine is kept as it is\n/);
  });

  void test('without shutdownCommand it is the shutdown that PATH finds first', async t => {
    const { code, log, halts } = await runOnRealAddress(t, {
      worker: 'exit 3',
      scenario: UNREMOVABLE,
      lifecycle: { shutdownCommand: undefined },
    });
    assert.equal(code, 3, log);
    assert.deepEqual(halts, ['shutdown -h now']);
  });
});
