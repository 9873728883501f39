/** Each call of Taskcluster when it is not answered as it should be: for a moment, or for ever. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ExitCodeName } from '../../src/exit-codes.ts';
import type { RecordedRequest, ScenarioFault } from '../../src/simulator/index.ts';
import { assertNoSecrets } from '../support/boot.ts';
import { type CloudBoot, bootOnCloud, refusalOf, warningsOf } from '../support/cloud-boot.ts';
import { NOT_HALTED } from '../support/cloud-machine.ts';
import { MACHINES } from '../support/simulator.ts';
import { hello, writes } from '../support/worker-run.ts';

type Call = Exclude<NonNullable<ScenarioFault['call']>, 'any' | 'ping' | 'metadata'>;
type Misfortune = Omit<ScenarioFault, 'call' | 'path'>;
interface Endpoint {
  readonly call: Call;
  readonly path?: string;
}

const ENDPOINTS = {
  registerWorker: { call: 'registerWorker' },
  'the secret of the worker type': { call: 'getSecret', path: 'worker-type' },
  'the secret of the worker pool': { call: 'getSecret', path: 'worker-pool' },
  reregisterWorker: { call: 'reregisterWorker' },
  reportWorkerError: { call: 'reportWorkerError' },
  removeWorker: { call: 'removeWorker' },
} as const satisfies Readonly<Record<string, Endpoint>>;
type Name = keyof typeof ENDPOINTS;

const POOL = MACHINES.aws.workerPoolId;
const HUSH = 'a-secret-of-the-test-that-nobody-sees';

/** It reports an error, and ends with its first renewal, or with word that there is none. */
const WORKER = `cp "$3" "$3.seen"
${writes(
  hello('error-report', 'new-credentials', 'graceful-termination'),
  '~{"type":"error-report","kind":"disk","title":"no disk","description":"There is none."}',
)}
while read -r line; do
  case $line in *'"type":"welcome"'*) ;; *) echo "got \${line#\\~}"; exit 68;; esac
done`;

/** Boots a machine on which the same befalls each of these, each by itself; all six are called in one run. */
async function bootWith(
  t: Parameters<typeof bootOnCloud>[0],
  names: readonly Name[],
  misfortune: Misfortune,
  { lease, network }: { readonly lease: string; readonly network: object },
): Promise<CloudBoot> {
  const boot = await bootOnCloud(t, {
    scenario: {
      lease,
      faults: names.map(name => ({ ...ENDPOINTS[name], ...misfortune })),
      secrets: {
        [`worker-type:${POOL}`]: { config: { fromType: true } },
        [`worker-pool:${POOL}`]: { config: { apiToken: HUSH } },
      },
    },
    worker: WORKER,
    // Short only where it is what the test waits for: the machine of the test may be busy.
    config: () => ({ network: { attemptTimeout: misfortune.hang === true ? '2s' : '10s', ...network } }),
  });
  const token = boot.workerConfig?.accessToken;
  assertNoSecrets(boot.log, HUSH, ...(typeof token === 'string' ? [token] : []));
  return boot;
}

function requestsOf({ simulator }: CloudBoot, name: Name): readonly RecordedRequest[] {
  const { call, path = '' }: Endpoint = ENDPOINTS[name];
  return simulator.requests.filter(request => request.call === call && request.path.includes(path));
}

const NAMES = Object.keys(ENDPOINTS) as Name[];

/** How often each call is made in all, besides what the fault is. */
const PASSING: Readonly<Record<string, { readonly misfortune: Misfortune; readonly tries: number }>> = {
  'fails once': { misfortune: { status: 500, times: 1 }, tries: 2 },
  'fails twice': { misfortune: { status: 503, times: 2 }, tries: 3 },
  'is a web page of a gateway once': { misfortune: { status: 502, body: 'html', times: 1 }, tries: 2 },
  'drops the connection once': { misfortune: { reset: true, times: 1 }, tries: 2 },
  'says nothing once': { misfortune: { hang: true, times: 1 }, tries: 2 },
  'is slow': { misfortune: { delay: '700ms' }, tries: 1 },
};

const PATIENT = { lease: '30s', network: { retryFor: '30s' } };

void suite('a Taskcluster', { concurrency: 6 }, () => {
  for (const [how, { misfortune, tries }] of Object.entries(PASSING)) {
    void test(`each call of which ${how} costs nothing but time`, async t => {
      const boot = await bootWith(t, NAMES, misfortune, PATIENT);
      const { code, log, removals, reports, workerConfig } = boot;
      assert.equal(code, 68, log);
      assert.equal(workerConfig?.fromType, true);
      assert.equal(workerConfig.apiToken, HUSH);
      assert.match(log, / got \{"type":"new-credentials"/);
      assert.equal(reports.length, 1);
      assert.equal(removals.filter(status => status === 200).length, 1, log);
      for (const name of NAMES) {
        assert.equal(requestsOf(boot, name).length, tries, `${name}:\n${log}`);
      }
      // One a retry; but where a kept connection turns out to be closed there is nothing to tell.
      const retries = warningsOf(boot).filter(line => line.includes('; next try in '));
      assert.ok(retries.length <= NAMES.length * (tries - 1), log);
      if (misfortune.reset === undefined) assert.equal(retries.length, NAMES.length * (tries - 1), log);
      assert.doesNotMatch(log, /: error: /);
    });
  }
});

/** What stays, and the exit code of a boot that it ends. */
const LASTING: Readonly<
  Record<string, { readonly misfortune: Misfortune; readonly exit: ExitCodeName; readonly said: RegExp }>
> = {
  'fails for ever': { misfortune: { status: 500 }, exit: 'unreachable', said: /the service answered 500/ },
  'drops each connection': {
    misfortune: { reset: true },
    exit: 'unreachable',
    said: /closed the connection without a reply/,
  },
  'never answers': { misfortune: { hang: true }, exit: 'unreachable', said: /no reply in/ },
  'is always cut off': { misfortune: { body: 'cut' }, exit: 'badReply', said: /was cut off after \d+ bytes/ },
  'is a web page': {
    misfortune: { body: 'html' },
    exit: 'badReply',
    said: /the reply \(200\) is text\/html/,
  },
  'is empty': { misfortune: { body: 'empty' }, exit: 'badReply', said: /the reply \(200\) is empty/ },
  'is something else': {
    misfortune: { body: 'wrong-shape' },
    exit: 'badReply',
    said: /the reply is not that of/,
  },
};

const IMPATIENT = { lease: '16s', network: { retryFor: '6s' } };

void suite('a Taskcluster for ever', { concurrency: 6 }, () => {
  for (const [how, { misfortune, exit, said }] of Object.entries(LASTING)) {
    void test(`whose registerWorker ${how} ends the boot, and a machine that is no worker is halted`, async t => {
      const boot = await bootWith(t, ['registerWorker'], misfortune, IMPATIENT);
      assert.match(refusalOf(boot, exit), said);
      assert.deepEqual(boot.removals, []);
      assert.ok(boot.log.includes(NOT_HALTED), boot.log);
    });

    for (const name of ['the secret of the worker type', 'the secret of the worker pool'] as const) {
      void test(`of which ${name} ${how} ends the boot, and the machine is removed`, async t => {
        const boot = await bootWith(t, [name], misfortune, { ...IMPATIENT, lease: '1h' });
        assert.match(refusalOf(boot, exit), said);
        assert.deepEqual(boot.removals, [200]);
      });
    }

    void test(`whose reregisterWorker ${how} has its worker asked to end while its credentials are good`, async t => {
      const boot = await bootWith(t, ['reregisterWorker'], misfortune, IMPATIENT);
      const { code, log, removals } = boot;
      assert.equal(code, 68, log);
      assert.match(log, / got \{"type":"graceful-termination","finish-tasks":false\}/);
      assert.deepEqual(removals, [200], log);
      const secrets = requestsOf(boot, 'reregisterWorker').map(
        ({ payload }) => (payload as { secret: unknown }).secret,
      );
      assert.equal(new Set(secrets).size, 1);
      assert.match(log, said);
      assert.match(log, /error: the credentials cannot be renewed: /);
      assert.doesNotMatch(log, / got \{"type":"new-credentials"/);
    });

    if (misfortune.body === 'wrong-shape') continue;

    void test(`whose reportWorkerError ${how} keeps no machine from its end`, async t => {
      const boot = await bootWith(t, ['reportWorkerError'], misfortune, { ...IMPATIENT, lease: '30s' });
      const { code, log, removals } = boot;
      assert.equal(code, 68, log);
      assert.deepEqual(removals, [200], log);
      assert.match(log, said);
      assert.match(log, /error: the worker's error report did not arrive: .*title: no disk/);
    });

    void test(`whose removeWorker ${how} has the machine halt itself`, async t => {
      const boot = await bootWith(t, ['removeWorker'], misfortune, { ...IMPATIENT, lease: '30s' });
      const { code, log } = boot;
      assert.equal(code, 68, log);
      assert.match(log, said);
      assert.match(log, /error: this machine was not removed: removeWorker at /);
      assert.ok(log.includes(NOT_HALTED), log);
    });
  }
});

void suite('a Taskcluster that has acted', { concurrency: 3 }, () => {
  void test('whose reply to registerWorker is lost on its way refuses the machine, which is halted', async t => {
    const boot = await bootWith(t, ['registerWorker'], { body: 'cut', times: 1 }, PATIENT);
    assert.match(
      refusalOf(boot, 'refused'),
      /registerWorker at .* failed after 2 tries .*the service refused it/,
    );
    assert.ok(boot.log.includes(NOT_HALTED), boot.log);
  });

  void test('whose reply to removeWorker or reportWorkerError is any JSON is taken at its word: they have none', async t => {
    const misfortune = { body: 'wrong-shape' } as const;
    const boot = await bootWith(t, ['reportWorkerError', 'removeWorker'], misfortune, PATIENT);
    assert.equal(boot.code, 68, boot.log);
    assert.match(boot.log, /reported the worker's error: no disk/);
    assert.match(boot.log, /removeWorker was accepted/);
    assert.doesNotMatch(boot.log, /: error: /);
  });

  void test('and has lost its reply once to each call that may be repeated is asked again', async t => {
    const names = NAMES.filter(name => name !== 'registerWorker' && name !== 'reregisterWorker');
    const boot = await bootWith(t, names, { body: 'cut', times: 1 }, PATIENT);
    const { code, log, reports, workerConfig } = boot;
    assert.equal(code, 68, log);
    assert.equal(workerConfig?.apiToken, HUSH);
    for (const name of names) assert.equal(requestsOf(boot, name).length, 2, `${name}:\n${log}`);
    // Told twice is better than never.
    assert.equal(reports.length, 2);
    assert.doesNotMatch(log, /: error: /);
  });
});
