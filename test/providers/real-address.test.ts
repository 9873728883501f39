/** On the real addresses of the metadata services: in a network namespace of the test's own, where nobody else is. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { NEEDS_NETWORK as skip } from '../support/network-namespace.ts';

const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'identify-on-real-address.ts');
const IPV4 = '169.254.169.254';

const WORKER_DATA = {
  workerPoolId: 'a/b',
  providerId: 'p',
  workerGroup: 'g',
  rootUrl: 'https://tc.example.com',
};

const MAY_HALT = { kind: 'provisioned', mayHalt: true };
const MAY_NOT_HALT = {
  kind: 'provisioned',
  mayHalt: false,
  because: 'no metadata service has named a worker pool',
};

interface Outcome {
  readonly workerId: string;
  readonly before: object;
  readonly after: object;
}

async function identify(
  cloud: string,
  address: string,
  answers: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const headers = JSON.stringify(cloud === 'google' ? { 'Metadata-Flavor': 'Google' } : {});
  const script = `ip link set lo up && ip addr add "$1" dev lo && shift && exec "$@"`;
  const { stdout } = await promisify(execFile)(
    'unshare',
    [
      '-n',
      'sh',
      '-ec',
      script,
      'sh',
      address,
      process.execPath,
      FIXTURE,
      cloud,
      address,
      headers,
      JSON.stringify(answers),
    ],
    { timeout: 30_000 },
  );
  return JSON.parse(stdout) as Outcome;
}

function googleVm(data: object): Record<string, string> {
  const instance = '/computeMetadata/v1/instance';
  return {
    [`${instance}/attributes/taskcluster`]: JSON.stringify(data),
    [`${instance}/id`]: '4711',
    [`${instance}/zone`]: 'projects/9/zones/us-central1-a',
  };
}

function azureVm(
  tags: Readonly<Record<string, string>>,
  compute: object = { name: 'vm-1', location: 'westus2' },
): Record<string, string> {
  const tagsList = Object.entries(tags).map(([name, value]) => ({ name, value }));
  return { '/metadata/instance': JSON.stringify({ compute: { ...compute, tagsList } }) };
}

void test('a Google VM whose metadata names a worker pool may be halted', { skip }, async () => {
  const outcome = await identify('google', IPV4, googleVm(WORKER_DATA));
  assert.deepEqual(outcome, { workerId: '4711', before: MAY_NOT_HALT, after: MAY_HALT });
});

void test('where there is no route to the IPv4 address, Google is asked by IPv6', { skip }, async () => {
  const outcome = await identify('google', 'fd20:ce::254', googleVm(WORKER_DATA));
  assert.deepEqual(outcome, { workerId: '4711', before: MAY_NOT_HALT, after: MAY_HALT });
});

void test('an Azure VM whose tags name a worker pool may be halted', { skip }, async () => {
  const tags = { 'worker-pool-id': 'a/b', 'provider-id': 'p', 'worker-group': 'g', 'root-url': 'https://tc' };
  const outcome = await identify('azure', IPV4, azureVm(tags));
  assert.deepEqual(outcome, { workerId: 'vm-1', before: MAY_NOT_HALT, after: MAY_HALT });
});

for (const [cloud, vm] of [
  ['google', googleVm({ workerPoolId: 'a/b', providerId: 'p' })],
  ['azure', azureVm({ 'worker-pool-id': 'a/b' })],
  ['azure', azureVm({ 'worker-pool-id': 'a/b' }, { name: '', location: 7 })],
] as const) {
  void test(
    `a VM of ${cloud} that was made for a worker pool may be halted, whatever else it lacks`,
    { skip },
    async () => {
      const outcome = await identify(cloud, IPV4, vm);
      assert.deepEqual(outcome, { workerId: 'failed', before: MAY_NOT_HALT, after: MAY_HALT });
    },
  );
}

for (const [cloud, vm] of [
  ['google', googleVm({ workerPoolId: 'no pool', providerId: 'p' })],
  ['azure', azureVm({ Name: 'the desktop of somebody' })],
] as const) {
  void test(
    `a VM of ${cloud} that was not made for a worker pool may never be halted`,
    { skip },
    async () => {
      const outcome = await identify(cloud, IPV4, vm);
      assert.deepEqual(outcome, { workerId: 'failed', before: MAY_NOT_HALT, after: MAY_NOT_HALT });
    },
  );
}
