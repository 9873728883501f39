import assert from 'node:assert/strict';
import { agentsUseProxies, isExempt } from '../../src/taskcluster/proxies.ts';
import { test, type TestContext } from 'node:test';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeAuthority, makeServerCertificate } from '../support/certificates.ts';
import { startProxy } from '../support/proxy.ts';
import {
  closedPort,
  connectTo,
  REGISTRATION,
  sendJson,
  startRawServer,
  startServer,
  type TestServer,
} from '../support/taskcluster-server.ts';
import { temporaryFolder } from '../support/temp.ts';

async function secureServer(
  t: TestContext,
): Promise<{ readonly server: TestServer; readonly caFile: string }> {
  const authority = await makeAuthority('proxy test CA');
  const tls = await makeServerCertificate(authority);
  const caFile = join(await temporaryFolder(t), 'ca.pem');
  await writeFile(caFile, authority.cert);
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION), {
    tls,
    hostname: 'localhost',
  });
  return { server, caFile };
}

test('HTTPS_PROXY is used, with its password, which no log shows; a private CA works behind it', async t => {
  const { server, caFile } = await secureServer(t);
  const proxy = await startProxy(t);
  const HTTPS_PROXY = `http://user:pass%40word@127.0.0.1:${proxy.port}`;
  const rig = connectTo(t, server.rootUrl, { env: { HTTPS_PROXY, SSL_CERT_FILE: caFile } });
  await rig.register();
  assert.equal(server.requests.length, 1);
  assert.match(proxy.heads.at(-1) ?? '', new RegExp(`^CONNECT localhost:${server.port} `));
  assert.match(proxy.heads.at(-1) ?? '', /proxy-authorization: Basic dXNlcjpwYXNzQHdvcmQ=/i);
  for (const secret of ['pass%40word', 'pass@word', 'dXNlcjpwYXNzQHdvcmQ='])
    assert.ok(rig.secrets.has(secret));
});

test('an untrusted certificate behind a proxy is described all the same', async t => {
  const { server } = await secureServer(t);
  const proxy = await startProxy(t);
  const rig = connectTo(t, server.rootUrl, { env: { https_proxy: `http://127.0.0.1:${proxy.port}` } });
  await assert.rejects(rig.register(), { exit: 'untrusted', message: /issuer "CN=proxy test CA"/ });
  assert.equal(server.requests.length, 0);
});

test('HTTP_PROXY is used for http://, and NO_PROXY makes exceptions', async t => {
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const proxy = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const HTTP_PROXY = proxy.rootUrl;
  await connectTo(t, server.rootUrl, { env: { HTTP_PROXY } }).register();
  assert.equal(proxy.requests[0]?.path, `${server.rootUrl}/api/worker-manager/v1/worker/register`);
  assert.equal(server.requests.length, 0);

  await connectTo(t, server.rootUrl, { env: { HTTP_PROXY, NO_PROXY: '127.0.0.1' } }).register();
  assert.equal(server.requests.length, 1);
  assert.equal(proxy.requests.length, 1);
});

test('a proxy that wants a password, or refuses the host, is named at once', async t => {
  for (const [status, words] of [
    ['407 Proxy Authentication Required', /with 407: it wants other credentials, or any/],
    ['403 Forbidden', /refused a tunnel to tc\.example with 403/],
  ] as const) {
    const proxy = await startProxy(t, status);
    const HTTPS_PROXY = `http://user:password@127.0.0.1:${proxy.port}`;
    const rig = connectTo(t, 'https://tc.example', { env: { HTTPS_PROXY } });
    await assert.rejects(rig.register(), (error: Error & { exit: string }) => {
      assert.equal(error.exit, 'unreachable');
      assert.match(error.message, words);
      assert.match(
        error.message,
        new RegExp(`the proxy 127\\.0\\.0\\.1:${proxy.port} \\(from HTTPS_PROXY\\)`),
      );
      assert.doesNotMatch(error.message, /password/);
      return true;
    });
    assert.deepEqual(rig.warnings, []);
  }
});

test('a proxy that cannot reach the other side yet is tried again', async t => {
  const proxy = await startProxy(t, '502 Bad Gateway');
  const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
  const network = { retryForMs: 10_000, attemptTimeoutMs: 2000 };
  const rig = connectTo(t, 'https://tc.example', { env, network });
  await assert.rejects(rig.register(), {
    exit: 'unreachable',
    message: /refused a tunnel to tc\.example with 502/,
  });
  assert.ok(rig.warnings.length >= 2);
});

test('a proxy that is down, and one that says nothing, are said in words', async t => {
  const port = await closedPort();
  const down = connectTo(t, 'https://tc.example', {
    env: { HTTPS_PROXY: `http://127.0.0.1:${port}` },
    network: { retryForMs: 0, attemptTimeoutMs: 5000 },
  });
  await assert.rejects(down.register(), {
    exit: 'unreachable',
    message: new RegExp(`the proxy 127\\.0\\.0\\.1:${port} \\(from HTTPS_PROXY\\) refused the connection`),
    advice: /HTTPS_PROXY/,
  });
  const silentPort = await startRawServer(t, () => undefined);
  const env = { HTTPS_PROXY: `http://127.0.0.1:${silentPort}` };
  const network = { retryForMs: 0, attemptTimeoutMs: 150 };
  const silent = connectTo(t, 'https://tc.example', { env, network });
  await assert.rejects(silent.register(), { exit: 'unreachable', message: /no reply in 0\.[12] s/ });
});

test('a proxy variable that is no URL is named, its value is not', t => {
  assert.throws(
    () => connectTo(t, 'https://tc.example', { env: { HTTPS_PROXY: 'socks5://user:password@proxy' } }),
    {
      code: 'taskcluster.proxy',
      exit: 'config',
      message: 'the environment variable HTTPS_PROXY is not the URL of an HTTP proxy',
    },
  );
});

for (const value of ['127.0.0.1:PORT', 'me:password@127.0.0.1:PORT', 'HTTP://127.0.0.1:PORT']) {
  test(`a proxy that is written as ${value} is used`, async t => {
    const server = await startServer(t, response => sendJson(response, 500, {}));
    const proxy = await startServer(t, response => sendJson(response, 200, REGISTRATION));
    const HTTP_PROXY = value.replace('PORT', String(proxy.port));
    await connectTo(t, server.rootUrl, { env: { HTTP_PROXY } }).register();
    assert.equal(proxy.requests.length, 1);
    assert.equal(server.requests.length, 0);
  });
}

for (const HTTP_PROXY of ['socks5://me:password@proxy.example:1080', 'http://me:%zz@proxy', 'http://:']) {
  test(`${HTTP_PROXY} is no matter where NO_PROXY exempts the host`, async t => {
    const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
    const rig = connectTo(t, server.rootUrl, { env: { HTTP_PROXY, NO_PROXY: `127.0.0.1:${server.port}` } });
    await rig.register();
    assert.equal(server.requests.length, 1);
    assert.equal(rig.secrets.has('password'), HTTP_PROXY.includes('password'));
  });
}

test('a host that NO_PROXY exempts is not blamed on the proxy, and is connected to beforehand', async t => {
  const port = await closedPort();
  const env = { HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1' };
  const network = { retryForMs: 0, attemptTimeoutMs: 5000 };
  const down = connectTo(t, `http://127.0.0.1:${port}`, { env, network });
  await assert.rejects(down.register(), { exit: 'unreachable', message: /^(?!.*proxy).*refused/ });
  const opened = Promise.withResolvers<unknown>();
  const rawPort = await startRawServer(t, socket => opened.resolve(socket));
  connectTo(t, `http://127.0.0.1:${rawPort}`, { env }).taskcluster.warmUp(1);
  await opened.promise;
});

test('NO_PROXY exempts what it exempts for Node', () => {
  const name = 'https://TC.example.com';
  for (const [rootUrl, NO_PROXY, exempt] of [
    [name, 'tc.example.com', true],
    [name, 'other, TC.Example.com ,', true],
    [name, '*', true],
    [name, '.example.com', true],
    [name, '*.example.com', true],
    [name, 'tc.example.com:443', true],
    [name, 'tc.example.com:8443', false],
    [`${name}:8443`, 'tc.example.com:8443', true],
    [name, 'example.com', false],
    [name, '.tc.example.com', true],
    [name, '*.tc.example.com', false],
    ['https://footc.example.com', '.tc.example.com', false],
    [name, '', false],
    [name, ' , ', false],
    ['http://10.0.0.7', '10.0.0.7', true],
    ['http://10.0.0.7', '10.0.0.1-10.0.0.9', true],
    ['http://10.0.0.7', '10.0.0.8 - 10.0.0.9', false],
    ['http://10.0.0.7', '10.0.0.0/8', false],
    ['http://[::1]:8080', '::1', true],
    ['http://[::1]:8080', '[::1]:8080', true],
  ] as const) {
    assert.equal(isExempt(rootUrl, { NO_PROXY }), exempt, `${rootUrl} by "${NO_PROXY}"`);
  }
  assert.ok(!isExempt(name, { no_proxy: 'other', NO_PROXY: '*' }));
  assert.ok(isExempt(name, { no_proxy: '', NO_PROXY: '*' }));
  assert.ok(!isExempt(name, {}));
});

test('it is known which versions of Node go past a proxy without a word', () => {
  for (const version of ['22.21.0', '24.5.0', '24.18.1', '25.0.0', '26.10.0'])
    assert.ok(agentsUseProxies(version), version);
  for (const version of ['22.18.0', '22.20.9', '23.11.0', '24.4.1'])
    assert.ok(!agentsUseProxies(version), version);
});
