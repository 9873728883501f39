import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { assertFailed, assertWorked, boot, warningsOf } from '../support/boot.ts';
import type { ProgramResult } from '../support/program.ts';
import { simulate } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';

// Refused certificates are tried again after real seconds, so these tests wait beside each other.
void describe('Taskcluster over TLS', { concurrency: true }, () => {
  for (const variable of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
    void test(`a private CA that ${variable} names is trusted, at the first try`, async t => {
      const simulator = await simulate(t, { tls: true });
      const result = await boot(t, simulator.rootUrl, { env: { [variable]: simulator.caFile ?? '' } });
      assertWorked(result);
      assert.deepEqual(warningsOf(result), []);
      assert.equal(simulator.requests.length, 3);
    });
  }

  void test('a private CA in a folder of SSL_CERT_DIR is trusted, whatever its file is called', async t => {
    const simulator = await simulate(t, { tls: true });
    const folder = await temporaryFolder(t);
    await copyFile(simulator.caFile ?? '', join(folder, 'our-company.crt'));
    const result = await boot(t, simulator.rootUrl, { env: { SSL_CERT_DIR: folder } });
    assertWorked(result);
    assert.deepEqual(warningsOf(result), []);
  });

  void test('a CA file that is not there is said so once', async t => {
    const simulator = await simulate(t, { tls: true });
    const folder = await temporaryFolder(t);
    await copyFile(simulator.caFile ?? '', join(folder, 'ca.pem'));
    const env = { SSL_CERT_FILE: '/nowhere/ca.pem', SSL_CERT_DIR: folder };
    const result = await boot(t, simulator.rootUrl, { env });
    assertWorked(result);
    assert.match(warningsOf(result).join('\n'), /^SSL_CERT_FILE: ENOENT[^\n]*\/nowhere\/ca\.pem'$/);
  });

  void test('a CA that nobody here knows ends the boot after three tries, and nothing is sent', async t => {
    const simulator = await simulate(t, { tls: true });
    const result = await boot(t, simulator.rootUrl, { config: { network: { retryFor: '10m' } } });
    const statement = assertFailed(result, 'untrusted');
    assert.match(
      statement,
      /^registerWorker at https:\/\/\S+ failed after 3 tries in .*: the certificate of /,
    );
    const { host } = new URL(simulator.rootUrl);
    assert.ok(statement.includes(`the certificate of ${host} is not accepted: its issuer is unknown here`));
    assert.match(statement, /; subject "CN=localhost", names DNS:localhost, .*issuer "CN=simulate-cloud/);
    assertSaysDatesAndClock(statement);
    assert.match(result.stderr, /what to do: .*SSL_CERT_FILE or NODE_EXTRA_CA_CERTS/);
    assert.equal(warningsOf(result).length, 2);
    assert.equal(simulator.requests.length, 0);
  });

  void test('NODE_TLS_REJECT_UNAUTHORIZED=0 does not make us send secrets to anyone', async t => {
    const simulator = await simulate(t, { tls: true });
    const result = await bootOnce(t, simulator.rootUrl, { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    assertFailed(result, 'untrusted');
    assert.equal(simulator.requests.length, 0);
  });

  void test('an expired certificate is said so, beside its dates and our clock', async t => {
    const simulator = await simulate(t, { tls: { certificate: 'expired' } });
    const result = await bootOnce(t, simulator.rootUrl, { SSL_CERT_FILE: simulator.caFile ?? '' });
    const statement = assertFailed(result, 'untrusted');
    assert.match(statement, /is not accepted: it has expired \(CERT_HAS_EXPIRED\); subject .*, issuer /);
    const [, until = '', clock = ''] = assertSaysDatesAndClock(statement);
    assert.ok(until < clock);
    assert.match(result.stderr, /what to do: if our clock is wrong, set it/);
    assert.equal(simulator.requests.length, 0);
  });

  void test('a certificate for another host is said so, with the names it has', async t => {
    const simulator = await simulate(t, { tls: { certificate: 'other-host' } });
    const result = await bootOnce(t, simulator.rootUrl, { SSL_CERT_FILE: simulator.caFile ?? '' });
    const statement = assertFailed(result, 'untrusted');
    assert.match(statement, /it is for another host .*; subject .*, names DNS:other-host\.example, issuer /);
    assertSaysDatesAndClock(statement);
    assert.match(result.stderr, /what to do: use a name of the certificate in rootURL/);
    assert.equal(simulator.requests.length, 0);
  });

  void test('https:// to a server that speaks http:// is said so', async t => {
    const simulator = await simulate(t);
    const result = await bootOnce(t, simulator.rootUrl.replace('http:', 'https:'));
    assert.match(assertFailed(result, 'badReply'), /does not speak TLS/);
    assert.match(result.stderr, /what to do: .*is it an http:\/\/ address\?/);
  });
});

/** Boots with one try a call. */
function bootOnce(
  t: Parameters<typeof boot>[0],
  rootUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ProgramResult> {
  return boot(t, rootUrl, { config: { network: { retryFor: '0s' } }, env });
}

/** @returns from when to when the certificate is valid, and our clock */
function assertSaysDatesAndClock(statement: string): readonly string[] {
  const found = /valid from (\d{4}-\S+) to (\d{4}-\S+); our clock says (\d{4}-\S+)$/.exec(statement);
  assert.ok(found !== null, statement);
  return found.slice(1);
}
