import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { createMemoryLog } from '../support/memory-log.ts';
import { connectTo, refuse, REGISTRATION, sendJson, startServer } from '../support/taskcluster-server.ts';

const { signal } = new AbortController();

test('a worker registers and gets credentials, configuration and the secret of its next registration', async t => {
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const rig = connectTo(t, server.rootUrl);
  const registered = await rig.register({ systemBootTime: new Date('2026-11-21T08:00:00Z') });

  assert.deepEqual(registered, {
    credentials: REGISTRATION.credentials,
    credentialsExpireAt: new Date(REGISTRATION.expires),
    registrationSecret: REGISTRATION.secret,
    providerConfig: REGISTRATION.workerConfig,
  });
  const [request] = server.requests;
  assert.equal(`${request?.method} ${request?.path}`, 'POST /api/worker-manager/v1/worker/register');
  assert.equal(request?.authorization, undefined);
  assert.deepEqual(JSON.parse(request?.body ?? ''), {
    workerPoolId: 'pool/one',
    providerId: 'static',
    workerGroup: 'group',
    workerId: 'worker',
    workerIdentityProof: { staticSecret: 'the-static-secret' },
    systemBootTime: '2026-11-21T08:00:00.000Z',
  });
});

test('what is secret in a registration is known to the logger at once', async t => {
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const rig = connectTo(t, server.rootUrl);
  await rig.register();
  const { accessToken, certificate } = REGISTRATION.credentials;
  for (const secret of [
    accessToken,
    certificate,
    'signature-of-the-certificate',
    REGISTRATION.secret,
    'the-static-secret',
  ]) {
    assert.ok(rig.secrets.has(secret), secret);
  }
});

test('an old service that sends no secret, no configuration and the certificate as an object is understood', async t => {
  const certificate = { version: 1, signature: 's' };
  const server = await startServer(t, response =>
    sendJson(response, 200, {
      expires: REGISTRATION.expires,
      credentials: { clientId: 'a', accessToken: 'b', certificate },
      workerConfig: null,
      extra: true,
    }),
  );
  const registered = await connectTo(t, server.rootUrl).register();
  assert.deepEqual(registered, {
    credentials: { clientId: 'a', accessToken: 'b', certificate: JSON.stringify(certificate) },
    credentialsExpireAt: new Date(REGISTRATION.expires),
    providerConfig: {},
  });
});

test('a service that does not know systemBootTime is asked again without it, at once and only once', async t => {
  const server = await startServer(t, (response, request) => {
    if (request.body.includes('systemBootTime')) refuse(response, 400, 'InputValidationError', 'unknown key');
    else sendJson(response, 200, REGISTRATION);
  });
  const log = createMemoryLog();
  const rig = connectTo(t, server.rootUrl, { log });
  await rig.register({ systemBootTime: new Date() });
  assert.equal(server.requests.length, 2);
  assert.deepEqual(rig.clock.sleeps, []);
  assert.deepEqual(
    log.entries.map(({ severity, message }) => `${severity}: ${message}`),
    [
      'info: registerWorker was refused by its schema; trying without systemBootTime, which older services lack',
    ],
  );
});

test('strings of 8 characters and more in an identity proof are known to the logger, at any depth', async t => {
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const rig = connectTo(t, server.rootUrl);
  await rig.register({
    prove: () => Promise.resolve({ kind: 'pkcs7', a: [{ signature: 'eight888' }, null, 1] }),
  });
  assert.ok(rig.secrets.has('eight888'));
  assert.ok(!rig.secrets.has('pkcs7'));
});

test('every try of a registration brings a fresh identity proof', async t => {
  const server = await startServer(t, (response, _request, index) => {
    if (index === 0) refuse(response, 503, 'ProviderSetupFailed', 'later');
    else sendJson(response, 200, REGISTRATION);
  });
  let proofs = 0;
  await connectTo(t, server.rootUrl).register({
    prove: () => Promise.resolve({ document: `document-${(proofs += 1)}` }),
  });
  assert.match(server.requests[0]?.body ?? '', /document-1/);
  assert.match(server.requests[1]?.body ?? '', /document-2/);
});

test('calls after the registration are signed, and share one connection', async t => {
  const server = await startServer(t, (response, request) => {
    if (request.path.includes('/reregister'))
      sendJson(response, 200, { ...REGISTRATION, secret: 'the-next-secret' });
    else if (request.path.includes('/secret/'))
      sendJson(response, 200, { secret: { config: {} }, expires: 'x' });
    else sendJson(response, 200, {});
  });
  const { taskcluster, identity, secrets } = connectTo(t, server.rootUrl);
  taskcluster.useCredentials(REGISTRATION.credentials);
  const renewal = await taskcluster.reregisterWorker(identity, 'the-old-secret', signal);
  assert.equal(renewal.secret, 'the-next-secret');
  assert.deepEqual(renewal.expiresAt, new Date(REGISTRATION.expires));
  await taskcluster.removeWorker(identity, signal);
  const report = { kind: 'worker-error', title: 'title', description: 'text', extra: { a: 1 } };
  await taskcluster.reportWorkerError(identity, report, signal);
  const answer = await taskcluster.getSecret('worker-pool:pool/one', signal);
  assert.deepEqual(answer, { kind: 'found', secret: { config: {} } });

  assert.deepEqual(
    server.requests.map(({ method, path }) => `${method} ${path}`),
    [
      'POST /api/worker-manager/v1/worker/reregister',
      'DELETE /api/worker-manager/v1/workers/pool%2Fone/group/worker',
      'POST /api/worker-manager/v1/worker-pool-errors/pool%2Fone',
      'GET /api/secrets/v1/secret/worker-pool%3Apool%2Fone',
    ],
  );
  for (const { authorization } of server.requests)
    assert.match(authorization ?? '', /^Hawk id="worker\/static/);
  assert.deepEqual(JSON.parse(server.requests[2]?.body ?? ''), {
    workerGroup: 'group',
    workerId: 'worker',
    ...report,
  });
  assert.equal(server.connections(), 1);
  assert.ok(secrets.has('the-old-secret') && secrets.has('the-next-secret'));
});

test('a connection that was opened beforehand is used', async t => {
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const rig = connectTo(t, server.rootUrl);
  rig.taskcluster.warmUp(1);
  await rig.register();
  assert.equal(server.connections(), 1);
});

test('a kept connection that the service closed in between is replaced at once, which is no failed try', async t => {
  let calls = 0;
  const served = new WeakSet<Socket>();
  const server = await startServer(t, response => {
    const { socket } = response;
    // Closed as the next request comes: what a service that gives up idle connections looks like in the worst moment.
    if (socket !== null && served.has(socket)) return void socket.destroy();
    if (socket !== null) served.add(socket);
    calls += 1;
    sendJson(response, 200, {});
  });
  const { taskcluster, identity, warnings } = connectTo(t, server.rootUrl);
  await taskcluster.removeWorker(identity, signal);
  await taskcluster.removeWorker(identity, signal);
  await taskcluster.removeWorker(identity, signal);
  assert.equal(calls, 3);
  assert.equal(server.connections(), 3);
  assert.deepEqual(warnings, []);
});

test('a connection that was opened beforehand and closed again by the service is not used', async t => {
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const rig = connectTo(t, server.rootUrl);
  const closed = server.closeNext();
  rig.taskcluster.warmUp(1);
  await closed;
  await rig.register();
  assert.equal(server.connections(), 2);
  assert.deepEqual(rig.warnings, []);
});

test('a secret that is not there, has expired or may not be read is absent, in the words of the service', async t => {
  for (const status of [403, 404, 410] as const) {
    const server = await startServer(t, response => refuse(response, status, 'SomeCode', 'no such secret'));
    const answer = await connectTo(t, server.rootUrl).taskcluster.getSecret('a/b', signal);
    assert.deepEqual(answer, { kind: 'absent', status, message: 'no such secret' });
  }
});

test('stopping ends a call at once, with the reason', async t => {
  const stop = new AbortController();
  const reason = new Error('SIGTERM');
  const server = await startServer(t, () => stop.abort(reason));
  const { taskcluster, identity } = connectTo(t, server.rootUrl);
  await assert.rejects(taskcluster.removeWorker(identity, stop.signal), reason);
  await assert.rejects(taskcluster.removeWorker(identity, stop.signal), reason);
});
