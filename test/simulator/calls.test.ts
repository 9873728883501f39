import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, register, registration, simulate, WORKER } from '../support/simulator.ts';

const IDENTITY = {
  workerPoolId: WORKER.workerPoolId,
  workerGroup: WORKER.workerGroup,
  workerId: WORKER.workerId,
};
const REPORT = {
  workerGroup: WORKER.workerGroup,
  workerId: WORKER.workerId,
  kind: 'worker-error',
  title: 'Out of paper',
  description: 'The printer has no paper.',
  extra: { tray: 2 },
};

test('a static worker registers, reads its secret, reports an error, renews its credentials and goes', async t => {
  const simulator = await simulate(t, {
    workerPools: { 'demo/laptop': { workerConfig: { genericWorker: { config: { a: 1 } } } } },
    secrets: { 'worker-pool:demo/laptop': { config: { b: 2 } } },
  });
  const lease = await register(simulator);
  assert.deepEqual(lease.workerConfig, { genericWorker: { config: { a: 1 } } });
  assert.equal(lease.secret.length, 44);
  assert.ok(Date.parse(lease.expires) > Date.now() + 95 * 3_600_000);

  const { credentials } = lease;
  const secrets = await client('Secrets', simulator.rootUrl, { credentials });
  assert.deepEqual((await secrets.get('worker-pool:demo/laptop')).secret, { config: { b: 2 } });

  const workerManager = await client('WorkerManager', simulator.rootUrl, { credentials });
  assert.deepEqual(await workerManager.ping().then(pong => (pong as { alive: boolean }).alive), true);
  const reported = (await workerManager.reportWorkerError(WORKER.workerPoolId, REPORT)) as { kind: string };
  assert.equal(reported.kind, 'worker-error');

  const renewed = await workerManager.reregisterWorker({ ...IDENTITY, secret: lease.secret });
  assert.notEqual(renewed.secret, lease.secret);
  assert.notEqual(renewed.credentials.accessToken, credentials.accessToken);

  const renewedManager = await client('WorkerManager', simulator.rootUrl, {
    credentials: renewed.credentials,
  });
  assert.deepEqual(
    await renewedManager.removeWorker(WORKER.workerPoolId, WORKER.workerGroup, WORKER.workerId),
    {},
  );
  await assert.rejects(register(simulator), { statusCode: 400, code: 'InputError', message: /was removed/ });
  assert.deepEqual(
    simulator.requests.map(({ call, status }) => `${call} ${status}`),
    [
      'registerWorker 200',
      'getSecret 200',
      'ping 200',
      'reportWorkerError 200',
      'reregisterWorker 200',
      'removeWorker 200',
      'registerWorker 400',
    ],
  );
});

test('a registration secret works once, and never again', async t => {
  const simulator = await simulate(t);
  const { credentials, secret } = await register(simulator);
  const workerManager = await client('WorkerManager', simulator.rootUrl, { credentials });
  await workerManager.reregisterWorker({ ...IDENTITY, secret });
  await assert.rejects(workerManager.reregisterWorker({ ...IDENTITY, secret }), {
    statusCode: 400,
    code: 'InputError',
  });
  await assert.rejects(workerManager.reregisterWorker({ ...IDENTITY, secret }), {
    statusCode: 400,
    code: 'InputError',
  });
});

test('who is unknown gets 404, and who proves it wrongly 400', async t => {
  const simulator = await simulate(t);
  const workerManager = await client('WorkerManager', simulator.rootUrl);
  const refused = async (changes: object, expected: object): Promise<void> =>
    assert.rejects(workerManager.registerWorker(registration(changes)), expected);
  await refused({ workerPoolId: 'demo/other' }, { statusCode: 404, code: 'ResourceNotFound' });
  await refused({ workerId: 'laptop-2' }, { statusCode: 404, code: 'ResourceNotFound' });
  await refused({ providerId: 'aws' }, { statusCode: 400, code: 'InputError' });
  await refused({ workerIdentityProof: { staticSecret: 'wrong' } }, { statusCode: 400, code: 'InputError' });
  await refused({ workerIdentityProof: {} }, { statusCode: 400, code: 'InputError' });
  await refused({ surprise: 1 }, { statusCode: 400, code: 'InputValidationError', message: /surprise/ });
});

test('the boot time is known to new services and refused by old ones, which send no registration secret', async t => {
  const systemBootTime = new Date().toISOString();
  const now = await client('WorkerManager', (await simulate(t)).rootUrl);
  assert.equal((await now.registerWorker(registration({ systemBootTime }))).secret.length, 44);

  const v28 = await client('WorkerManager', (await simulate(t, { version: 28 })).rootUrl);
  await assert.rejects(v28.registerWorker(registration({ systemBootTime })), {
    statusCode: 400,
    code: 'InputValidationError',
    message: /systemBootTime/,
  });
  const lease = await v28.registerWorker(registration());
  assert.equal(lease.secret, undefined);
});

test('a worker may do what its scopes say, and nothing in the name of another', async t => {
  const simulator = await simulate(t, { secrets: { 'worker-pool:other/pool': {} } });
  const { credentials } = await register(simulator);
  const secrets = await client('Secrets', simulator.rootUrl, { credentials });
  await assert.rejects(secrets.get('worker-pool:other/pool'), {
    statusCode: 403,
    code: 'InsufficientScopes',
  });
  const workerManager = await client('WorkerManager', simulator.rootUrl, { credentials });
  await assert.rejects(workerManager.removeWorker('demo/laptop', 'my-desk', 'laptop-2'), { statusCode: 403 });
  await assert.rejects(workerManager.reportWorkerError('demo/laptop', { ...REPORT, workerId: 'laptop-2' }), {
    statusCode: 403,
  });
  const limited = await client('Secrets', simulator.rootUrl, {
    credentials,
    authorizedScopes: ['queue:claim-work:demo/laptop'],
  });
  await assert.rejects(limited.get('worker-pool:demo/laptop'), { statusCode: 403 });
  const nobody = await client('Secrets', simulator.rootUrl);
  await assert.rejects(nobody.get('worker-pool:demo/laptop'), {
    statusCode: 403,
    code: 'InsufficientScopes',
  });
});

test('credentials that were changed, revoked, or have expired are refused with 401', async t => {
  let now = Date.now();
  const simulator = await simulate(t, { lease: '30s' }, { now: () => now });
  const { credentials } = await register(simulator);
  const ask = async (changes: object): Promise<unknown> =>
    (await client('Secrets', simulator.rootUrl, { credentials: { ...credentials, ...changes } })).get(
      'worker-pool:demo/laptop',
    );
  const unauthorized = { statusCode: 401, code: 'AuthenticationFailed' };

  await assert.rejects(ask({}), { statusCode: 404 });
  await assert.rejects(ask({ accessToken: 'x'.repeat(44) }), unauthorized);
  await assert.rejects(ask({ clientId: 'worker/somebody/else' }), unauthorized);
  const longer = (credentials.certificate ?? '').replace(/"expiry":\d/, '"expiry":9');
  await assert.rejects(ask({ certificate: longer }), unauthorized);
  now += 31_000;
  await assert.rejects(ask({}), { ...unauthorized, message: /expired/ });
  now -= 31_000;
  simulator.revoke();
  await assert.rejects(ask({}), unauthorized);
});

test('a client with permanent credentials has the scopes that the scenario gives it', async t => {
  const credentials = { clientId: 'project/demo', accessToken: 'a'.repeat(44) };
  const simulator = await simulate(t, {
    clients: [{ ...credentials, scopes: ['secrets:get:worker-pool:*'] }],
    secrets: { 'worker-pool:demo/laptop': { config: {} } },
  });
  const secrets = await client('Secrets', simulator.rootUrl, { credentials });
  assert.deepEqual((await secrets.get('worker-pool:demo/laptop')).secret, { config: {} });
  await assert.rejects(secrets.get('worker-type:demo/laptop'), { statusCode: 403 });
});

test('a secret is found, absent, forbidden or expired, as the scenario says', async t => {
  const simulator = await simulate(t, { secrets: { 'worker-type:demo/laptop': 403 } });
  const { credentials } = await register(simulator);
  const secrets = await client('Secrets', simulator.rootUrl, { credentials });
  await assert.rejects(secrets.get('worker-type:demo/laptop'), {
    statusCode: 403,
    code: 'InsufficientScopes',
  });
  await assert.rejects(secrets.get('worker-pool:demo/laptop'), { statusCode: 404, code: 'ResourceNotFound' });
  simulator.setSecret('worker-pool:demo/laptop', 410);
  await assert.rejects(secrets.get('worker-pool:demo/laptop'), { statusCode: 410, code: 'ResourceExpired' });
  simulator.setSecret('worker-pool:demo/laptop', { legacy: true });
  assert.deepEqual((await secrets.get('worker-pool:demo/laptop')).secret, { legacy: true });
});

test('an error report beyond the limits of the API is refused', async t => {
  const simulator = await simulate(t);
  const { credentials } = await register(simulator);
  const workerManager = await client('WorkerManager', simulator.rootUrl, { credentials });
  for (const changes of [
    { kind: 'Not OK' },
    { title: 'x'.repeat(129) },
    { description: 'x'.repeat(10241) },
    { extra: null },
  ]) {
    await assert.rejects(workerManager.reportWorkerError('demo/laptop', { ...REPORT, ...changes }), {
      statusCode: 400,
      code: 'InputValidationError',
    });
  }
});

test('an error says which call it was, and echoes the request as Taskcluster does', async t => {
  const simulator = await simulate(t);
  const url = `${simulator.rootUrl}/api/worker-manager/v1/worker/register`;
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: '{"workerGroup":"g"}' });
  assert.equal(response.status, 400);
  const body = (await response.json()) as {
    code: string;
    message: string;
    requestInfo: Record<string, unknown>;
  };
  assert.equal(body.code, 'InputValidationError');
  assert.match(body.message, /\n\n---\n\n\* method: {5}registerWorker\n\* errorCode:/);
  assert.deepEqual(body.requestInfo.payload, { workerGroup: 'g' });
});

test('nonsense is answered, not died of', async t => {
  const simulator = await simulate(t);
  const url = `${simulator.rootUrl}/api/worker-manager/v1/worker/register`;
  const json = { 'content-type': 'application/json' };
  const statusOf = async (target: string, init: RequestInit): Promise<number> =>
    (await fetch(target, init)).status;
  assert.equal(await statusOf(url, { method: 'POST' }), 400);
  assert.equal(await statusOf(url, { method: 'POST', headers: json, body: '{"a":' }), 400);
  assert.equal(await statusOf(url, { method: 'POST', body: '{}' }), 400);
  assert.equal(await statusOf(url, { method: 'POST', headers: json, body: '"text"' }), 400);
  assert.equal(
    await statusOf(url, { method: 'POST', headers: json, body: `"${'x'.repeat(11 * 1024 * 1024)}"` }),
    413,
  );
  assert.equal(await statusOf(`${simulator.rootUrl}/%zz`, {}), 404);
  assert.equal(await statusOf(`${simulator.rootUrl}/api/secrets/v1/secret/a%2Fb`, { method: 'PUT' }), 404);
  const signed = `${simulator.rootUrl}/api/secrets/v1/secret/a`;
  for (const authorization of [
    'Bearer x',
    'Hawk',
    'Hawk id="x"',
    'Hawk id="x", ts="1", nonce="n", mac="m", ext="e30="',
    'Hawk id="x", ext="bm8="',
  ]) {
    assert.equal(await statusOf(signed, { headers: { authorization } }), 401, authorization);
  }
});

test('a request is noted with its headers and body but without its signature', async t => {
  const simulator = await simulate(t);
  const { credentials } = await register(simulator);
  const noted = simulator.waitFor('getSecret');
  const secrets = await client('Secrets', simulator.rootUrl, { credentials });
  await assert.rejects(secrets.get('worker-pool:demo/laptop'));
  const { headers, who, path } = await noted;
  assert.equal(headers.authorization, 'Hawk');
  assert.equal(who, credentials.clientId);
  assert.equal(path, '/api/secrets/v1/secret/worker-pool%3Ademo%2Flaptop');
  assert.deepEqual(simulator.requests[0]?.payload, registration());
});

test('a scenario that is wrong is refused with every mistake', async t => {
  await assert.rejects(
    simulate(t, { lease: '31d', faults: [{ hang: true, reset: true }, {}], version: 3 } as never),
    {
      code: 'config.invalid',
      details: ['version: must be >= 28'],
    },
  );
  await assert.rejects(
    simulate(t, { lease: '31d', faults: [{ hang: true, reset: true }, {}], workers: [WORKER, WORKER] }),
    {
      details: [
        'lease: must be at most 30d',
        'faults.0: must have one effect: hang, reset, credentials, or status and body',
        'faults.1: must say what goes wrong: status, body, hang, reset, credentials, delay or clock',
        'workers.1: worker demo/laptop/my-desk/laptop-1 stands twice',
      ],
    },
  );
});
