/** What a provider knows of registerWorker: which refusals may be gone in a moment, and where the identity proof comes from. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import type { RegistrationPatience } from '../../src/providers/provider.ts';
import type { RegisterRequest } from '../../src/taskcluster/taskcluster.ts';
import {
  type Answer,
  connectTo,
  refuse,
  REGISTRATION,
  type Rig,
  sendJson,
  startServer,
  type TestServer,
} from '../support/taskcluster-server.ts';

const CLOUD: RegistrationPatience = { unknownWorkerForMs: 120_000, refusedTries: 1 };
const AZURE: RegistrationPatience = { unknownWorkerForMs: 120_000, refusedTries: 3 };

const unknown: Answer = response => refuse(response, 404, 'ResourceNotFound', 'no such worker');
const badProof: Answer = response => refuse(response, 400, 'InputError', 'the document was not accepted');
const wrongShape: Answer = response => refuse(response, 400, 'InputValidationError', 'unknown key');
const trouble: Answer = response => refuse(response, 503, 'ProviderSetupFailed', 'later');
const welcome: Answer = response => sendJson(response, 200, REGISTRATION);

interface Registration extends Rig {
  readonly server: TestServer;
  /** Registers; the proof of try n is `{document: 'document-n'}`. */
  go(patience: RegistrationPatience, request?: Partial<RegisterRequest>): ReturnType<Rig['register']>;
  /** The RunnerError that ended the registration. */
  fails(patience: RegistrationPatience, request?: Partial<RegisterRequest>): Promise<RunnerError>;
}

/** A worker-manager that gives these answers in turn, the last one for ever. */
async function managerThat(t: TestContext, ...answers: readonly Answer[]): Promise<Registration> {
  const server = await startServer(t, (response, request, index) =>
    (answers[index] ?? answers.at(-1))?.(response, request, index),
  );
  const rig = connectTo(t, server.rootUrl);
  let proofs = 0;
  function go(patience: RegistrationPatience, request: Partial<RegisterRequest> = {}) {
    const prove = () => Promise.resolve({ document: `document-${(proofs += 1)}` });
    return rig.register({ prove, patience, ...request });
  }
  return {
    ...rig,
    server,
    go,
    async fails(patience, request) {
      const error: unknown = await go(patience, request).then(
        () => assert.fail('it was registered'),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof RunnerError, String(error));
      return error;
    },
  };
}

function documentsOf({ requests }: TestServer): readonly unknown[] {
  return requests.map(
    ({ body }) =>
      (JSON.parse(body) as { workerIdentityProof: { document: unknown } }).workerIdentityProof.document,
  );
}

test('a worker that is not known yet is waited for on a cloud', async t => {
  const manager = await managerThat(t, unknown, unknown, welcome);
  await manager.go(CLOUD);
  assert.equal(manager.server.requests.length, 3);
  assert.match(
    manager.warnings[0] ?? '',
    /404 ResourceNotFound.* \(try 1\); next try in 1 s, giving up in 2 min$/,
  );
});

test('a worker that stays unknown is given up two minutes after the first 404, long before network.retryFor', async t => {
  const manager = await managerThat(t, unknown);
  const error = await manager.fails(CLOUD);
  assert.equal(error.exit, 'refused');
  assert.match(error.message, /after \d+ tries in 1 min 55 s: the service refused it \(404/);
  assert.match(error.advice ?? '', /was it created by another deployment/);
});

test('the two minutes begin with the first 404, not with the trouble before it', async t => {
  const manager = await managerThat(t, ...Array<Answer>(8).fill(trouble), unknown);
  const error = await manager.fails(CLOUD);
  const before = manager.clock.sleeps.slice(0, 8).reduce((sum, ms) => sum + ms, 0);
  const after = manager.clock.sleeps.slice(8).reduce((sum, ms) => sum + ms, 0);
  assert.equal(before, 106_000);
  assert.equal(after, 115_000);
  assert.match(error.message, /404/);
});

test('a worker that was unknown for long is still waited for while the service has trouble', async t => {
  // 106 s of 404s; then trouble, which has the patience of network.retryFor.
  const manager = await managerThat(t, ...Array<Answer>(8).fill(unknown), trouble, trouble, trouble, welcome);
  await manager.go(CLOUD);
  assert.equal(manager.server.requests.length, 12);
});

test('a shorter network.retryFor also ends the wait for an unknown worker', async t => {
  const server = await startServer(t, unknown);
  const rig = connectTo(t, server.rootUrl, { network: { retryForMs: 30_000, attemptTimeoutMs: 5000 } });
  await assert.rejects(rig.register({ patience: CLOUD }), { message: /tries in 25 s: .*404/ });
});

test('a refused document is tried three times on azure, each time with a new one', async t => {
  const manager = await managerThat(t, badProof);
  const error = await manager.fails(AZURE);
  assert.match(error.message, /after 3 tries in .*\(400 InputError\): the document was not accepted$/);
  assert.deepEqual(documentsOf(manager.server), ['document-1', 'document-2', 'document-3']);
  assert.match(manager.warnings[0] ?? '', /\(try 1 of 3\); next try in 1 s$/);
  assert.match(manager.warnings[1] ?? '', /\(try 2 of 3\)/);
  assert.equal(manager.warnings.length, 2);
});

test('a document that the service accepts at the second try registers the worker', async t => {
  const manager = await managerThat(t, badProof, welcome);
  await manager.go(AZURE);
  assert.deepEqual(documentsOf(manager.server), ['document-1', 'document-2']);
});

test('trouble of the service does not use up the tries of a refused document', async t => {
  const manager = await managerThat(t, trouble, trouble, trouble, badProof, badProof, welcome);
  await manager.go(AZURE);
  assert.equal(manager.server.requests.length, 6);
  assert.match(manager.warnings[3] ?? '', /\(try 1 of 3\)/);
});

test('a refused proof is final where no new one would help', async t => {
  const manager = await managerThat(t, badProof);
  const error = await manager.fails(CLOUD);
  assert.equal(manager.server.requests.length, 1);
  assert.equal(error.advice, 'the advice of the provider');
});

test('a schema refusal is no refused document: without the boot time, and then final', async t => {
  const manager = await managerThat(t, wrongShape);
  await manager.fails(AZURE, { systemBootTime: new Date() });
  assert.deepEqual(documentsOf(manager.server), ['document-1', 'document-2']);
  assert.deepEqual(manager.clock.sleeps, []);
});

test('an identity proof takes its own time: neither that of a try nor that of the call', async t => {
  const manager = await managerThat(t, trouble, welcome);
  // The clock of the test is moved by an hour for each proof.
  const never = new AbortController().signal;
  const prove = async () => {
    await manager.clock.sleep(3_600_000, never);
    return { document: 'late' };
  };
  await manager.go(CLOUD, { prove });
  assert.equal(manager.server.requests.length, 2);
  assert.match(manager.warnings[0] ?? '', /giving up in (10 min|9 min 59 s)$/);
});

test('a proof that does not come is not blamed on Taskcluster', async t => {
  const server = await startServer(t, welcome);
  const rig = connectTo(t, server.rootUrl, { network: { retryForMs: 600_000, attemptTimeoutMs: 50 } });
  const silence = new RunnerError('metadata.silent', 'the metadata service is silent', { exit: 'metadata' });
  // Longer than a try of the call may take.
  const prove = () => new Promise<never>((_resolve, reject) => setTimeout(reject, 200, silence));
  await assert.rejects(rig.register({ prove }), silence);
  assert.equal(server.requests.length, 0);
  assert.deepEqual(rig.warnings, []);
});

test('a proof that fails at a later try ends the registration with its own error', async t => {
  const manager = await managerThat(t, badProof);
  const silence = new RunnerError('metadata.silent', 'the metadata service is silent', { exit: 'metadata' });
  let asked = 0;
  const prove = () => ((asked += 1) === 1 ? Promise.resolve({ document: 'one' }) : Promise.reject(silence));
  await assert.rejects(manager.go(AZURE, { prove }), silence);
  assert.equal(manager.server.requests.length, 1);
});
