import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { assertFailed, assertNoSecrets, assertWorked, boot, warningsOf } from '../support/boot.ts';
import { STANDALONE_PROVIDER } from '../support/runner-config.ts';
import { simulate, WORKER } from '../support/simulator.ts';
import {
  closedPort,
  refuse,
  REGISTRATION,
  sendJson,
  startRawServer,
  startServer,
} from '../support/taskcluster-server.ts';

const REGISTER = '/api/worker-manager/v1/worker/register';

void test('a worker that worker-manager does not know is told so at once', async t => {
  const simulator = await simulate(t, { workers: [], workerPools: { [WORKER.workerPoolId]: {} } });
  const result = await boot(t, simulator.rootUrl);
  const statement = assertFailed(result, 'refused');
  assert.ok(statement.startsWith(`registerWorker at ${simulator.rootUrl}${REGISTER} failed: `), statement);
  assert.match(statement, /\(404 ResourceNotFound\)/);
  assert.equal(simulator.requests.length, 1);
  assert.deepEqual(warningsOf(result), []);
});

void test('a wrong static secret is refused in the words of the service, and not shown', async t => {
  const right = 'another-another-another-another-another-anot';
  const simulator = await simulate(t, { workers: [{ ...WORKER, staticSecret: right }] });
  const statement = assertFailed(await boot(t, simulator.rootUrl), 'refused');
  assert.match(statement, /refused it \(400 InputError\): The staticSecret is wrong$/);
  assert.equal(simulator.requests.length, 1);
});

void test('a service that echoes what it was sent gives nothing of it away to the log', async t => {
  const server = await startServer(t, (response, { body }) => {
    const message = `No entry for ${WORKER.staticSecret}\n\n---\n\n* method: registerWorker\n* payload: ${body}`;
    sendJson(response, 403, { code: 'InsufficientScopes', message, requestInfo: {} });
  });
  const result = await boot(t, server.rootUrl);
  assert.match(assertFailed(result, 'refused'), /\(403 InsufficientScopes\): No entry for \S+$/);
  assert.doesNotMatch(result.stderr, /payload|workerIdentityProof|systemBootTime/);
});

void test('an old service that knows neither systemBootTime nor registration secrets gets its worker', async t => {
  const simulator = await simulate(t, { version: 28 });
  const result = await boot(t, simulator.rootUrl);
  assertWorked(result);
  const registrations = simulator.requests.filter(({ call }) => call === 'registerWorker');
  assert.deepEqual(
    registrations.map(({ status, payload }) => [status, Object.hasOwn(payload as object, 'systemBootTime')]),
    [
      [400, true],
      [200, false],
    ],
  );
  assert.match(
    warningsOf(result).join('\n'),
    /^the credentials cannot be renewed: worker-manager has sent no secret .*\n.*\nthey end at \S+; the worker is asked to end at \S+$/,
  );
});

for (const { body, words } of [
  { body: 'html', words: /the reply \(200\) is text\/html.*, not JSON$/ },
  { body: 'empty', words: /the reply \(200\) is empty$/ },
  { body: 'wrong-shape', words: /the reply is not that of registerWorker: it lacks expires/ },
] as const) {
  void test(`a reply that is not Taskcluster's (${body}) ends the boot, and the URL is named`, async t => {
    const simulator = await simulate(t, { faults: [{ call: 'registerWorker', body }] });
    const result = await boot(t, simulator.rootUrl);
    const statement = assertFailed(result, 'badReply');
    assert.ok(statement.startsWith(`registerWorker at ${simulator.rootUrl}${REGISTER} failed: `), statement);
    assert.match(statement, words);
    assert.equal(simulator.requests.length, 1);
    assert.deepEqual(warningsOf(result), []);
  });
}

void test('a registration that is right in part only is refused, and what is secret in it stays so', async t => {
  const server = await startServer(t, response =>
    sendJson(response, 200, { ...REGISTRATION, expires: REGISTRATION.credentials.accessToken }),
  );
  const result = await boot(t, server.rootUrl);
  assert.match(assertFailed(result, 'badReply'), /\/expires must match pattern/);
  assertNoSecrets(result.stderr, REGISTRATION.credentials.accessToken, REGISTRATION.secret);
});

void test('a rootURL that redirects to a login page is said so, and nothing is sent there', async t => {
  const login = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const server = await startServer(t, response =>
    response.writeHead(302, { location: `${login.rootUrl}/login?session=a-session-of-someone` }).end(),
  );
  const result = await boot(t, server.rootUrl);
  assert.match(
    assertFailed(result, 'badReply'),
    new RegExp(`a redirect \\(302\\) to ${login.rootUrl}/login, which is not followed$`),
  );
  assert.doesNotMatch(result.stderr, /a-session-of-someone/);
  assert.equal(login.requests.length, 0);
});

void test('credentials that the service does not accept end the boot, whatever it says about them', async t => {
  const token = REGISTRATION.credentials.accessToken;
  const server = await startServer(t, (response, { path }) => {
    if (path === REGISTER) sendJson(response, 200, REGISTRATION);
    else if (path.endsWith('/ping')) sendJson(response, 200, {});
    else refuse(response, 401, 'AuthenticationFailed', `Bad mac for ${token}`);
  });
  const result = await boot(t, server.rootUrl);
  assert.match(assertFailed(result, 'refused'), /\(401 AuthenticationFailed\): Bad mac for \S+$/);
  assertNoSecrets(result.stderr, token, REGISTRATION.secret, REGISTRATION.credentials.certificate);
  assert.deepEqual(warningsOf(result), []);
});

void test("a standalone machine's mistyped access token is told so, and not shown", async t => {
  const simulator = await simulate(t, {
    clients: [
      {
        clientId: STANDALONE_PROVIDER.clientID,
        accessToken: 'the-right-token-of-22-and-more',
        scopes: ['secrets:get:*'],
      },
    ],
  });
  const provider = { ...STANDALONE_PROVIDER, rootURL: simulator.rootUrl };
  const result = await boot(t, simulator.rootUrl, { config: { provider } });
  assert.match(assertFailed(result, 'refused'), /\(401 AuthenticationFailed\)/);
  assert.match(result.stderr, /what to do: check the credentials/);
  assertNoSecrets(result.stderr, STANDALONE_PROVIDER.accessToken);
});

void test('with retryFor: 0s nothing is tried twice', async t => {
  const result = await boot(t, `http://127.0.0.1:${await closedPort()}`, {
    config: { network: { retryFor: '0s' } },
  });
  assert.match(assertFailed(result, 'unreachable'), / failed: .* refused the connection \(ECONNREFUSED\)$/);
  assert.deepEqual(warningsOf(result), []);
});

void test('a port where something else than a web server answers is said so', async t => {
  const port = await startRawServer(t, socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  const result = await boot(t, `http://127.0.0.1:${port}`, { config: { network: { retryFor: '0s' } } });
  assert.match(assertFailed(result, 'badReply'), /does not speak HTTP/);
});

void test('configuration that is nested without end is refused', async t => {
  const nested = '{"a":'.repeat(5000) + '1' + '}'.repeat(5000);
  const server = await startServer(t, (response, { path }) => {
    if (path === REGISTER) sendJson(response, 200, REGISTRATION);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(`{"secret": ${nested}}`);
  });
  const result = await boot(t, server.rootUrl);
  assert.match(
    assertFailed(result, 'badReply'),
    /^get secret at .*: it is nested more than 100 levels deep$/,
  );
});

void test('a small reply that unpacks to a large one is not unpacked', async t => {
  const packed = gzipSync(Buffer.alloc(50 * 1024 * 1024));
  const asked: (string | string[] | undefined)[] = [];
  const server = await startServer(t, response => {
    asked.push(response.req.headers['accept-encoding']);
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(packed);
  });
  const result = await boot(t, server.rootUrl);
  assert.match(assertFailed(result, 'badReply'), /the reply is compressed \(gzip\)/);
  assert.deepEqual(asked, ['identity']);
});

void test('a server that changes to another protocol is left, and nothing keeps the process alive', async t => {
  const port = await startRawServer(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    });
  });
  const result = await boot(t, `http://127.0.0.1:${port}`);
  assert.match(assertFailed(result, 'badReply'), /the reply changes to another protocol \(101\)$/);
});
