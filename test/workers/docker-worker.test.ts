import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDockerWorker } from '../../src/workers/docker-worker.ts';
import { workerContext } from '../support/worker-context.ts';

const worker = createDockerWorker({
  implementation: 'docker-worker',
  path: '/opt/docker-worker',
  configPath: '/etc/docker-worker.json',
});

void test('docker-worker is started as its program or, where there is none, from its sources with node', () => {
  assert.deepEqual(worker.launch, {
    kind: 'command',
    file: '/opt/docker-worker/bin/docker-worker',
    args: ['--host', 'worker-runner', 'production'],
    otherwise: {
      needs: '/opt/docker-worker/src/bin/worker.js',
      file: 'node',
      args: ['/opt/docker-worker/src/bin/worker.js', '--host', 'worker-runner', 'production'],
    },
    env: { DOCKER_WORKER_CONFIG: '/etc/docker-worker.json' },
    waitsAfterShutdown: true,
    configPath: '/etc/docker-worker.json',
  });
});

void test('docker-worker gets its identity, its location, and its credentials in a mapping of their own', () => {
  assert.deepEqual(worker.configure(workerContext({ certificate: '{"version":1}' })), {
    rootUrl: 'https://tc.example.com',
    taskcluster: { clientId: 'worker/1', accessToken: 'token', certificate: '{"version":1}' },
    provisionerId: 'proj',
    workerType: 'linux',
    workerGroup: 'desk',
    workerId: 'one',
    workerLocation: '{"cloud":"static","rack":"7"}',
  });
});

void test('what the provider knows of the instance becomes docker-worker keys, and what it lacks stays out', () => {
  const metadata = {
    'public-hostname': 'ec2-1.example.com',
    'public-ipv4': '203.0.113.7',
    'instance-type': 'm5',
    'instance-id': 'i-1',
    'availability-zone': 'a',
  };
  const config = worker.configure(workerContext({ metadata }));
  const { host, publicIp, workerNodeType, instanceType, instanceId } = config;
  assert.deepEqual(
    { host, publicIp, workerNodeType, instanceType, instanceId },
    {
      host: 'ec2-1.example.com',
      publicIp: '203.0.113.7',
      workerNodeType: 'm5',
      instanceType: 'm5',
      instanceId: 'i-1',
    },
  );
  for (const key of ['privateIp', 'region', 'availabilityZone', 'workerTypeMetadata']) {
    assert.ok(!(key in config), key);
  }
  const { taskcluster } = config;
  assert.deepEqual(taskcluster, { clientId: 'worker/1', accessToken: 'token' });
});

void test('docker-worker needs both halves of the worker pool id', () => {
  assert.throws(() => worker.configure(workerContext({ workerPoolId: 'lonely' })), {
    code: 'worker.identity',
    message: /"lonely" has no slash, and docker-worker needs its two halves/,
  });
});
