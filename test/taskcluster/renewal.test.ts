/** reregisterWorker: its secret works once, and there may be hours in which what fails can be mended. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  type Answer,
  connectTo,
  refuse,
  REGISTRATION,
  sendJson,
  startServer,
} from '../support/taskcluster-server.ts';

const RETRY_FOR_MS = 25 * 60_000;

test('a renewal is tried again after every answer that is not the service’s own no', async t => {
  const bad: readonly Answer[] = [
    response => refuse(response, 503, 'Later', 'later'),
    response => refuse(response, 429, 'TooMany', 'later'),
    response => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>log in</p>'),
    response => response.writeHead(404, { 'content-type': 'text/html' }).end('<p>no such page</p>'),
    response => response.writeHead(302, { location: 'https://login.example.com' }).end(),
    response => sendJson(response, 200, {}),
    response => response.writeHead(200).end(),
    response => sendJson(response, 200, { ...REGISTRATION, secret: '' }),
    response => sendJson(response, 200, { ...REGISTRATION, expires: 'soon' }),
  ];
  const server = await startServer(t, (response, request, index) => {
    const answer = bad[index];
    if (answer === undefined) sendJson(response, 200, REGISTRATION);
    else answer(response, request, index);
  });
  const { taskcluster, identity } = connectTo(t, server.rootUrl);
  const options = { retryForMs: RETRY_FOR_MS };
  const renewal = await taskcluster.reregisterWorker(identity, 'once', AbortSignal.timeout(20_000), options);
  assert.equal(renewal.secret, REGISTRATION.secret);
  assert.equal(server.requests.length, bad.length + 1);
  assert.equal(new Set(server.requests.map(({ body }) => body)).size, 1);
});

test('a renewal ends with the time that it has', async t => {
  const server = await startServer(t, response => sendJson(response, 200, {}));
  const { taskcluster, identity, clock } = connectTo(t, server.rootUrl);
  const options = { retryForMs: RETRY_FOR_MS };
  const renewal = taskcluster.reregisterWorker(identity, 'once', AbortSignal.timeout(20_000), options);
  await assert.rejects(renewal, { exit: 'badReply', message: /after \d+ tries in 24 min 55 s/ });
  assert.ok(clock.elapsed() <= RETRY_FOR_MS);
});

for (const status of [400, 401, 403, 404, 409]) {
  test(`a renewal that the service answers with ${status} is not tried again`, async t => {
    const server = await startServer(t, response => refuse(response, status, 'No', 'no'));
    const { taskcluster, identity } = connectTo(t, server.rootUrl);
    const options = { retryForMs: RETRY_FOR_MS };
    const renewal = taskcluster.reregisterWorker(identity, 'once', AbortSignal.timeout(20_000), options);
    await assert.rejects(renewal, { exit: 'refused' });
    assert.equal(server.requests.filter(({ path }) => path.includes('reregister')).length, 1);
  });
}

test('where no other try shall begin, the one that is under way is heard out', async t => {
  const asked = new EventTarget();
  const answers: (() => void)[] = [];
  const server = await startServer(t, response => {
    answers.push(() => sendJson(response, 200, REGISTRATION));
    asked.dispatchEvent(new Event('asked'));
  });
  const { taskcluster, identity } = connectTo(t, server.rootUrl);
  const noMoreTries = new AbortController();
  const first = once(asked, 'asked');
  const renewal = taskcluster.reregisterWorker(identity, 'once', AbortSignal.timeout(20_000), {
    retryForMs: RETRY_FOR_MS,
    noMoreTries: noMoreTries.signal,
  });
  await first;
  noMoreTries.abort(new Error('enough'));
  answers[0]?.();
  assert.equal((await renewal).secret, REGISTRATION.secret);
});

test('where no other try shall begin, one that fails is the last', async t => {
  const noMoreTries = new AbortController();
  const server = await startServer(t, response => {
    noMoreTries.abort(new Error('enough'));
    refuse(response, 503, 'Later', 'later');
  });
  const { taskcluster, identity } = connectTo(t, server.rootUrl);
  const renewal = taskcluster.reregisterWorker(identity, 'once', AbortSignal.timeout(20_000), {
    retryForMs: RETRY_FOR_MS,
    noMoreTries: noMoreTries.signal,
  });
  await assert.rejects(renewal, { exit: 'unreachable' });
  assert.equal(server.requests.length, 1);
});
