import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { IncomingMessage } from 'node:http';
import { createRttProxy } from '../../src/simulator/rtt-proxy.ts';
import type { Simulator } from '../../src/simulator/index.ts';
import { client, registration, simulate } from '../support/simulator.ts';

const RTT_MS = 40;

async function trusting(simulator: Simulator): Promise<{ readonly ca: string }> {
  return { ca: await readFile(simulator.caFile ?? '', 'utf8') };
}

async function pingOverTls(simulator: Simulator, options: object): Promise<number | undefined> {
  const request = get(`${simulator.rootUrl}/api/secrets/v1/ping`, options);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

test('over TLS a client that trusts the throw-away CA is served, and another one is not', async t => {
  const simulator = await simulate(t, { tls: true });
  assert.match(simulator.rootUrl, /^https:\/\/127\.0\.0\.1:/);
  const workerManager = await client('WorkerManager', simulator.rootUrl, {
    agent: await trusting(simulator),
  });
  const { credentials } = await workerManager.registerWorker(registration());
  const secrets = await client('Secrets', simulator.rootUrl, {
    credentials,
    agent: await trusting(simulator),
  });
  await assert.rejects(secrets.get('worker-pool:demo/laptop'), { statusCode: 404 });
  await assert.rejects(pingOverTls(simulator, {}), {
    code: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN/,
  });
});

test('a certificate can be expired, or be that of another host', async t => {
  const expired = await simulate(t, { tls: { certificate: 'expired' } });
  await assert.rejects(pingOverTls(expired, await trusting(expired)), { code: 'CERT_HAS_EXPIRED' });
  const other = await simulate(t, { tls: { certificate: 'other-host' } });
  await assert.rejects(pingOverTls(other, await trusting(other)), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

test('a reset and a hanging call are what they are over TLS too', async t => {
  const simulator = await simulate(t, { tls: true, faults: [{ times: 1, reset: true }, { hang: true }] });
  await assert.rejects(pingOverTls(simulator, await trusting(simulator)), { code: 'ECONNRESET' });
  const hanging = pingOverTls(simulator, await trusting(simulator));
  await Promise.all([
    assert.rejects(hanging, { code: 'ECONNRESET' }),
    simulator.waitFor('ping', 2).then(() => simulator.close()),
  ]);
});

test('the file of the throw-away CA goes with the simulator', async t => {
  const simulator = await simulate(t, { tls: true });
  await access(simulator.caFile ?? '');
  await simulator.close();
  await assert.rejects(access(simulator.caFile ?? ''), { code: 'ENOENT' });
});

test('a certificate file that is not there is named', async t => {
  await assert.rejects(simulate(t, { tls: { cert: '/nowhere/cert.pem', key: '/nowhere/key.pem' } }), {
    code: 'simulator.tls',
    message: /\/nowhere\/(cert|key)\.pem cannot be read/,
  });
});

test('with a simulated round trip a first request costs two of them, and one more on TLS', async t => {
  const plain = await simulate(t, { rtt: `${RTT_MS}ms` });
  const start = performance.now();
  await (await fetch(`${plain.rootUrl}/api/secrets/v1/ping`)).text();
  assert.ok(performance.now() - start >= 2 * RTT_MS);

  const secure = await simulate(t, { rtt: `${RTT_MS}ms`, tls: true });
  const agent = new Agent({ keepAlive: true, ...(await trusting(secure)) });
  t.after(() => agent.destroy());
  const first = performance.now();
  await pingOverTls(secure, { agent });
  assert.ok(performance.now() - first >= 3 * RTT_MS);
  const second = performance.now();
  await pingOverTls(secure, { agent });
  assert.ok(performance.now() - second >= RTT_MS);
});

/** An echo server, far away. */
async function farEcho(t: TestContext): Promise<number> {
  const echo = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const proxy = createRttProxy((echo.address() as AddressInfo).port, 10);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => {
    echo.close();
    proxy.close();
  });
  return (proxy.address() as AddressInfo).port;
}

test('the delaying proxy keeps every byte and their order, and carries the end of the stream', async t => {
  const socket = connect(await farEcho(t), '127.0.0.1');
  const sent = Buffer.alloc(12 * 1024 * 1024, 'what goes in comes out. ');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.end(sent);
  await once(socket, 'end');
  assert.ok(Buffer.concat(received).equals(sent));
});

test('a reset passes the delaying proxy', async t => {
  const simulator = await simulate(t, { rtt: '10ms', faults: [{ reset: true }] });
  const socket = connect(Number(new URL(simulator.rootUrl).port), '127.0.0.1');
  socket.write('GET /api/secrets/v1/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
});
