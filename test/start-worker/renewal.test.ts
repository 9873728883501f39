import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { JsonObject } from '../../src/json.ts';
import type { RecordedRequest, Simulator } from '../../src/simulator/index.ts';
import { startOnCloud } from '../support/cloud-machine.ts';
import { staticProvider } from '../support/runner-config.ts';
import { simulate, type MachineScenario } from '../support/simulator.ts';
import { makeGate, saysHello, startWorkerRun } from '../support/worker-run.ts';

const STOP_NOW = { type: 'graceful-termination', 'finish-tasks': false };

interface Leased {
  readonly scenario: MachineScenario;
  readonly capabilities?: readonly string[];
  /** Shell: what the worker does with each message, `$line`. */
  readonly onMessage?: string;
  /** Whether the state is kept over restarts, in cache.json beside the worker's config file. */
  readonly cached?: boolean;
  readonly network?: object;
}

/** A worker on a cloud's machine, with a lease so short that it is renewed at once, until the test lets it end. */
async function startLeased(t: TestContext, leased: Leased) {
  const { scenario, capabilities, onMessage = '', cached = false, network } = leased;
  const gate = await makeGate(t);
  const run = await startOnCloud(t, {
    scenario: { metadata: { delay: '0ms' }, ...scenario },
    worker: `${saysHello(...(capabilities ?? ['new-credentials', 'graceful-termination']))}
exec 3<&0
while read -r line; do
  token=\${line#*'"access-token":"'}
  grep -qF "\${token%%'"'*}" "$3" && echo 'its config file has them'
  ${onMessage}
  echo "got \${line#\\~}"
done <&3 &
${gate.wait}
kill $!
exit 0`,
    config: folder => ({
      getSecrets: false,
      ...(cached ? { cacheOverRestarts: join(folder, 'cache.json') } : {}),
      ...(network === undefined ? {} : { network }),
    }),
  });
  return Object.assign(run, {
    end: () => gate.open(),
    /** Resolves once the worker has got that many messages after its welcome. */
    gets: (count: number) => run.says(new RegExp(`( got .*"type":"(?!welcome)[^]*){${count}}`)),
    /** What the worker was told, without the welcome: of secrets the log holds none. */
    told: () =>
      Array.from(
        run.stderr.matchAll(/ got (\{.*\})$/gm),
        ([, text = '']) => JSON.parse(text) as JsonObject,
      ).filter(({ type }) => type !== 'welcome'),
  });
}

function renewals({ requests }: Simulator): readonly RecordedRequest[] {
  return requests.filter(({ call }) => call === 'reregisterWorker');
}

function secretsOf(simulator: Simulator): readonly unknown[] {
  return renewals(simulator).map(({ payload }) => (payload as JsonObject).secret);
}

void test('a machine of a cloud is removed with renewed credentials, when the first have ended', async t => {
  const run = await startLeased(t, { scenario: { lease: '6s' } });
  const { simulator } = run;
  // At once, then every 3 s.
  await run.gets(3);
  await run.end();
  const { code, log, removals } = await run.ended;
  assert.equal(code, 0, log);
  assert.deepEqual(removals, [200], log);
  const firstEnded = new Date(/registered; the credentials end at (\S+)/.exec(log)?.[1] ?? '');
  const removal = await simulator.waitFor('removeWorker');
  assert.ok(removal.time > firstEnded, log);
  assert.equal(new Set(secretsOf(simulator)).size, renewals(simulator).length, 'a secret was used twice');
  assert.deepEqual(new Set(renewals(simulator).map(({ status }) => status)), new Set([200]));
  assert.deepEqual(new Set(run.told().map(({ type }) => type)), new Set(['new-credentials']));
  assert.equal(log.match(/its config file has them/g)?.length, run.told().length, log);
  assert.doesNotMatch(log, /: (warning|error): .*credentials/);
});

void test('a renewal that fails for now is tried again with the same secret', async t => {
  const run = await startLeased(t, {
    scenario: {
      lease: '30s',
      faults: [
        { call: 'reregisterWorker', status: 503, times: 1 },
        { call: 'reregisterWorker', reset: true, times: 1 },
      ],
    },
  });
  const { simulator } = run;
  await run.gets(1);
  await run.end();
  const { code, log, removals } = await run.ended;
  assert.equal(code, 0, log);
  assert.deepEqual(removals, [200]);
  assert.deepEqual(
    renewals(simulator).map(({ status }) => status),
    [503, undefined, 200],
  );
  assert.equal(new Set(secretsOf(simulator)).size, 1);
  assert.match(log, /renewing the credentials, which end at .*Z$/m);
  assert.match(log, /warning: reregisterWorker .* 503.*next try in .*giving up in 1[3-5] s/);
  assert.match(log, /: renewed the credentials; they end at .*Z$/m);
  assert.match(log, /: told the worker of its new credentials$/m);
});

void test('a worker whose renewal is refused is asked to end, with one try and one message', async t => {
  const run = await startLeased(t, {
    scenario: { lease: '20s', faults: [{ call: 'reregisterWorker', status: 403, message: 'not for you' }] },
  });
  await run.gets(1);
  await run.end();
  const { code, log, removals } = await run.ended;
  assert.equal(code, 0, log);
  assert.equal(renewals(run.simulator).length, 1);
  assert.deepEqual(run.told(), [STOP_NOW]);
  assert.deepEqual(removals, [200]);
  assert.match(log, /error: the credentials cannot be renewed: .*not for you$/m);
  assert.match(log, /error: what to do: the secret works once/);
  assert.match(
    log,
    /warning: the worker was asked to end: its credentials end at .*Z; finish-tasks: false$/m,
  );
});

void test('a reply that was lost has used the secret: the next try is refused, and is the last', async t => {
  const run = await startLeased(t, {
    scenario: { lease: '20s', faults: [{ call: 'reregisterWorker', body: 'cut', times: 1 }] },
  });
  await run.gets(1);
  await run.end();
  const { log } = await run.ended;
  assert.deepEqual(
    renewals(run.simulator).map(({ status }) => status),
    [200, 400],
  );
  assert.deepEqual(run.told(), [STOP_NOW]);
  assert.match(log, /what to do: the secret works once: an earlier try may have arrived/);
});

void test('a worker never hears of credentials that could not be kept for the next start', async t => {
  const run = await startLeased(t, {
    scenario: { lease: '6s' },
    cached: true,
    // From the first renewal on the file cannot be replaced.
    onMessage: `cache=$(dirname "$3")/cache.json
      case $line in *access-token*) rm -f $cache; mkdir -p $cache/in-the-way;; esac`,
  });
  await run.says('"finish-tasks":false');
  await run.end();
  const { log, removals } = await run.ended;
  assert.deepEqual(run.told().at(-1), STOP_NOW);
  assert.equal(run.told().length, renewals(run.simulator).length, 'the newest credentials were told');
  assert.match(
    log,
    /could not be kept: cannot write cacheOverRestarts[^]*error: the credentials cannot be renewed: new ones/,
  );
  assert.deepEqual(removals, [200]);
});

void test('a worker that takes no new credentials is asked to end', async t => {
  const run = await startLeased(t, { scenario: { lease: '20s' }, capabilities: ['graceful-termination'] });
  await run.gets(1);
  await run.end();
  const { log } = await run.ended;
  assert.deepEqual(run.told(), [STOP_NOW]);
  assert.match(log, /it does not take new credentials, and the old end at/);
});

void test('services before v29 send no secret, and the worker is asked to end before its credentials do', async t => {
  const run = await startLeased(t, { scenario: { lease: '20s', version: 28 } });
  await run.gets(1);
  await run.end();
  const { log } = await run.ended;
  assert.equal(renewals(run.simulator).length, 0);
  assert.deepEqual(run.told(), [STOP_NOW]);
  assert.match(log, /cannot be renewed: worker-manager has sent no secret/);
});

void test('the credentials of a static worker are renewed too', async t => {
  const simulator = await simulate(t, { lease: '20s' });
  const gate = await makeGate(t);
  const run = await startWorkerRun(t, `${saysHello('new-credentials')}\n${gate.wait}`, {
    provider: staticProvider(simulator.rootUrl),
  });
  await run.says('told the worker of its new credentials');
  await gate.open();
  const { code } = await run.exited;
  assert.equal(code, 0);
  assert.equal(renewals(simulator).length, 1);
});

void test('a worker that ends while its credentials are renewed is removed with the new ones', async t => {
  const run = await startLeased(t, {
    scenario: { lease: '20s', faults: [{ call: 'reregisterWorker', delay: '2s', times: 1 }] },
    network: { retryFor: '30s', attemptTimeout: '15s' },
  });
  await run.simulator.waitFor('reregisterWorker');
  await run.end();
  const { log, removals } = await run.ended;
  assert.deepEqual(removals, [200]);
  assert.match(log, /the worker exited[^]*renewed the credentials[^]*removing this machine/);
  assert.deepEqual(run.told(), []);
});
