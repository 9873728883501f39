/** A worker that lasts: a hundred reboots, fifty renewals, and nothing lost. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { asReferenceCache, lastingMachine, type LastingMachine } from '../support/lasting-machine.ts';
import { type RunningProgram } from '../support/program.ts';

const REBOOTS = 100;
const RENEWALS = 50;

const RENEWED = 'the ledger is written';

interface KindOfEnd {
  readonly env: Readonly<Record<string, string>>;
  /** Does it to a start-worker whose worker was renewed; absent: the worker ends by itself. */
  readonly end?: (program: RunningProgram, machine: LastingMachine) => Promise<void> | void;
  /** The exit code, or the signal. */
  readonly gives: number | string;
}

const BY_ITSELF: KindOfEnd = { env: { RENEWALS: '1' }, gives: 67 };

/** How the starts end, by turns. */
const ENDS: readonly KindOfEnd[] = [
  BY_ITSELF,
  { env: {}, end: program => program.kill('SIGTERM'), gives: 67 },
  // As for an upgrade.
  { env: { ENDS_WITH: '0' }, end: program => program.kill('SIGTERM'), gives: 0 },
  { env: {}, end: cutPower, gives: 'SIGKILL' },
];

async function cutPower(program: RunningProgram, machine: LastingMachine): Promise<void> {
  program.kill('SIGKILL');
  process.kill((await machine.ledger()).at(-1)?.pid ?? NaN, 'SIGKILL');
}

async function startAndEnd(machine: LastingMachine, { env, end, gives }: KindOfEnd): Promise<void> {
  const program = machine.start(env);
  if (end !== undefined) {
    await program.says(RENEWED);
    await end(program, machine);
  }
  const { code, signal, stderr } = await program.exited;
  assert.equal(code ?? signal, gives, stderr);
  assert.doesNotMatch(stderr, /: error: /);
}

/** All that may be left where nothing runs. */
const FILES = ['cache.json', 'runner.yml', 'shutdown', 'worker.json', 'worker.json.ledger'];

/** Where nothing runs any more: nothing was lost, nothing was used twice, nothing is left over. */
async function assertNothingLost(machine: LastingMachine): Promise<void> {
  const renewals = machine.calls('reregisterWorker');
  assert.deepEqual(new Set(renewals.map(({ status }) => status)), new Set([200]));
  const secrets = renewals.map(({ payload }) => (payload as { readonly secret: string }).secret);
  assert.equal(new Set(secrets).size, secrets.length, 'a secret was used twice');
  assert.equal(machine.calls('registerWorker').length, 1);
  assert.equal(machine.calls('removeWorker').length, 0);
  assert.equal(await machine.halts(), '');

  const ledger = await machine.ledger();
  const held = ledger.filter(({ token }, index) => token !== ledger[index - 1]?.token);
  assert.equal(new Set(held.map(({ token }) => token)).size, held.length, 'older credentials came back');
  assert.deepEqual(
    // At a start the next renewal may be under way already.
    ledger.filter(
      ({ event, token, config, kept }) => event === 'credentials' && (token !== config || token !== kept),
    ),
    [],
    'the worker held others than its config file and the cache',
  );

  assert.deepEqual((await readdir(machine.folder)).sort(), FILES);
  assert.deepEqual(await processesThatName(machine.folder), []);
}

async function processesThatName(text: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return commands.filter(command => command.includes(text));
}

const mib = (kib = 0) => `${(kib / 1024).toFixed(1)} MiB`;

void suite('in the long run', { concurrency: 2 }, () => {
  void test('a worker goes through 100 reboots, power cuts among them, and nothing is lost', async t => {
    // So short that each start renews at once, and long enough for that to be all.
    const machine = await lastingMachine(t, { scenario: { lease: '25s' } });
    const begunMs = performance.now();
    await startAndEnd(machine, BY_ITSELF);
    await writeFile(machine.cache, JSON.stringify(await asReferenceCache(machine.cache)), { mode: 0o600 });
    for (let reboot = 1; reboot < REBOOTS; reboot += 1) {
      await startAndEnd(machine, ENDS[reboot % ENDS.length] ?? BY_ITSELF);
    }
    await startAndEnd(machine, BY_ITSELF);

    await assertNothingLost(machine);
    const ledger = await machine.ledger();
    assert.equal(ledger.filter(({ event }) => event === 'start').length, REBOOTS + 1);
    assert.equal(machine.calls('reregisterWorker').length, REBOOTS + 1);
    const seconds = Math.round((performance.now() - begunMs) / 1000);
    t.diagnostic(`${REBOOTS} reboots in ${seconds} s, ${ENDS.length} kinds of end by turns`);
    t.diagnostic(
      `registrations: 1; renewals: ${REBOOTS + 1}, each with a secret of its own; files left over: 0`,
    );
  });

  void test('a worker goes through 50 renewals, and nothing is lost', async t => {
    // Renewed when half of it is over.
    const machine = await lastingMachine(t, { scenario: { lease: '6s' } });
    const program = await machine.start({ RENEWALS: String(RENEWALS) }).exited;
    assert.equal(program.code, 67, program.stderr);
    assert.doesNotMatch(program.stderr, /: error: /);
    await assertNothingLost(machine);
    const ledger = await machine.ledger();
    assert.equal(ledger.length, 1 + RENEWALS);
    const memory = ledger.map(({ runnerKiB }) => runnerKiB);
    const [after10 = 0, atEnd = 0] = [memory[10], memory.at(-1)];
    t.diagnostic(
      `${RENEWALS} renewals; memory of start-worker after 10: ${mib(after10)}, at the end: ${mib(atEnd)}`,
    );
    assert.ok(atEnd < after10 + 64 * 1024, memory.join(' '));
  });
});
