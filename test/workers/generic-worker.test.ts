import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGenericWorker } from '../../src/workers/generic-worker.ts';
import { workerContext } from '../support/worker-context.ts';

const worker = createGenericWorker({
  implementation: 'generic-worker',
  path: '/usr/local/bin/generic-worker',
  configPath: '/etc/generic-worker.json',
});

void test('generic-worker is started with its config file and told that a runner is there', () => {
  assert.deepEqual(worker.launch, {
    kind: 'command',
    file: '/usr/local/bin/generic-worker',
    args: ['run', '--config', '/etc/generic-worker.json', '--with-worker-runner'],
    env: {},
    configPath: '/etc/generic-worker.json',
  });
});

void test('generic-worker gets its identity, credentials and location', () => {
  const config = worker.configure(workerContext({ certificate: '{"version":1}' }));
  assert.deepEqual(config, {
    clientId: 'worker/1',
    accessToken: 'token',
    certificate: '{"version":1}',
    rootURL: 'https://tc.example.com',
    provisionerId: 'proj',
    workerType: 'linux',
    workerGroup: 'desk',
    workerId: 'one',
    workerLocation: '{"cloud":"static","rack":"7"}',
    workerTypeMetadata: {},
  });
});

void test('what the provider knows of the instance becomes generic-worker keys, and what it lacks stays out', () => {
  const metadata = {
    'public-ipv4': '203.0.113.7',
    'instance-type': 'm5',
    'availability-zone': 'a',
    image: 'ami-1',
  };
  const config = worker.configure(workerContext({ metadata }));
  assert.equal(config.publicIP, '203.0.113.7');
  assert.equal(config.instanceType, 'm5');
  assert.equal(config.availabilityZone, 'a');
  assert.ok(!('privateIP' in config) && !('instanceID' in config) && !('region' in config));
  assert.deepEqual(config.workerTypeMetadata, metadata);
});

void test('a worker pool id is split at its first slash', () => {
  const config = worker.configure(workerContext({ workerPoolId: 'a/b/c' }));
  assert.equal(config.provisionerId, 'a');
  assert.equal(config.workerType, 'b/c');
});

void test('a worker pool id without a slash is refused with the reason', () => {
  assert.throws(() => worker.configure(workerContext({ workerPoolId: 'lonely' })), {
    code: 'worker.identity',
    message: /"lonely" has no slash/,
  });
});
