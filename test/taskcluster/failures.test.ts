import assert from 'node:assert/strict';
import type http from 'node:http';
import { test, type TestContext } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import type { ExitCodeName } from '../../src/exit-codes.ts';
import { noReply } from '../../src/taskcluster/no-reply.ts';
import { redactorOf } from '../support/conversation.ts';
import {
  type Answer,
  closedPort,
  connectTo,
  refuse,
  REGISTRATION,
  type Rig,
  sendJson,
  startRawServer,
  startServer,
  testClock,
} from '../support/taskcluster-server.ts';

const PATIENT = { retryForMs: 600_000, attemptTimeoutMs: 5000 };
/** Long enough for an honest reply on a busy machine. */
const SHORT_TRIES = { retryForMs: 600_000, attemptTimeoutMs: 2000 };
const ONCE = { retryForMs: 0, attemptTimeoutMs: 5000 };

async function fails(rig: Rig, exit: ExitCodeName): Promise<RunnerError> {
  const error: unknown = await rig.register().then(
    () => assert.fail('it worked'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RunnerError, String(error));
  assert.equal(error.exit, exit, error.message);
  return error;
}

/** Fails as told at first and then works: gives the one line that the retry logged. */
async function retriedOnce(t: TestContext, fault: Answer, network = PATIENT): Promise<string> {
  const server = await startServer(t, (response, request, index) => {
    if (index === 0) fault(response, request, index);
    else sendJson(response, 200, REGISTRATION);
  });
  const rig = connectTo(t, server.rootUrl, { network });
  await rig.register();
  assert.equal(server.requests.length, 2);
  assert.equal(rig.warnings.length, 1);
  return rig.warnings[0] ?? '';
}

/** Fails as told, once and for all. */
async function finalFailure(t: TestContext, fault: Answer, exit: ExitCodeName): Promise<RunnerError> {
  const server = await startServer(t, fault);
  const rig = connectTo(t, server.rootUrl);
  const error = await fails(rig, exit);
  assert.equal(server.requests.length, 1);
  assert.match(
    error.message,
    new RegExp(`registerWorker at ${server.rootUrl}/api/worker-manager/v1/worker/register`),
  );
  assert.ok((error.advice ?? '') !== '' || exit === 'refused');
  return error;
}

function text(status: number, type: string, body: string): Answer {
  return response => response.writeHead(status, { 'content-type': type }).end(body);
}

test('what may be over in a moment is tried again: 408, 425, 429 and every 5xx, also from a web server in between', async t => {
  for (const status of [408, 425, 429, 500, 502, 503, 504, 599]) {
    const line = await retriedOnce(t, text(status, 'text/html', '<h1>oops</h1>'));
    assert.match(
      line,
      new RegExp(`answered ${status} \\(try 1\\); next try in 1 s, giving up in (10 min|9 min 59 s)`),
    );
  }
});

test('a service in trouble is quoted, without its echo of what we sent', async t => {
  const line = await retriedOnce(t, response =>
    refuse(response, 503, 'ProviderSetupFailed', 'the cloud\nis down'),
  );
  assert.match(line, /answered 503 \(ProviderSetupFailed\): the cloud is down \(try 1\)/);
  assert.doesNotMatch(line, /secret-echo|payload/);
});

test('no reply within the time of a try is tried again', async t => {
  assert.match(await retriedOnce(t, () => undefined, SHORT_TRIES), /no reply in 2 s/);
});

test('a body that trickles without end is ended and tried again', async t => {
  const line = await retriedOnce(
    t,
    response => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"expires":');
      const timer = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(timer));
    },
    SHORT_TRIES,
  );
  assert.match(line, /the reply \(200\) did not come to its end in/);
});

test('a connection that is closed without a reply is tried again', async t => {
  const line = await retriedOnce(t, response => void response.destroy());
  assert.match(line, /closed the connection without a reply \(ECONNRESET\)/);
});

test('a reply that is cut off is tried again', async t => {
  const cut = (response: http.ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"expires":', () => response.destroy());
  };
  assert.match(await retriedOnce(t, cut), /the reply \(200\) was cut off after 11 bytes/);
});

test('JSON that stops in the middle counts as cut off', async t => {
  assert.match(await retriedOnce(t, text(200, 'application/json', '{"a": [1,')), /was cut off after 9 bytes/);
});

test('a service that nobody runs is tried again for as long as the user said', async t => {
  const port = await closedPort();
  const rig = connectTo(t, `http://127.0.0.1:${port}`, {
    network: { retryForMs: 60_000, attemptTimeoutMs: 5000 },
  });
  const error = await fails(rig, 'unreachable');
  assert.match(
    error.message,
    new RegExp(`after 7 tries in 55 s: 127\\.0\\.0\\.1:${port} refused the connection \\(ECONNREFUSED\\)`),
  );
  assert.deepEqual(rig.clock.sleeps, [1000, 2000, 4000, 8000, 16_000, 24_000]);
  assert.equal(rig.warnings.length, 6);
});

test('a name that DNS does not know is said in words', async t => {
  // Too long a label for DNS: the resolver says so without asking anyone.
  const host = `${'x'.repeat(64)}.invalid`;
  const error = await fails(connectTo(t, `http://${host}`, { network: ONCE }), 'unreachable');
  assert.match(error.message, new RegExp(`the name of ${host} is unknown to DNS \\(ENOTFOUND\\)`));
});

test('DNS that gives no answer yet is tried again', () => {
  const failure = noReply(
    Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }),
    'tc.example',
    undefined,
    redactorOf(),
  );
  assert.equal(failure.retry, true);
  assert.match(failure.words, /DNS gave no answer about tc\.example/);
});

test('no part of a secret is shown where a long error is cut', () => {
  const secret = 'an-access-token-that-has-43-characters-----';
  const error = new Error(`${'x'.repeat(980)} ${secret}`);
  const { words } = noReply(error, 'tc.example', undefined, redactorOf(secret));
  assert.match(words, /x \[secret\]$/);
});

test('no part of a secret is shown where a server sends it back in a content type', async t => {
  const server = await startServer(t, text(200, `text/${'x'.repeat(40)}-the-static-secret`, 'hello'));
  const error = await fails(connectTo(t, server.rootUrl), 'badReply');
  assert.match(error.message, /x-\[redacted\], not JSON/);
});

test('http:// where https:// was meant, and the other way round, are said in words', async t => {
  const plain = await startServer(t, response => sendJson(response, 200, {}));
  const tls = await fails(connectTo(t, plain.rootUrl.replace('http:', 'https:')), 'badReply');
  assert.match(tls.message, /after 3 tries .*does not speak TLS/);
  const port = await startRawServer(t, socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  const http = await fails(connectTo(t, `http://127.0.0.1:${port}`), 'badReply');
  assert.match(http.message, /does not speak HTTP/);
});

test('a refusal is final and in the words of the service, without secrets and without the echo of our payload', async t => {
  const error = await finalFailure(
    t,
    response => refuse(response, 400, 'InputError', 'bad secret the-static-secret\u001b[31m given'),
    'refused',
  );
  assert.match(error.message, /refused it \(400 InputError\): bad secret \[redacted\] \[31m given$/);
});

test('403, 409 and, for a static worker, 404 are final', async t => {
  for (const status of [403, 404, 409]) {
    await finalFailure(t, response => refuse(response, status, 'Code', 'no'), 'refused');
  }
});

test('an endless schema refusal is final after one try without the boot time', async t => {
  const server = await startServer(t, response =>
    refuse(response, 400, 'InputValidationError', 'Schema Validation Failed!'),
  );
  const rig = connectTo(t, server.rootUrl);
  await assert.rejects(rig.register({ systemBootTime: new Date() }), { exit: 'refused' });
  assert.equal(server.requests.length, 2);
});

test('a 404 that is not from Taskcluster is a wrong server, not an absent secret', async t => {
  const server = await startServer(t, text(404, 'text/html', '<h1>not here</h1>'));
  const { taskcluster } = connectTo(t, server.rootUrl);
  await assert.rejects(taskcluster.getSecret('a', AbortSignal.timeout(5000)), {
    exit: 'badReply',
    message: /the answer 404 with text\/html is not Taskcluster's/,
  });
});

test('HTML with 200 is a wrong server', async t => {
  const error = await finalFailure(t, text(200, 'text/html', '<html>log in</html>'), 'badReply');
  assert.match(error.message, /the reply \(200\) is text\/html, not JSON/);
});

test('an empty reply, one that is no JSON and one of another shape are named so', async t => {
  const cases: [Answer, RegExp][] = [
    [response => response.writeHead(200, { 'content-type': 'application/json' }).end(), /is empty/],
    [response => response.writeHead(204).end(), /is empty/],
    [text(200, 'application/json', '{"a": b}'), /is not valid JSON/],
    [text(200, 'application/json', 'null'), /is not valid JSON|is not that of registerWorker/],
    [text(200, 'application/json', '[]'), /is not that of registerWorker: it must be object/],
    [text(200, 'application/json', '{}'), /it lacks .*expires/],
    [respondWith({ expires: 'tomorrow' }), /\/expires must match pattern/],
    [respondWith({ expires: '2026-99-01T00:00:00Z' }), /\/expires must be a date/],
    [respondWith({ credentials: { clientId: 'a' } }), /\/credentials lacks accessToken/],
    [
      respondWith({ credentials: { clientId: 'a', accessToken: 7 } }),
      /\/credentials\/accessToken must be string/,
    ],
    [
      respondWith({ credentials: { clientId: 'a', accessToken: 'b', certificate: '{' } }),
      /certificate must be a JSON object/,
    ],
    [respondWith({ workerConfig: [] }), /\/workerConfig must be object,null/],
  ];
  for (const [answer, words] of cases) {
    const error = await finalFailure(t, answer, 'badReply');
    assert.match(error.message, words);
    assert.doesNotMatch(error.message, /the-access-token/);
  }
});

function respondWith(change: object): Answer {
  return response => sendJson(response, 200, { ...REGISTRATION, ...change });
}

test('null as an error is survived', async t => {
  assert.match(await retriedOnce(t, text(500, 'application/json', 'null')), /answered 500/);
  await finalFailure(t, text(400, 'application/json', 'null'), 'badReply');
});

test('a redirect is not followed, so that nothing of ours goes elsewhere', async t => {
  let arrived = 0;
  const elsewhere = await startServer(t, response => {
    arrived += 1;
    sendJson(response, 200, REGISTRATION);
  });
  for (const status of [301, 302, 307, 308]) {
    const location = `${elsewhere.rootUrl}/login?token=abc`;
    const error = await finalFailure(
      t,
      response => response.writeHead(status, { location }).end(),
      'badReply',
    );
    assert.match(
      error.message,
      new RegExp(`a redirect \\(${status}\\) to ${elsewhere.rootUrl}/login, which is not followed$`),
    );
  }
  assert.equal(arrived, 0);
});

test('a reply without end and of any size is ended', async t => {
  const chunk = Buffer.alloc(1024 * 1024);
  const error = await finalFailure(
    t,
    response => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    },
    'badReply',
  );
  assert.match(error.message, /far larger/);
});

test('a 401 is final where the clocks agree', async t => {
  const server = await startServer(t, (response, request) => {
    if (request.path.endsWith('/ping')) sendJson(response, 200, {});
    else refuse(response, 401, 'AuthenticationFailed', 'Bad mac');
  });
  const rig = connectTo(t, server.rootUrl);
  const error = await fails(rig, 'refused');
  assert.match(error.message, /401 AuthenticationFailed\): Bad mac$/);
  assert.equal(rig.warnings.length, 0);
});

test('a 401 is tried again where our clock is off, and the line says by how much', async t => {
  let calls = 0;
  const server = await startServer(t, (response, request) => {
    if (!request.path.endsWith('/ping')) calls += 1;
    if (request.path.endsWith('/ping')) sendJson(response, 200, {});
    else if (calls === 1) refuse(response, 401, 'AuthenticationFailed', 'Stale timestamp');
    else sendJson(response, 200, REGISTRATION);
  });
  const rig = connectTo(t, server.rootUrl, { clock: testClock(Date.now() + 600_000) });
  await rig.register();
  assert.match(
    rig.warnings[0] ?? '',
    /Stale timestamp; our clock is (9 min 5\d s|10 min( 1 s)?) ahead of the service's \(try 1\)/,
  );
});

test('a failing identity proof ends the registration with its own error', async t => {
  const server = await startServer(t, response => sendJson(response, 200, REGISTRATION));
  const proofError = new RunnerError('provider.proof', 'no proof', { exit: 'refused' });
  await assert.rejects(
    connectTo(t, server.rootUrl).register({ prove: () => Promise.reject(proofError) }),
    proofError,
  );
  assert.equal(server.requests.length, 0);
});
