import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { type Authority, makeAuthority, makeServerCertificate } from '../support/certificates.ts';
import {
  connectTo,
  REGISTRATION,
  sendJson,
  startServer,
  type TestServer,
} from '../support/taskcluster-server.ts';
import { temporaryFolder } from '../support/temp.ts';

let authority: Authority;
let good: { readonly key: string; readonly cert: string };

before(async () => {
  authority = await makeAuthority('worker-runner test CA');
  good = await makeServerCertificate(authority);
});

function secureServer(
  t: TestContext,
  tls: { readonly key: string; readonly cert: string },
  hostname = 'localhost',
): Promise<TestServer> {
  return startServer(t, response => sendJson(response, 200, REGISTRATION), { tls, hostname });
}

/** The authority's certificate in a file. */
async function authorityFile(t: TestContext): Promise<string> {
  const path = join(await temporaryFolder(t), 'ca.pem');
  await writeFile(
    path,
    `a comment\n${authority.cert}\n-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n`,
  );
  return path;
}

test('a certificate of an unknown CA ends the boot after three tries, in words, and nothing is sent', async t => {
  const server = await secureServer(t, good);
  const rig = connectTo(t, server.rootUrl);
  await assert.rejects(rig.register(), (error: Error & { exit: string; advice: string }) => {
    assert.equal(error.exit, 'untrusted');
    assert.match(error.message, /after 3 tries/);
    assert.match(
      error.message,
      new RegExp(`the certificate of localhost:${server.port} is not accepted: its issuer is unknown here`),
    );
    assert.match(
      error.message,
      /subject "CN=localhost", names DNS:localhost, issuer "CN=worker-runner test CA"/,
    );
    assert.match(error.message, /valid from \d{4}-.* to \d{4}-.*; our clock says \d{4}-/);
    assert.match(error.advice, /SSL_CERT_FILE/);
    return true;
  });
  assert.equal(rig.warnings.length, 2);
  assert.equal(server.requests.length, 0);
});

test('a CA that SSL_CERT_FILE names is trusted, at the first try', async t => {
  const server = await secureServer(t, good);
  const rig = connectTo(t, server.rootUrl, { env: { SSL_CERT_FILE: await authorityFile(t) } });
  await Promise.all([rig.register(), rig.register()]);
  assert.deepEqual(rig.warnings, []);
});

test('a CA in a folder of SSL_CERT_DIR is trusted, whatever its file is called', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'sub'));
  await writeFile(join(folder, 'cd7bfb4f.0'), authority.cert);
  const server = await secureServer(t, good);
  const rig = connectTo(t, server.rootUrl, { env: { SSL_CERT_DIR: `/nowhere:${folder}` } });
  await rig.register();
  assert.match(rig.warnings.join(), /^SSL_CERT_DIR: ENOENT.*\/nowhere/);
});

test('a CA in the store of the operating system is trusted without a setting', async t => {
  const server = await secureServer(t, good);
  // Where OpenSSL's own store is, is decided when a process starts: so this needs one of its own.
  const program = `
    import { createTaskcluster } from ${JSON.stringify(join(import.meta.dirname, '../../src/taskcluster/client.ts'))};
    const say = text => console.log(text);
    const log = { info() {}, warn: say, error: say };
    const redactor = { add() {}, redact: text => text, reach: 0 };
    const client = createTaskcluster({ rootUrl: ${JSON.stringify(server.rootUrl)}, env: {}, log, redactor,
      network: { retryForMs: 0, attemptTimeoutMs: 5000 } });
    const identity = { workerPoolId: 'a/b', workerGroup: 'c', workerId: 'd' };
    await client.removeWorker(identity, AbortSignal.timeout(30_000));
    say('removed');`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module-typescript', '--eval', program],
    { env: { ...process.env, SSL_CERT_FILE: await authorityFile(t) } },
  );
  assert.equal(stdout, 'removed\n');
});

test('an expired certificate is said so, with our clock beside its dates', async t => {
  const notBefore = new Date('2020-01-01T00:00:00Z');
  const notAfter = new Date('2021-01-01T00:00:00Z');
  const server = await secureServer(t, await makeServerCertificate(authority, { notBefore, notAfter }));
  const rig = connectTo(t, server.rootUrl, { env: { SSL_CERT_FILE: await authorityFile(t) } });
  await assert.rejects(rig.register(), {
    exit: 'untrusted',
    message:
      /it has expired \(CERT_HAS_EXPIRED\).*valid from 2020-01-01T00:00:00.000Z to 2021-01-01T00:00:00.000Z; our clock says/,
    advice: /clock/,
  });
  assert.equal(server.requests.length, 0);
});

test('a certificate for another host is said so, and nothing is sent', async t => {
  const server = await secureServer(t, await makeServerCertificate(authority, { names: ['other.example'] }));
  const rig = connectTo(t, server.rootUrl, { env: { SSL_CERT_FILE: await authorityFile(t) } });
  await assert.rejects(rig.register(), {
    exit: 'untrusted',
    message: /it is for another host .*names DNS:other\.example/,
    advice: /name of the certificate/,
  });
  assert.equal(server.requests.length, 0);
});

test('NODE_TLS_REJECT_UNAUTHORIZED=0 does not make us trust anyone', async t => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });
  const server = await secureServer(t, good);
  await assert.rejects(connectTo(t, server.rootUrl).register(), { exit: 'untrusted' });
  assert.equal(server.requests.length, 0);
});

test('a connection that was opened beforehand is checked like any other', async t => {
  const server = await secureServer(t, await makeServerCertificate(authority, { names: ['other.example'] }));
  const rig = connectTo(t, server.rootUrl, { env: { SSL_CERT_FILE: await authorityFile(t) } });
  rig.taskcluster.warmUp(2);
  await assert.rejects(rig.register(), { exit: 'untrusted' });
  assert.equal(server.requests.length, 0);
});
