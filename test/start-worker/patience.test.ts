/** What may be over in a moment. Retries take real seconds, so these tests wait beside each other. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertFailed, assertWorked, boot, warningsOf } from '../support/boot.ts';
import { STANDALONE_PROVIDER } from '../support/runner-config.ts';
import { simulate } from '../support/simulator.ts';
import { closedPort, startServer } from '../support/taskcluster-server.ts';

void describe('a Taskcluster in trouble', { concurrency: true }, () => {
  void test('a registration that fails twice is tried a third time, with one line a retry', async t => {
    const message = 'the cloud is down';
    const simulator = await simulate(t, {
      faults: [{ call: 'registerWorker', status: 503, code: 'ProviderSetupFailed', message, times: 2 }],
    });
    const result = await boot(t, simulator.rootUrl, { config: { network: { retryFor: '1m' } } });
    assertWorked(result);
    const warnings = warningsOf(result);
    assert.equal(warnings.length, 2, result.stderr);
    for (const [index, line] of warnings.entries()) {
      assert.match(
        line,
        new RegExp(
          `^registerWorker at ${simulator.rootUrl}/api/\\S+ failed: the service answered 503 ` +
            `\\(ProviderSetupFailed\\): the cloud is down \\(try ${index + 1}\\); ` +
            'next try in [\\d.]+ s, giving up in [\\d.]+ (s|min)$',
        ),
      );
    }
  });

  void test('a service that stays in trouble is given up after retryFor', async t => {
    const simulator = await simulate(t, { faults: [{ call: 'registerWorker', status: 500 }] });
    const result = await boot(t, simulator.rootUrl, { config: { network: { retryFor: '5s' } } });
    assert.match(
      assertFailed(result, 'unreachable'),
      /failed after \d tries in .*: the service answered 500/,
    );
    assert.equal(warningsOf(result).length, simulator.requests.length - 1);
    assert.ok(simulator.requests.length > 1);
  });

  void test('a service that never answers is left after attemptTimeout, and asked again', async t => {
    const simulator = await simulate(t, { faults: [{ call: 'registerWorker', hang: true, times: 1 }] });
    const result = await boot(t, simulator.rootUrl, {
      config: { network: { retryFor: '10s', attemptTimeout: '2s' } },
    });
    assertWorked(result);
    assert.match(warningsOf(result).join('\n'), /failed: no reply in 2 s \(try 1\);[^\n]+$/);
  });

  void test('a service that never answers at all is given up', async t => {
    const simulator = await simulate(t, { faults: [{ hang: true }] });
    const result = await boot(t, simulator.rootUrl, {
      config: { network: { retryFor: '5s', attemptTimeout: '500ms' } },
    });
    assert.match(assertFailed(result, 'unreachable'), /after \d tries in .*: no reply in 0\.\d s$/);
  });

  void test('a slow service is waited for', async t => {
    const simulator = await simulate(t, { faults: [{ delay: '400ms' }] });
    const result = await boot(t, simulator.rootUrl);
    assertWorked(result);
    assert.deepEqual(warningsOf(result), []);
  });

  void test('a connection that is reset is made again', async t => {
    const simulator = await simulate(t, { faults: [{ call: 'registerWorker', reset: true, times: 1 }] });
    const result = await boot(t, simulator.rootUrl, { config: { network: { retryFor: '10s' } } });
    assertWorked(result);
    assert.match(
      warningsOf(result).join('\n'),
      /closed the connection without a reply \(ECONNRESET\) \(try 1\);[^\n]+$/,
    );
  });

  void test('a reply that is cut off is asked for again, and the exit code says it if that does not help', async t => {
    const simulator = await simulate(t, { faults: [{ call: 'registerWorker', body: 'cut' }] });
    const result = await boot(t, simulator.rootUrl, { config: { network: { retryFor: '5s' } } });
    assert.match(
      assertFailed(result, 'badReply'),
      /after \d tries .*: the reply \(200\) was cut off after \d+ bytes$/,
    );
    assert.equal(warningsOf(result).length, simulator.requests.length - 1);
    assert.ok(simulator.requests.length > 1);
  });

  void test('a rootURL where nobody listens is tried until retryFor is over', async t => {
    const port = await closedPort();
    const result = await boot(t, `http://127.0.0.1:${port}`);
    assert.match(
      assertFailed(result, 'unreachable'),
      new RegExp(`after \\d tries in .*: 127\\.0\\.0\\.1:${port} refused the connection \\(ECONNREFUSED\\)$`),
    );
    assert.ok(warningsOf(result).length > 0);
  });

  void test('a rootURL whose name DNS does not know is tried until retryFor is over', async t => {
    // Too long a label for DNS: the resolver says so without asking anyone.
    const host = `${'x'.repeat(64)}.invalid`;
    const result = await boot(t, `http://${host}`, { config: { network: { retryFor: '5s' } } });
    assert.match(
      assertFailed(result, 'unreachable'),
      new RegExp(`after \\d tries in .*: the name of ${host} is unknown to DNS \\(ENOTFOUND\\)$`),
    );
  });

  void test('a 401 is tried again while our clock is wrong, and the line says by how much', async t => {
    const simulator = await simulate(t, {
      faults: [
        { call: 'ping', clock: '-10m' },
        { call: 'getSecret', clock: '-10m', times: 2 },
      ],
    });
    const result = await boot(t, simulator.rootUrl, { config: { network: { retryFor: '10s' } } });
    assertWorked(result);
    const warnings = warningsOf(result);
    assert.equal(warnings.length, 2, 'one for each of the two secrets');
    for (const line of warnings) {
      assert.match(
        line,
        /^get secret at .*\(401 .*; our clock is (10 min|9 min 59 s|10 min \d s) ahead of the service's \(try 1\)/,
      );
    }
  });

  void test('a clock that stays wrong ends the boot with the advice to set it', async t => {
    const simulator = await simulate(t, { faults: [{ clock: '+1h' }] });
    const result = await boot(t, simulator.rootUrl, { config: { network: { retryFor: '5s' } } });
    assert.match(assertFailed(result, 'refused'), /our clock is .* behind the service's$/);
    assert.match(result.stderr, /what to do: set the machine's clock/);
  });

  void test('when one secret has failed for good, nobody waits for the other', async t => {
    const server = await startServer(t, (response, { path }) => {
      // The other one is never answered.
      if (path.includes('worker-pool')) response.writeHead(200, { 'content-type': 'text/html' }).end('<p>');
    });
    const provider = { ...STANDALONE_PROVIDER, rootURL: server.rootUrl };
    // Waiting would take longer than this test may.
    const network = { retryFor: '10m', attemptTimeout: '5m' };
    const result = await boot(t, server.rootUrl, { config: { provider, network } });
    assert.match(assertFailed(result, 'badReply'), /get secret at .*worker-pool.* is text\/html, not JSON$/);
  });
});
