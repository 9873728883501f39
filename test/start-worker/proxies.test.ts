import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertFailed, assertNoSecrets, assertWorked, boot, warningsOf } from '../support/boot.ts';
import { startProxy } from '../support/proxy.ts';
import { simulate } from '../support/simulator.ts';
import { closedPort, sendJson, startRawServer, startServer } from '../support/taskcluster-server.ts';

const PASSWORD = 'pass@word-of-the-proxy';
const PASSWORD_IN_URL = encodeURIComponent(PASSWORD);
const SENT = Buffer.from(`me:${PASSWORD}`).toString('base64');

function proxyUrl(port: number): string {
  return `http://me:${PASSWORD_IN_URL}@127.0.0.1:${port}`;
}

for (const variable of ['HTTPS_PROXY', 'https_proxy']) {
  void test(`${variable} is used for https://, a private CA works behind it, and the password is in no log`, async t => {
    const simulator = await simulate(t, { tls: true });
    const proxy = await startProxy(t);
    const env = { [variable]: proxyUrl(proxy.port), SSL_CERT_FILE: simulator.caFile ?? '' };
    // The worker inherits the variable, and shows it.
    const result = await boot(t, simulator.rootUrl, { env, worker: `echo "through $${variable}"` });
    assertWorked(result);
    assert.match(result.stderr, /through http:\/\/me:[^:]*@127\.0\.0\.1/);
    assertNoSecrets(result.stderr, PASSWORD, SENT);
    assert.deepEqual(warningsOf(result), []);
    assert.equal(simulator.requests.length, 3);
    for (const head of proxy.heads) {
      assert.match(head, new RegExp(`^CONNECT ${new URL(simulator.rootUrl).host} `));
      assert.match(head, new RegExp(`proxy-authorization: Basic ${SENT}\r\n`, 'i'));
    }
    assert.ok(proxy.heads.length > 0);
  });
}

void test('a certificate that is not trusted is described through a proxy all the same', async t => {
  const simulator = await simulate(t, { tls: true });
  const proxy = await startProxy(t);
  const result = await boot(t, simulator.rootUrl, {
    env: { HTTPS_PROXY: proxyUrl(proxy.port) },
    config: { network: { retryFor: '0s' } },
  });
  assert.match(assertFailed(result, 'untrusted'), /issuer "CN=simulate-cloud/);
  assertNoSecrets(result.stderr, PASSWORD, SENT);
  assert.equal(simulator.requests.length, 0);
});

void test('HTTP_PROXY is used for http://', async t => {
  const proxy = await startServer(t, response => sendJson(response, 200, {}));
  const rootUrl = 'http://taskcluster.example';
  const result = await boot(t, rootUrl, { env: { HTTP_PROXY: proxy.rootUrl } });
  assert.match(assertFailed(result, 'badReply'), /the reply is not that of registerWorker/);
  assert.equal(proxy.requests[0]?.path, `${rootUrl}/api/worker-manager/v1/worker/register`);
});

void test('a host that NO_PROXY names is reached without the proxy', async t => {
  const simulator = await simulate(t);
  const env = { HTTP_PROXY: proxyUrl(await closedPort()), NO_PROXY: 'other.example,127.0.0.1' };
  const result = await boot(t, simulator.rootUrl, { env });
  assertWorked(result);
  assert.deepEqual(warningsOf(result), []);
});

for (const { status, words, advice } of [
  {
    status: '407 Proxy Authentication Required',
    words: 'with 407: it wants other credentials, or any',
    advice: 'put user name and password into HTTPS_PROXY',
  },
  { status: '403 Forbidden', words: 'with 403', advice: "ask the proxy's owner to allow the host" },
]) {
  void test(`a proxy that refuses (${status}) is named at once, its password is not`, async t => {
    const proxy = await startProxy(t, status);
    const env = { HTTPS_PROXY: proxyUrl(proxy.port) };
    const result = await boot(t, 'https://taskcluster.example', { env });
    const statement = assertFailed(result, 'unreachable');
    const where = `the proxy 127.0.0.1:${proxy.port} (from HTTPS_PROXY) refused a tunnel to taskcluster.example`;
    assert.ok(statement.endsWith(`failed: ${where} ${words}`), statement);
    assert.ok(result.stderr.includes(`what to do: ${advice}`), result.stderr);
    assertNoSecrets(result.stderr, PASSWORD, SENT);
    assert.deepEqual(warningsOf(result), []);
  });
}

void test('a proxy that echoes its password in a refusal does not bring it into the log', async t => {
  const proxy = await startServer(t, response => {
    const message = `${SENT} (${PASSWORD}) is not known; ${PASSWORD_IN_URL}`;
    sendJson(response, 403, { code: 'Forbidden', message, requestInfo: {} });
  });
  const result = await boot(t, 'http://taskcluster.example', { env: { HTTP_PROXY: proxyUrl(proxy.port) } });
  assertFailed(result, 'refused');
  assertNoSecrets(result.stderr, PASSWORD, SENT);
});

void test('a proxy that is down is named', async t => {
  const port = await closedPort();
  const result = await boot(t, 'https://taskcluster.example', {
    env: { HTTPS_PROXY: proxyUrl(port) },
    config: { network: { retryFor: '0s' } },
  });
  const statement = assertFailed(result, 'unreachable');
  assert.ok(statement.includes(`the proxy 127.0.0.1:${port} (from HTTPS_PROXY) refused the connection`));
  assertNoSecrets(result.stderr, PASSWORD, SENT);
});

void test('a proxy that says nothing is left, and its connection does not keep the process alive', async t => {
  const port = await startRawServer(t, () => undefined);
  const result = await boot(t, 'https://taskcluster.example', {
    env: { HTTPS_PROXY: proxyUrl(port) },
    config: { network: { retryFor: '0s', attemptTimeout: '300ms' } },
  });
  assert.match(assertFailed(result, 'unreachable'), /no reply in 0\.3 s$/);
  assertNoSecrets(result.stderr, PASSWORD, SENT);
});

void test('a proxy that refuses without closing the connection does not keep the process alive', async t => {
  const port = await startRawServer(t, socket => {
    socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
  });
  const result = await boot(t, 'https://taskcluster.example', { env: { HTTPS_PROXY: proxyUrl(port) } });
  assert.match(assertFailed(result, 'unreachable'), /refused a tunnel to taskcluster\.example with 403$/);
});

void test('a proxy that is none is said so', async t => {
  const port = await startRawServer(t, socket => socket.end('hello\r\n\r\n'));
  const result = await boot(t, 'https://taskcluster.example', {
    env: { HTTPS_PROXY: proxyUrl(port) },
    config: { network: { retryFor: '0s' } },
  });
  assert.match(
    assertFailed(result, 'unreachable'),
    /\(from HTTPS_PROXY\) made no tunnel to taskcluster\.example$/,
  );
  assert.match(result.stderr, /what to do: check HTTPS_PROXY/);
});

void test('a proxy variable that is no URL is named, its value is not', async t => {
  const simulator = await simulate(t);
  const result = await boot(t, simulator.rootUrl, { env: { HTTP_PROXY: `socks5://me:${PASSWORD}@proxy` } });
  assert.match(assertFailed(result, 'config'), /HTTP_PROXY is not the URL of an HTTP proxy/);
  assertNoSecrets(result.stderr, PASSWORD);
  assert.equal(simulator.requests.length, 0);
});

void test('a proxy password with a bare % is said so, and not shown', async t => {
  const simulator = await simulate(t);
  const env = { HTTP_PROXY: 'http://me:half-a-%zz-password@127.0.0.1:9' };
  const result = await boot(t, simulator.rootUrl, { env });
  assert.match(
    assertFailed(result, 'config'),
    /the password in .* HTTP_PROXY has a "%" that begins no escape$/,
  );
  assertNoSecrets(result.stderr, 'half-a-%zz-password');
});
