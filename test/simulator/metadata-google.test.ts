import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateMachine } from '../support/simulator.ts';
import { ask, askGoogle, googleToken } from './support.ts';

test('Google answers only who says Metadata-Flavor, says it too, and refuses what was forwarded', async t => {
  const simulator = await simulateMachine(t, 'google');
  const good = await askGoogle(simulator, 'instance/id');
  assert.equal(good.text, '4567890123456789012');
  assert.equal(good.headers.get('metadata-flavor'), 'Google');
  assert.match(good.headers.get('etag') ?? '', /^[0-9a-f]{16}$/);
  assert.equal((await ask(simulator, '/computeMetadata/v1/instance/id')).status, 403);
  const forwarded = { 'Metadata-Flavor': 'Google', 'X-Forwarded-For': '203.0.113.1' };
  assert.equal((await askGoogle(simulator, 'instance/id', { headers: forwarded })).status, 403);
  const posted = { method: 'POST', headers: { 'Metadata-Flavor': 'Google' } };
  assert.equal((await askGoogle(simulator, 'instance/id', posted)).status, 405);
});

test('Google tells who the machine is; what it does not have is 404', async t => {
  const simulator = await simulateMachine(t, 'google', {
    machine: { absent: ['public-ipv4', 'public-hostname'], interfaces: 2 },
  });
  const value = async (path: string) => (await askGoogle(simulator, path)).text;
  assert.match(await value('instance/zone'), /^projects\/\d+\/zones\/us-central1-a$/);
  assert.match(await value('instance/machine-type'), /^projects\/\d+\/machineTypes\//);
  assert.equal(await value('project/project-id'), 'demo-project');
  assert.equal(await value('instance/network-interfaces/0/ip'), '10.128.0.2');
  assert.equal(await value('instance/network-interfaces/1/ip'), '10.128.0.3');
  assert.equal(await value('instance/scheduling/on-host-maintenance'), 'MIGRATE');
  const { workerPoolId, rootUrl } = JSON.parse(await value('instance/attributes/taskcluster')) as Record<
    string,
    string
  >;
  assert.equal(workerPoolId, 'demo/google');
  assert.equal(rootUrl, simulator.rootUrl);
  for (const absent of [
    'instance/network-interfaces/0/access-configs/0/external-ip',
    'instance/network-interfaces/2/ip',
    'instance/hostname',
    'instance/attributes/other',
  ]) {
    assert.equal((await askGoogle(simulator, absent)).status, 404, absent);
  }
});

test('the identity token of Google has the audience that was asked for, and names the instance in full only', async t => {
  const simulator = await simulateMachine(t, 'google');
  const claims = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
  const full = claims(await googleToken(simulator, 'https://tc.example.com/?a=b&c'));
  assert.equal(full.aud, 'https://tc.example.com/?a=b&c');
  assert.match(JSON.stringify(full.google), /"instance_id":"4567890123456789012"/);
  assert.equal(claims(await googleToken(simulator, 'x', 'standard')).google, undefined);
  const without = await askGoogle(simulator, 'instance/service-accounts/default/identity');
  assert.equal(without.status, 400);
});

test('a hanging request is answered when the value changes, and at once where its etag is not the newest', async t => {
  const simulator = await simulateMachine(t, 'google');
  const first = await askGoogle(simulator, 'instance/preempted');
  assert.equal(first.text, 'FALSE');
  const etag = first.headers.get('etag') ?? '';
  const query = `wait_for_change=true&last_etag=${etag}&timeout_sec=600`;
  const hanging = askGoogle(simulator, `instance/preempted?${query}`);
  await simulator.waitForMetadata('wait_for_change');
  simulator.happen('spot-interruption');
  const changed = await hanging;
  assert.equal(changed.text, 'TRUE');
  assert.notEqual(changed.headers.get('etag'), etag);
  assert.equal((await askGoogle(simulator, `instance/preempted?${query}`)).text, 'TRUE');
});

test('without last_etag a hanging request waits for the next change: one in between is missed', async t => {
  const simulator = await simulateMachine(t, 'google');
  simulator.happen('spot-interruption');
  const hanging = askGoogle(simulator, 'instance/preempted?wait_for_change=true');
  await simulator.waitForMetadata('wait_for_change');
  simulator.happen('maintenance');
  simulator.withdraw('spot-interruption');
  assert.equal((await hanging).text, 'FALSE');
});

test('a hanging request gives the old value when its time is up', async t => {
  const simulator = await simulateMachine(t, 'google');
  const start = performance.now();
  const reply = await askGoogle(simulator, 'instance/preempted?wait_for_change=true&timeout_sec=1');
  assert.equal(reply.text, 'FALSE');
  assert.ok(performance.now() - start > 900);
});

test('what host maintenance means is the policy of the machine', async t => {
  for (const [policy, word] of [
    ['migrate', 'MIGRATE_ON_HOST_MAINTENANCE'],
    ['terminate', 'TERMINATE_ON_HOST_MAINTENANCE'],
  ] as const) {
    const simulator = await simulateMachine(t, 'google', { machine: { policy } });
    assert.equal((await askGoogle(simulator, 'instance/maintenance-event')).text, 'NONE');
    simulator.happen('maintenance');
    assert.equal((await askGoogle(simulator, 'instance/maintenance-event')).text, word);
  }
});

test('a hanging request gets 503 when the metadata service begins to fail', async t => {
  const simulator = await simulateMachine(t, 'google');
  const hanging = askGoogle(simulator, 'instance/preempted?wait_for_change=true');
  // While it hangs, nobody knows how it will be answered.
  assert.equal((await simulator.waitForMetadata('wait_for_change')).status, undefined);
  simulator.happen('metadata failing');
  assert.equal((await hanging).status, 503);
  assert.equal((await simulator.waitForMetadata('wait_for_change')).status, 503);
});
