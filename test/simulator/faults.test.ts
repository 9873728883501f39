import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { test, type TestContext } from 'node:test';
import type { ScenarioFault, Simulator } from '../../src/simulator/index.ts';
import { client, register, registration, simulate } from '../support/simulator.ts';

const SECRET = { 'worker-pool:demo/laptop': { config: { key: 'value' } } };

function simulateFaults(t: TestContext, ...faults: ScenarioFault[]): Promise<Simulator> {
  return simulate(t, { secrets: SECRET, faults });
}

async function ping(simulator: Simulator): Promise<Response> {
  return fetch(`${simulator.rootUrl}/api/secrets/v1/ping`);
}

test('a call fails as often as told, after as many good ones as told', async t => {
  const simulator = await simulateFaults(t, { call: 'ping', after: 1, times: 2, status: 503 });
  const statuses: number[] = [];
  for (let count = 0; count < 4; count++) statuses.push((await ping(simulator)).status);
  assert.deepEqual(statuses, [200, 503, 503, 200]);
});

test('faults of one call happen one after the other, and other calls are spared', async t => {
  const simulator = await simulateFaults(
    t,
    { call: 'ping', times: 1, status: 500 },
    { call: 'ping', times: 1, status: 429, code: 'TooManyRequests', message: 'slow down' },
  );
  assert.equal((await register(simulator)).secret.length, 44);
  assert.equal((await ping(simulator)).status, 500);
  const second = await ping(simulator);
  assert.equal(second.status, 429);
  const body = (await second.json()) as { code: string; message: string };
  assert.equal(body.code, 'TooManyRequests');
  assert.match(body.message, /^slow down\n\n---\n\n/);
  assert.equal((await ping(simulator)).status, 200);
});

test('a status alone gets the code that Taskcluster uses with it', async t => {
  const simulator = await simulateFaults(t, { call: 'registerWorker', times: 1, status: 404 });
  await assert.rejects(register(simulator), { statusCode: 404, code: 'ResourceNotFound' });
});

test('an answer becomes a web page, nothing, or JSON of another shape, after the call was carried out', async t => {
  const simulator = await simulateFaults(
    t,
    { call: 'ping', times: 1, body: 'html' },
    { call: 'ping', times: 1, body: 'empty' },
    { call: 'ping', times: 1, body: 'wrong-shape' },
    { call: 'ping', times: 1, body: 'html', status: 502 },
  );
  const page = await ping(simulator);
  assert.match(page.headers.get('content-type') ?? '', /text\/html/);
  assert.match(await page.text(), /<html>/);
  assert.equal(await (await ping(simulator)).text(), '');
  assert.deepEqual(Object.keys((await (await ping(simulator)).json()) as object), ['answer']);
  assert.equal((await ping(simulator)).status, 502);
});

test('a cut answer ends in the middle', async t => {
  const simulator = await simulateFaults(t, { call: 'ping', body: 'cut' });
  const response = await ping(simulator);
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
});

test('an answer that was lost has used the registration secret up', async t => {
  const simulator = await simulateFaults(t, { call: 'reregisterWorker', times: 1, body: 'cut' });
  const { credentials, secret } = await register(simulator);
  const workerManager = await client('WorkerManager', simulator.rootUrl, { credentials });
  const request = { workerPoolId: 'demo/laptop', workerGroup: 'my-desk', workerId: 'laptop-1', secret };
  await assert.rejects(workerManager.reregisterWorker(request));
  await assert.rejects(workerManager.reregisterWorker(request), { statusCode: 400, code: 'InputError' });
});

test('a reset tears the connection down, and a hanging call is never answered', async t => {
  const simulator = await simulateFaults(
    t,
    { call: 'ping', times: 1, reset: true },
    { call: 'ping', hang: true },
  );
  const torn = get(`${simulator.rootUrl}/api/secrets/v1/ping`);
  const [error] = (await once(torn, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');

  const impatient = new AbortController();
  const hanging = fetch(`${simulator.rootUrl}/api/secrets/v1/ping`, { signal: impatient.signal });
  const noted = await simulator.waitFor('ping', 2);
  assert.equal(noted.status, undefined);
  impatient.abort();
  await assert.rejects(hanging, { name: 'AbortError' });
});

test('a simulator with hanging and delayed calls closes at once', async t => {
  const simulator = await simulateFaults(
    t,
    { call: 'ping', times: 1, hang: true },
    { call: 'ping', delay: '1h' },
  );
  const calls = [ping(simulator), ping(simulator)];
  const failed = Promise.all(calls.map(call => assert.rejects(call)));
  await simulator.waitFor('ping', 2);
  await simulator.close();
  await failed;
});

test('a client that does not wait for a slow answer does no harm', async t => {
  const simulator = await simulateFaults(t, { call: 'ping', times: 1, delay: '50ms' });
  const impatient = new AbortController();
  const slow = fetch(`${simulator.rootUrl}/api/secrets/v1/ping`, { signal: impatient.signal });
  await simulator.waitFor('ping');
  impatient.abort();
  await assert.rejects(slow);
  assert.equal((await ping(simulator)).status, 200);
});

test('an answer is held back at least as long as told', async t => {
  const simulator = await simulate(t, { delay: '30ms', faults: [{ call: 'ping', delay: '40ms' }] });
  const start = performance.now();
  await ping(simulator);
  assert.ok(performance.now() - start >= 69);
});

test('a service whose clock is wrong dates its answers so, and refuses signatures', async t => {
  const simulator = await simulateFaults(t);
  const { credentials } = await register(simulator);
  const secrets = await client('Secrets', simulator.rootUrl, { credentials });
  simulator.setFaults([{ clock: '+5m' }]);
  await assert.rejects(secrets.get('worker-pool:demo/laptop'), {
    statusCode: 401,
    message: /Stale timestamp/,
  });
  const date = Date.parse((await ping(simulator)).headers.get('date') ?? '');
  assert.ok(date > Date.now() + 4 * 60_000);
  simulator.setFaults([{ clock: '-5m' }]);
  await assert.rejects(secrets.get('worker-pool:demo/laptop'), { statusCode: 401 });
  simulator.setFaults([]);
  assert.deepEqual((await secrets.get('worker-pool:demo/laptop')).secret, { config: { key: 'value' } });
});

test('credentials are issued expired, or refused as expired', async t => {
  const simulator = await simulateFaults(t, { call: 'registerWorker', times: 1, credentials: 'expired' });
  const stale = await register(simulator);
  assert.ok(Date.parse(stale.expires) < Date.now());
  const secrets = await client('Secrets', simulator.rootUrl, { credentials: stale.credentials });
  await assert.rejects(secrets.get('worker-pool:demo/laptop'), { statusCode: 401, message: /expired/ });

  const { credentials } = await register(simulator);
  simulator.setFaults([{ call: 'getSecret', times: 1, credentials: 'expired' }]);
  const fresh = await client('Secrets', simulator.rootUrl, { credentials });
  await assert.rejects(fresh.get('worker-pool:demo/laptop'), { statusCode: 401 });
  assert.deepEqual((await fresh.get('worker-pool:demo/laptop')).secret, { config: { key: 'value' } });
});

test('a fault may befall anything, also what no route answers', async t => {
  const simulator = await simulateFaults(t, { status: 503 });
  assert.equal((await fetch(simulator.rootUrl)).status, 503);
  assert.equal((await ping(simulator)).status, 503);
  await assert.rejects((await client('WorkerManager', simulator.rootUrl)).registerWorker(registration()), {
    statusCode: 503,
  });
});

test('a fault may name a part of the path, such as one of two secrets', async t => {
  const simulator = await simulateFaults(t, { call: 'getSecret', path: 'worker-type', status: 503 });
  const { credentials } = await register(simulator);
  const secrets = await client('Secrets', simulator.rootUrl, { credentials });
  await assert.rejects(secrets.get('worker-type:demo/laptop'), { statusCode: 503 });
  assert.deepEqual((await secrets.get('worker-pool:demo/laptop')).secret, { config: { key: 'value' } });
});
