import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Simulator } from '../../src/simulator/index.ts';
import { simulateMachine } from '../support/simulator.ts';
import { ask, askAzure } from './support.ts';

const INSTANCE = 'instance?api-version=2025-04-07';
const EVENTS = 'scheduledevents?api-version=2020-07-01';

interface Events {
  readonly DocumentIncarnation: number;
  readonly Events: readonly Readonly<Record<string, unknown>>[];
}

async function events(simulator: Simulator): Promise<Events> {
  return JSON.parse((await askAzure(simulator, EVENTS)).text) as Events;
}

function startEvents(simulator: Simulator, body: string): Promise<{ readonly status: number }> {
  return askAzure(simulator, EVENTS, { method: 'POST', headers: { Metadata: 'true' }, body });
}

test('Azure wants its header and an api-version that it knows, and refuses what was forwarded', async t => {
  const simulator = await simulateMachine(t, 'azure');
  assert.equal((await ask(simulator, `/metadata/${INSTANCE}`)).status, 400);
  const forwarded = { Metadata: 'true', 'X-Forwarded-For': '203.0.113.1' };
  assert.equal((await askAzure(simulator, INSTANCE, { headers: forwarded })).status, 400);
  for (const path of ['instance', 'instance?api-version=2099-01-01']) {
    const { status, text } = await askAzure(simulator, path);
    assert.equal(status, 400);
    assert.match(text, /"newest-versions":\["2025-04-07"/);
  }
  assert.match((await askAzure(simulator, 'scheduledevents')).text, /"newest-versions":\["2020-07-01"/);
  assert.equal((await askAzure(simulator, 'other?api-version=2025-04-07')).status, 404);
  const posted = { method: 'POST', headers: { Metadata: 'true' } };
  assert.equal((await askAzure(simulator, INSTANCE, posted)).status, 405);
});

test('Azure tells who the machine is in one document', async t => {
  const simulator = await simulateMachine(t, 'azure', {
    machine: { absent: ['public-ipv4', 'provider-id'], interfaces: 2 },
  });
  const instance = JSON.parse((await askAzure(simulator, INSTANCE)).text) as {
    compute: { name: string; location: string; tagsList: { name: string; value: string }[] };
    network: { interface: { ipv4: { ipAddress: { publicIpAddress: string }[] } }[] };
  };
  assert.equal(instance.compute.name, 'vm-demo-1');
  assert.equal(instance.compute.location, 'eastus');
  const tags = new Map(instance.compute.tagsList.map(({ name, value }) => [name, value]));
  assert.equal(tags.get('worker-pool-id'), 'demo/azure');
  assert.equal(tags.get('root-url'), simulator.rootUrl);
  assert.equal(tags.has('provider-id'), false);
  assert.equal(instance.network.interface.length, 2);
  assert.equal(instance.network.interface[0]?.ipv4.ipAddress[0]?.publicIpAddress, '');
  const part = 'instance/compute/name?api-version=2025-04-07';
  assert.equal((await askAzure(simulator, `${part}&format=text`)).text, 'vm-demo-1');
  assert.equal((await askAzure(simulator, part)).status, 400);
});

test('each attested document is a new one', async t => {
  const simulator = await simulateMachine(t, 'azure');
  const document = async (): Promise<string> =>
    (
      JSON.parse((await askAzure(simulator, 'attested/document?api-version=2025-04-07')).text) as {
        signature: string;
      }
    ).signature;
  const first = await document();
  assert.match(first, /^[A-Za-z0-9+/]{200,}={0,2}$/);
  assert.notEqual(await document(), first);
});

test('a scheduled event stands with its deadline until it is due, then it has started; withdrawn it is gone', async t => {
  let nowMs = Date.parse('2026-11-21T10:00:00Z');
  const simulator = await simulateMachine(t, 'azure', {}, { now: () => nowMs });
  const before = await events(simulator);
  assert.deepEqual(before.Events, []);
  simulator.happen('spot-interruption');
  const announced = await events(simulator);
  assert.equal(announced.DocumentIncarnation, before.DocumentIncarnation + 1);
  const [event] = announced.Events;
  assert.match(String(event?.EventId), /^[0-9A-F-]{36}$/);
  assert.deepEqual(event, {
    EventId: event?.EventId,
    EventStatus: 'Scheduled',
    EventType: 'Preempt',
    ResourceType: 'VirtualMachine',
    Resources: ['VM-DEMO-1'],
    NotBefore: 'Sat, 21 Nov 2026 10:00:30 GMT',
    Description: 'The Spot Virtual Machine is being deleted.',
    EventSource: 'Platform',
    DurationInSeconds: -1,
  });
  nowMs += 30_000;
  const started = await events(simulator);
  assert.equal(started.Events[0]?.EventStatus, 'Started');
  assert.equal(started.Events[0].NotBefore, '');
  assert.equal(started.DocumentIncarnation, announced.DocumentIncarnation + 1);
  simulator.withdraw('spot-interruption');
  assert.deepEqual((await events(simulator)).Events, []);
});

test('every kind of event has its own notice, and may be that of another VM', async t => {
  const nowMs = Date.parse('2026-11-21T10:00:00Z');
  const simulator = await simulateMachine(t, 'azure', {}, { now: () => nowMs });
  for (const event of ['terminate', 'redeploy', 'reboot', 'freeze', 'freeze of other-vm'])
    simulator.happen(event);
  const seen = (await events(simulator)).Events.map(({ EventType, NotBefore, Resources }) =>
    [EventType, String(NotBefore).slice(17, 25), Resources].join(' '),
  );
  assert.deepEqual(seen, [
    'Terminate 10:05:00 VM-DEMO-1',
    'Redeploy 10:10:00 VM-DEMO-1',
    'Reboot 10:15:00 VM-DEMO-1',
    'Freeze 10:15:00 VM-DEMO-1',
    'Freeze 10:15:00 OTHER-VM',
  ]);
});

test('an acknowledged event starts at once; an acknowledgement of nothing is refused', async t => {
  const simulator = await simulateMachine(t, 'azure');
  simulator.happen('terminate');
  const [event] = (await events(simulator)).Events;
  const requests = JSON.stringify({ StartRequests: [{ EventId: event?.EventId }] });
  assert.equal((await startEvents(simulator, requests)).status, 200);
  assert.equal((await events(simulator)).Events[0]?.EventStatus, 'Started');
  for (const body of ['', 'text', '{}', '{"StartRequests":[{"EventId":"other"}]}', '{"StartRequests":[1]}'])
    assert.equal((await startEvents(simulator, body)).status, 400, body);
});

test('the first scheduled-events answer takes its time, and the ones after it do not', async t => {
  const simulator = await simulateMachine(t, 'azure', { metadata: { firstEvents: '2s' } });
  const start = performance.now();
  await events(simulator);
  assert.ok(performance.now() - start >= 1990);
  const second = performance.now();
  await events(simulator);
  assert.ok(performance.now() - second < 1900);
});
