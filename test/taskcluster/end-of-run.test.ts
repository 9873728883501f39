/** The calls at the end of a run: there is less time for them than at boot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectTo, refuse, sendJson, startServer } from '../support/taskcluster-server.ts';

const REPORT = { kind: 'worker-error', title: 'title', description: 'text', extra: {} };

test('a removal that keeps failing is given up after the minute that it has, and is no refusal', async t => {
  const server = await startServer(t, response => refuse(response, 500, 'InternalServerError', 'oops'));
  const { taskcluster, identity, clock } = connectTo(t, server.rootUrl);
  const removal = taskcluster.removeWorker(identity, AbortSignal.timeout(20_000), { retryForMs: 60_000 });
  await assert.rejects(removal, {
    exit: 'unreachable',
    message: /^removeWorker at .* failed after 7 tries in 55 s: the service answered 500/,
  });
  assert.equal(clock.elapsed(), 55_000);
});

test('a removal that is refused is not tried again, and says so', async t => {
  const server = await startServer(t, response => refuse(response, 403, 'InsufficientScopes', 'no scopes'));
  const { taskcluster, identity } = connectTo(t, server.rootUrl);
  const removal = taskcluster.removeWorker(identity, AbortSignal.timeout(20_000), { retryForMs: 60_000 });
  await assert.rejects(removal, { exit: 'refused', message: /403 InsufficientScopes\): no scopes$/ });
  assert.equal(server.requests.length, 1);
});

test('a removal that is accepted at a later try is done', async t => {
  const server = await startServer(t, (response, _request, index) => {
    if (index < 2) refuse(response, 503, 'Later', 'later');
    else sendJson(response, 200, {});
  });
  const { taskcluster, identity } = connectTo(t, server.rootUrl);
  await taskcluster.removeWorker(identity, AbortSignal.timeout(20_000), { retryForMs: 60_000 });
  assert.equal(server.requests.length, 3);
});

test('a removal that nobody answers ends with its time, however long a try may take otherwise', async t => {
  const server = await startServer(t, () => undefined);
  const network = { retryForMs: 600_000, attemptTimeoutMs: 300_000 };
  const { taskcluster, identity } = connectTo(t, server.rootUrl, { network });
  const removal = taskcluster.removeWorker(identity, AbortSignal.timeout(20_000), { retryForMs: 200 });
  await assert.rejects(removal, { exit: 'unreachable', message: /no reply in 0\.2 s/ });
});

test('an error report at the end of a run has ten seconds, where the user granted none to retries', async t => {
  const server = await startServer(t, response => refuse(response, 500, 'InternalServerError', 'oops'));
  const network = { retryForMs: 0, attemptTimeoutMs: 5000 };
  const { taskcluster, identity, clock } = connectTo(t, server.rootUrl, { network });
  const signal = AbortSignal.timeout(20_000);
  const report = taskcluster.reportWorkerError(identity, REPORT, signal, { retryForMs: 10_000 });
  await assert.rejects(report, { exit: 'unreachable' });
  assert.ok(clock.elapsed() <= 10_000 && server.requests.length > 2, `${server.requests.length} tries`);
});
