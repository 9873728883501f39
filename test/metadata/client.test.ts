import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { jsonValueOf } from '../../src/metadata/read.ts';
import {
  ask,
  failureOf,
  fastClock,
  metadataClient,
  startMetadataServer,
} from '../support/metadata-server.ts';
import { closedPort, startRawServer, testClock } from '../support/taskcluster-server.ts';

const never = new AbortController().signal;

void test('a reply of any status is an answer, with its headers and its text as they came', async t => {
  const server = await startMetadataServer(t, response =>
    response.writeHead(404, { 'X-Some': 'Thing' }).end(' no such value\n'),
  );
  const { client } = metadataClient(t, [server.origin]);
  const reply = await ask(client, { path: '/a?b=c', headers: { Metadata: 'true' } }, never);
  assert.equal(reply.url, `${server.origin}/a?b=c`);
  assert.equal(reply.status, 404);
  assert.equal(reply.headers['x-some'], 'Thing');
  assert.equal(reply.text, ' no such value\n');
  assert.equal(server.requests[0]?.headers.metadata, 'true');
  assert.equal(server.requests[0].headers['accept-encoding'], undefined);
});

void test('a body is sent, and requests one after the other share a connection', async t => {
  const server = await startMetadataServer(t, (response, request) => response.end(request.body));
  const { client } = metadataClient(t, [server.origin]);
  const reply = await ask(client, { method: 'POST', path: '/a', body: '{"a":1}' }, never);
  assert.equal(reply.text, '{"a":1}');
  await client.askOnce({ path: '/b' }, 5000, never);
  await client.askOnce({ method: 'PUT', path: '/c' }, 5000, never);
  assert.deepEqual(
    server.requests.map(request => request.line),
    ['POST /a', 'GET /b', 'PUT /c'],
  );
  assert.equal(server.connections(), 1);
});

void test('a service that asks for patience is asked again, without a line in the log', async t => {
  const server = await startMetadataServer(t, (response, _, index) =>
    response.writeHead([503, 429, 410][index] ?? 200).end('value'),
  );
  const { client, log } = metadataClient(t, [server.origin]);
  assert.equal((await ask(client, { path: '/a' }, never)).text, 'value');
  assert.equal(server.requests.length, 4);
  assert.deepEqual(log.entries, []);
});

void test('one try gives the status as it is', async t => {
  const server = await startMetadataServer(t, response => response.writeHead(503).end());
  const { client } = metadataClient(t, [server.origin]);
  assert.equal((await client.askOnce({ path: '/a' }, 5000, never)).status, 503);
  assert.equal(server.requests.length, 1);
});

void test('a service that fails for ever ends in an error that names URL, answer and tries', async t => {
  const server = await startMetadataServer(t, response => response.writeHead(500).end());
  const { client } = metadataClient(t, [server.origin], { clock: testClock() });
  const error = await failureOf(ask(client, { path: '/a' }, never));
  assert.equal(error.code, 'metadata.no-answer');
  assert.match(
    error.message,
    /the test metadata service failed after \d tries in .* GET http:.*\/a was answered with 500/,
  );
  assert.ok(server.requests.length > 1);
});

void test('all requests together have one patience', async t => {
  const server = await startMetadataServer(t, response => response.writeHead(500).end());
  const { client } = metadataClient(t, [server.origin], { clock: testClock(), giveUpAfterMs: 30_000 });
  await failureOf(ask(client, { path: '/a' }, never));
  const forFirst = server.requests.length;
  // The second begins when the first has used it up: what is left to it is the short patience of a late request.
  await failureOf(ask(client, { path: '/b' }, never));
  assert.ok(forFirst > 3);
  const forSecond = server.requests.length - forFirst;
  assert.ok(forSecond < forFirst);
  // Or what it asks for.
  await failureOf(ask(client, { path: '/c', latePatienceMs: 30_000 }, never));
  assert.ok(server.requests.length - forFirst - forSecond > forSecond);
});

void test('where nobody is there, the error says that this may not be the cloud', async t => {
  const { client } = metadataClient(t, [`http://127.0.0.1:${await closedPort()}`], { clock: testClock() });
  const error = await failureOf(ask(client, { path: '/a' }, never));
  assert.match(error.message, /was not answered: ECONNREFUSED/);
  assert.match(error.advice ?? '', /may not be on this cloud at all/);
});

void test('where an override leads nowhere, the error names its variable', async t => {
  const { client } = metadataClient(t, [`http://127.0.0.1:${await closedPort()}`], {
    giveUpAfterMs: 300,
    service: { override: 'THE_VARIABLE' },
  });
  assert.match((await failureOf(ask(client, { path: '/a' }, never))).advice ?? '', /THE_VARIABLE/);
});

void test('a hung connection is given up, and the next try takes another one', async t => {
  const server = await startMetadataServer(t, (response, _, index) => {
    if (index > 0) response.end('value');
  });
  const { client } = metadataClient(t, [server.origin]);
  assert.equal((await ask(client, { path: '/a' }, never)).text, 'value');
  assert.equal(server.connections(), 2);
});

void test('a hung request does not hold up the others', async t => {
  const server = await startMetadataServer(t, (response, request) => {
    if (request.line !== 'GET /hangs') response.end('value');
  });
  const { client } = metadataClient(t, [server.origin]);
  const ending = new AbortController();
  const hanging = ask(client, { path: '/hangs' }, ending.signal);
  await server.received(0);
  const replies = await Promise.all(['/a', '/b', '/c'].map(path => ask(client, { path }, never)));
  assert.deepEqual(
    replies.map(reply => reply.text),
    ['value', 'value', 'value'],
  );
  const reason = new Error('it is over');
  ending.abort(reason);
  await assert.rejects(hanging, reason);
});

void test('a service that is slower than the first try is waited for', async t => {
  const server = await startMetadataServer(t, response => setTimeout(() => response.end('late'), 2500));
  const { client } = metadataClient(t, [server.origin]);
  assert.equal((await ask(client, { path: '/a' }, never)).text, 'late');
});

void test('a request that is accepted and never answered ends with the advice that it carries', async t => {
  const server = await startMetadataServer(t, () => undefined);
  const { client } = metadataClient(t, [server.origin], { giveUpAfterMs: 2000 });
  const error = await failureOf(ask(client, { path: '/a', ifSilent: 'raise the hop limit' }, never));
  assert.match(error.message, /was accepted and not answered in 2 s/);
  assert.equal(error.advice, 'raise the hop limit');
});

void test('a connection that nobody takes is told from one without an answer, also where others were taken before', async t => {
  const worker = new Worker(join(import.meta.dirname, '..', 'fixtures', 'stops-accepting.ts'));
  t.after(() => worker.terminate());
  const [port] = (await once(worker, 'message')) as [number];
  const { client } = metadataClient(t, [`http://127.0.0.1:${port}`]);
  assert.equal((await client.askOnce({ path: '/a' }, 5000, never)).text, 'value');
  // The kernel takes two for a queue of one; who comes then is not heard.
  for (let taken = 0; taken < 2; taken += 1) {
    // It is reset when the thread ends.
    const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
    t.after(() => socket.destroy());
    await once(socket, 'connect');
  }
  const request = { path: '/b', ifSilent: 'raise the hop limit' };
  const error = await failureOf(client.askOnce(request, 500, never));
  assert.match(error.message, /found nobody who takes a connection in 0\.5 s/);
  assert.match(error.advice ?? '', /may not be on this cloud at all/);
});

void test('a body that is cut off, or trickles, is asked for again', async t => {
  const server = await startMetadataServer(t, (response, _, index) => {
    if (index > 1) return void response.end('whole');
    response.writeHead(200, { 'content-length': 100 }).write('a part', () => {
      if (index === 0) response.destroy();
    });
  });
  const { client } = metadataClient(t, [server.origin]);
  assert.equal((await ask(client, { path: '/a' }, never)).text, 'whole');
  assert.equal(server.requests.length, 3);
});

void test('a kept connection that the service has closed meanwhile costs no try', async t => {
  const server = await startMetadataServer(t, (response, _, index) => {
    // The second request meets a connection that ends without a word, as a closed one does.
    if (index === 1) response.destroy();
    else response.end('value');
  });
  const { client } = metadataClient(t, [server.origin]);
  await client.askOnce({ path: '/a' }, 5000, never);
  assert.equal((await client.askOnce({ path: '/b' }, 5000, never)).text, 'value');
  assert.equal(server.requests.length, 3);
});

void test('a redirect is not followed, and refused when it stays', async t => {
  const elsewhere = await startMetadataServer(t, response => response.end('login'));
  const server = await startMetadataServer(t, response =>
    response.writeHead(302, { location: `${elsewhere.origin}/login?token=secret` }).end(),
  );
  const { client } = metadataClient(t, [server.origin], { clock: testClock() });
  const error = await failureOf(ask(client, { path: '/a' }, never));
  assert.equal(error.code, 'metadata.unreadable');
  assert.match(error.message, /redirect \(302\) to http:.*\/login, which is not followed/);
  assert.doesNotMatch(error.message, /secret/);
  assert.match(error.advice ?? '', /captive portal/);
  assert.ok(server.requests.length > 1);
  assert.equal(elsewhere.requests.length, 0);
});

void test('an endless body and a compressed one are refused', async t => {
  const server = await startMetadataServer(t, (response, request) => {
    if (request.line === 'GET /long') response.end('x'.repeat(300_000));
    else response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
  });
  const { client } = metadataClient(t, [server.origin]);
  assert.match(
    (await failureOf(client.askOnce({ path: '/long' }, 5000, never))).message,
    /answered with more than 256 KiB/,
  );
  assert.match(
    (await failureOf(client.askOnce({ path: '/zipped' }, 5000, never))).message,
    /answered with a compressed body/,
  );
});

void test('what cannot be read is asked for again for a while', async t => {
  const bodies = ['<html><body>log in', '{"cut": ', '{"value": 1}'];
  const server = await startMetadataServer(t, (response, _, index) => response.end(bodies[index]));
  const { client } = metadataClient(t, [server.origin]);
  const value = await client.read({ path: '/a' }, reply => jsonValueOf(reply, { what: 'JSON' }), never);
  assert.deepEqual(value, { value: 1 });
});

void test('what stays unreadable ends in its own error, long before the patience with silence does', async t => {
  const server = await startMetadataServer(t, response =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>'),
  );
  const clock = fastClock(100);
  const { client } = metadataClient(t, [server.origin], { clock, giveUpAfterMs: 3_600_000 });
  const error = await failureOf(
    client.read({ path: '/a' }, reply => jsonValueOf(reply, { what: 'the document' }), never),
  );
  assert.match(error.message, /http:.*\/a should give the document, but the answer \(200\) is HTML/);
  assert.ok(server.requests.length > 1);
});

void test('a long silence is told once, and its end once, for all requests together', async t => {
  let answers = false;
  const server = await startMetadataServer(t, response => response.writeHead(answers ? 200 : 503).end('x'));
  const { client, log } = metadataClient(t, [server.origin], {
    clock: fastClock(100),
    giveUpAfterMs: 3_600_000,
  });
  const asked = ['/a', '/b', '/c'].map(path => ask(client, { path }, never));
  await log.says('the test metadata service has not answered for 15 s');
  answers = true;
  await Promise.all(asked);
  await ask(client, { path: '/d' }, never);
  assert.deepEqual(
    log.entries.map(entry => [entry.severity, entry.message]),
    [
      [
        'warning',
        'the test metadata service has not answered for 15 s; it is asked again until 1 h have passed',
      ],
      ['info', 'the test metadata service answers now'],
    ],
  );
});

void test('an answer counts as the cloud only where it looks like it and no variable named the address', async t => {
  const server = await startMetadataServer(t, (response, request) =>
    response.writeHead(200, request.line === 'GET /cloud' ? { 'x-cloud': 'test' } : {}).end(),
  );
  const { client } = metadataClient(t, [server.origin]);
  await ask(client, { path: '/other' }, never);
  assert.equal(client.answeredOnRealAddress, false);
  await ask(client, { path: '/cloud' }, never);
  assert.equal(client.answeredOnRealAddress, true);

  const overridden = metadataClient(t, [server.origin], { service: { override: 'THE_VARIABLE' } });
  await ask(overridden.client, { path: '/cloud' }, never);
  assert.equal(overridden.client.answeredOnRealAddress, false);
});

void test('closing ends what is under way', async t => {
  const server = await startMetadataServer(t, () => undefined);
  const { client } = metadataClient(t, [server.origin]);
  const asked = [ask(client, { path: '/a' }, never), client.askOnce({ path: '/b' }, 60_000, never)];
  await Promise.all([server.received(0), server.received(1)]);
  client.close();
  for (const promise of asked) await assert.rejects(promise, { name: 'AbortError' });
});

void test('a server that speaks no HTTP is no answer', async t => {
  const port = await startRawServer(t, socket => socket.end('SSH-2.0-nobody\r\n'));
  const { client } = metadataClient(t, [`http://127.0.0.1:${port}`]);
  const error = await failureOf(client.askOnce({ path: '/a' }, 5000, never));
  assert.match(error.message, /was not answered: HPE_INVALID/);
});
