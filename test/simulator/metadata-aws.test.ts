import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateMachine } from '../support/simulator.ts';
import { ask, askAws, awsToken } from './support.ts';

const TTL = 'X-aws-ec2-metadata-token-ttl-seconds';

test('AWS gives a session token for the time that is asked for, and names that time', async t => {
  const simulator = await simulateMachine(t, 'aws');
  const put = (headers: Record<string, string>) =>
    ask(simulator, '/latest/api/token', { method: 'PUT', headers });
  const good = await put({ [TTL]: '21600' });
  assert.equal(good.status, 200);
  assert.equal(good.headers.get(TTL), '21600');
  assert.match(good.text, /^[\w=-]{56}$/);
  for (const headers of [{}, { [TTL]: '0' }, { [TTL]: '21601' }, { [TTL]: 'long' }]) {
    assert.equal((await put(headers)).status, 400, JSON.stringify(headers));
  }
  assert.equal((await put({ [TTL]: '60', 'X-Forwarded-For': '203.0.113.1' })).status, 403);
  assert.equal((await ask(simulator, '/latest/api/token', { headers: { [TTL]: '60' } })).status, 405);
});

test('AWS answers nothing without a token, with a wrong one, an expired one, or one that was lost', async t => {
  let nowMs = Date.now();
  const simulator = await simulateMachine(t, 'aws', {}, { now: () => nowMs });
  assert.equal((await ask(simulator, '/latest/meta-data/instance-id')).status, 401);
  assert.equal((await askAws(simulator, 'meta-data/instance-id', 'made-up')).status, 401);
  const token = await awsToken(simulator, 10);
  assert.equal((await askAws(simulator, 'meta-data/instance-id', token)).text, 'i-0123456789abcdef0');
  nowMs += 10_000;
  assert.equal((await askAws(simulator, 'meta-data/instance-id', token)).status, 401);
  const second = await awsToken(simulator);
  simulator.happen('tokens lost');
  assert.equal((await askAws(simulator, 'meta-data/instance-id', second)).status, 401);
});

test('AWS tells who the machine is; what it does not have is a 404 page', async t => {
  const simulator = await simulateMachine(t, 'aws', {
    machine: { absent: ['public-ipv4'], rootUrl: 'own/' },
  });
  const token = await awsToken(simulator);
  const userData = JSON.parse((await askAws(simulator, 'user-data', token)).text) as object;
  assert.deepEqual(userData, {
    workerPoolId: 'demo/aws',
    providerId: 'aws-demo',
    workerGroup: 'us-east-1',
    rootUrl: `${simulator.rootUrl}/`,
    workerConfig: {},
  });
  const names = [
    'instance-id',
    'ami-id',
    'instance-type',
    'local-ipv4',
    'public-hostname',
    'placement/region',
  ];
  for (const name of [...names, 'placement/availability-zone']) {
    assert.equal((await askAws(simulator, `meta-data/${name}`, token)).status, 200, name);
  }
  const absent = await askAws(simulator, 'meta-data/public-ipv4', token);
  assert.equal(absent.status, 404);
  assert.match(absent.text, /<h1>404 - Not Found<\/h1>/);
  assert.match(absent.headers.get('content-type') ?? '', /html/);
  assert.equal((await askAws(simulator, 'meta-data/constructor', token)).status, 404);
  const { text } = await askAws(simulator, 'dynamic/instance-identity/document', token);
  const document = JSON.parse(text) as Record<string, string>;
  assert.equal(document.instanceId, 'i-0123456789abcdef0');
  assert.equal(document.availabilityZone, 'us-east-1a');
});

test('a spot interruption of AWS is announced two minutes ahead, at both of its places, and may be taken back', async t => {
  const nowMs = Date.parse('2026-11-21T10:00:00.400Z');
  const simulator = await simulateMachine(t, 'aws', {}, { now: () => nowMs });
  assert.equal((await askAws(simulator, 'meta-data/spot/instance-action')).status, 404);
  simulator.happen('spot-interruption');
  const { text } = await askAws(simulator, 'meta-data/spot/instance-action');
  assert.deepEqual(JSON.parse(text), { action: 'terminate', time: '2026-11-21T10:02:00Z' });
  assert.equal((await askAws(simulator, 'meta-data/spot/termination-time')).text, '2026-11-21T10:02:00Z');
  simulator.withdraw('spot-interruption');
  assert.equal((await askAws(simulator, 'meta-data/spot/instance-action')).status, 404);
});

test('AWS recommends to rebalance and schedules maintenance', async t => {
  const nowMs = Date.parse('2026-11-21T10:00:00Z');
  const simulator = await simulateMachine(t, 'aws', {}, { now: () => nowMs });
  assert.equal((await askAws(simulator, 'meta-data/events/recommendations/rebalance')).status, 404);
  assert.equal((await askAws(simulator, 'meta-data/events/maintenance/scheduled')).text, '[]');
  simulator.happen('rebalance');
  simulator.happen('maintenance');
  const { text } = await askAws(simulator, 'meta-data/events/recommendations/rebalance');
  assert.deepEqual(JSON.parse(text), { noticeTime: '2026-11-21T10:00:00Z' });
  const scheduled = await askAws(simulator, 'meta-data/events/maintenance/scheduled');
  const [event] = JSON.parse(scheduled.text) as Record<string, string>[];
  assert.match(event?.EventId ?? '', /^instance-event-[0-9a-f]{17}$/);
  assert.equal(event?.NotBefore, '22 Nov 2026 10:00:00 GMT');
  assert.equal(event.State, 'active');
});
