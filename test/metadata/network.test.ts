import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startMetadataServer } from '../support/metadata-server.ts';
import { NEEDS_NETWORK as skip } from '../support/network-namespace.ts';
import { ROOT } from '../support/program.ts';
import { closedPort } from '../support/taskcluster-server.ts';

const run = promisify(execFile);

function fixture(name: string): string {
  return join(ROOT, 'test', 'fixtures', name);
}

/** Runs node in a network namespace that has a loopback interface with these addresses, and nothing else. */
async function runInNamespace(addresses: readonly string[], ...args: readonly string[]): Promise<string> {
  const setUp = ['ip link set lo up', ...addresses.map(address => `ip addr add ${address} dev lo nodad`)];
  const script = `${setUp.join(' && ')} && exec "$@"`;
  const command = ['--net', 'sh', '-c', script, 'sh', process.execPath, ...args];
  return (await run('unshare', command, { timeout: 30_000 })).stdout;
}

void test('no proxy variable counts, not even where Node is told to use them', async t => {
  const server = await startMetadataServer(t, response => response.end('value'));
  const proxy = `http://127.0.0.1:${await closedPort()}`;
  const env = { ...process.env, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy, http_proxy: proxy, NO_PROXY: '' };
  const { stdout } = await run(process.execPath, [fixture('ask-metadata.ts'), server.origin], {
    env: { ...env, no_proxy: '' },
    timeout: 30_000,
  });
  assert.equal(stdout, 'value');
});

void test(
  'where IPv4 has no route, IPv6 is asked at once, and counts as the real address',
  { skip },
  async () => {
    const stdout = await runInNamespace(['fd00:ec2::254/128'], fixture('aws-over-ipv6.ts'));
    assert.deepEqual(JSON.parse(stdout), {
      workerId: 'i-1',
      before: {
        kind: 'provisioned',
        mayHalt: false,
        because: 'no metadata service has named a worker pool',
      },
      after: { kind: 'provisioned', mayHalt: true },
    });
  },
);

void test('where IPv4 comes up late, no silence of IPv6 keeps the client from it', { skip }, async () => {
  const stdout = await runInNamespace(['fd00:ec2::254/128'], fixture('ipv4-comes-later.ts'));
  const { before, after } = JSON.parse(stdout) as { readonly before: string; readonly after: string };
  assert.match(before, /GET http:\/\/\[fd00:ec2::254\]\/a was accepted and not answered in (3|2\.\d|2) s/);
  assert.equal(after, 'value');
});

void test('where there is no route at all, the error says so', { skip }, async () => {
  await assert.rejects(
    runInNamespace([], fixture('ask-metadata.ts'), 'http://169.254.169.254', 'http://[fd00:ec2::254]'),
    /was not answered: ENETUNREACH/,
  );
});
