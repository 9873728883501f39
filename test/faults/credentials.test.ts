/** Credentials that end: at once, soon, or while the machine is off. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { lastingMachine, type LastingMachine } from '../support/lasting-machine.ts';
import { STANDALONE_PROVIDER, staticProvider } from '../support/runner-config.ts';
import { simulate } from '../support/simulator.ts';

const WOULD_BE_HALTED = /warning: this machine would now be halted with `\S+shutdown --now`/;

/** Resolves once the credentials that are kept have ended. */
async function untilEnded(machine: LastingMachine): Promise<void> {
  await sleep(Math.max(0, (await machine.keptUntil()).getTime() + 1 - Date.now()));
}

void suite('credentials', { concurrency: 4 }, () => {
  void test('that end at once end the boot, and the machine halts itself', async t => {
    const faults = [{ call: 'registerWorker', credentials: 'expired' }] as const;
    const machine = await lastingMachine(t, { scenario: { faults: [...faults] } });
    const { code, stderr } = await machine.start().exited;
    assert.equal(code, EXIT_CODES.refused.code, stderr);
    assert.deepEqual(await machine.ledger(), []);
    assert.equal(machine.calls('removeWorker').length, 1);
    assert.match(stderr, /error: get secret .* the credentials have expired/);
    assert.match(stderr, WOULD_BE_HALTED);
  });

  void test('that end at once, where no secret is asked for, have the worker asked to end at once', async t => {
    const machine = await lastingMachine(t, {
      scenario: { faults: [{ call: 'registerWorker', credentials: 'expired' }] },
      config: { getSecrets: false },
    });
    // As generic-worker does when it was asked to end.
    const { code, stderr } = await machine.start({ ENDS_WITH: '72' }).exited;
    assert.equal(code, 72, stderr);
    assert.match(stderr, /error: the credentials cannot be renewed: .* the credentials have expired/);
    assert.match(stderr, /warning: the worker was asked to end: .*finish-tasks: false/);
    assert.equal(machine.calls('reregisterWorker').length, 1);
    assert.match(stderr, WOULD_BE_HALTED);
  });

  void test('that last 20 s are renewed before they end, again and again', async t => {
    const machine = await lastingMachine(t, { scenario: { lease: '20s' } });
    const { code, stderr } = await machine.start({ RENEWALS: '3' }).exited;
    assert.equal(code, 67, stderr);
    assert.doesNotMatch(stderr, /: error: /);
    assert.deepEqual(
      machine.calls('reregisterWorker').map(({ status }) => status),
      [200, 200, 200],
    );
    const renewed = (await machine.ledger()).filter(({ event }) => event === 'credentials');
    assert.equal(new Set(renewed.map(({ token }) => token)).size, 3);
    assert.ok(renewed.every(({ token, kept }) => token === kept));
  });

  for (const cloud of ['aws', 'azure', 'google'] as const) {
    void test(`of ${cloud} that ended while the machine was off: it halts itself, and starts no worker`, async t => {
      const machine = await lastingMachine(t, { cloud, scenario: { lease: '8s' } });
      const first = await machine.start({ RENEWALS: '1' }).exited;
      assert.equal(first.code, 67, first.stderr);
      const before = await machine.ledger();
      await untilEnded(machine);
      const { code, stderr } = await machine.start().exited;
      assert.equal(code, EXIT_CODES.expired.code, stderr);
      assert.match(stderr, /error: the credentials that an earlier start of this machine left ended at /);
      assert.deepEqual(await machine.ledger(), before);
      assert.equal(machine.calls('registerWorker').length, 1);
      assert.deepEqual(
        machine.calls('removeWorker').map(({ status }) => status),
        [401],
      );
      assert.match(stderr, WOULD_BE_HALTED);
    });
  }

  void test('of a static worker that ended while the machine was off: it registers anew', async t => {
    const simulator = await simulate(t, { lease: '8s' });
    const machine = await lastingMachine(t, { config: { provider: staticProvider(simulator.rootUrl) } });
    const starts = [await machine.start({ RENEWALS: '1' }).exited];
    await sleep(8_000);
    starts.push(await machine.start({ RENEWALS: '1' }).exited);
    for (const { code, stderr } of starts) assert.equal(code, 67, stderr);
    const registrations = simulator.requests.filter(({ call }) => call === 'registerWorker');
    assert.deepEqual(
      registrations.map(({ status }) => status),
      [200, 200],
    );
    const renewed = (await machine.ledger()).filter(({ event }) => event === 'credentials');
    assert.equal(new Set(renewed.map(({ token }) => token)).size, 2);
    assert.ok(!existsSync(machine.cache));
    assert.ok(!simulator.requests.some(({ call }) => call === 'removeWorker'));
  });

  void test('of a standalone worker are the runner config’s at each start, whatever is kept', async t => {
    const machine = await lastingMachine(t, {
      config: { provider: STANDALONE_PROVIDER, getSecrets: false },
    });
    for (const accessToken of ['the-first-access-token', 'the-next-access-token']) {
      await machine.configure({ provider: { ...STANDALONE_PROVIDER, accessToken } });
      const program = machine.start();
      await program.says('said hello');
      program.kill('SIGTERM');
      assert.equal((await program.exited).code, 67, program.stderr);
      assert.equal((await machine.ledger()).at(-1)?.config, accessToken);
    }
    assert.ok(existsSync(machine.cache));
  });
});
