import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { InterruptionSettings } from '../../src/config/runner-config.ts';
import type { Notice } from '../../src/model.ts';
import { createAzureProvider } from '../../src/providers/azure/index.ts';
import type { NoticeSource } from '../../src/providers/provider.ts';
import { answerStatus, type CloudMetadata, startCloudMetadata } from '../support/cloud-metadata.ts';
import { providerWorld } from '../support/provider-world.ts';

const EVENTS = '/metadata/scheduledevents';

const PREEMPT = {
  EventId: 'f020ba2e-3bc0-4c40-a10b-86575a9eabd5',
  EventType: 'Preempt',
  ResourceType: 'VirtualMachine',
  Resources: ['vm-one'],
  EventStatus: 'Scheduled',
  NotBefore: 'Mon, 23 Nov 2026 18:29:47 GMT',
  Description: 'Capacity is needed elsewhere.',
  EventSource: 'Platform',
  DurationInSeconds: -1,
};

interface Rig {
  readonly server: CloudMetadata;
  readonly source: NoticeSource;
  readonly signal: AbortSignal;
  /** What stands now that the metadata service shows these events. */
  readonly look: (...events: readonly object[]) => Promise<readonly Notice[]>;
}

async function watchedVm(t: TestContext, settings: Partial<InterruptionSettings> = {}): Promise<Rig> {
  const server = await startCloudMetadata(t, {
    '/metadata/instance': '{"compute": {"name": "VM-One", "location": "westus2"}}',
  });
  const { interruptions, ...world } = providerWorld({
    env: { AZURE_METADATA_SERVICE_ENDPOINT: server.origin },
  });
  const provider = createAzureProvider({ ...world, interruptions: { ...interruptions, ...settings } });
  t.after(() => provider.close());
  const [source, ...others] = provider.noticeSources;
  assert.ok(source);
  assert.deepEqual(others, []);
  const signal = AbortSignal.timeout(20_000);
  let incarnation = 0;
  return {
    server,
    source,
    signal,
    look(...events) {
      incarnation += 1;
      server.answers.set(EVENTS, JSON.stringify({ DocumentIncarnation: incarnation, Events: events }));
      return source.look(signal);
    },
  };
}

void test('an event of Azure is a notice with its kind, its deadline and its reason', async t => {
  const { look, server } = await watchedVm(t);
  const [notice, ...others] = await look(PREEMPT);
  assert.deepEqual(others, []);
  assert.deepEqual(notice, {
    id: PREEMPT.EventId,
    kind: 'spot-interruption',
    deadline: new Date('2026-11-23T18:29:47Z'),
    reason: "Azure's event Preempt is Scheduled by Platform: Capacity is needed elsewhere.",
    finishTasks: false,
  });
  const { method, query, headers } = await server.called(EVENTS);
  assert.deepEqual([method, query, headers.metadata], ['GET', 'api-version=2020-07-01', 'true']);
});

for (const [type, kind] of [
  ['Preempt', 'spot-interruption'],
  ['Terminate', 'terminate'],
  ['Redeploy', 'redeploy'],
  ['Reboot', 'reboot'],
]) {
  void test(`${type} of Azure is the notice ${kind}, and leaves no time for tasks`, async t => {
    const { look } = await watchedVm(t);
    const notices = await look({ ...PREEMPT, EventType: type });
    assert.deepEqual(
      notices.map(notice => [notice.kind, notice.finishTasks]),
      [[kind, false]],
    );
  });
}

void test('a VM that only freezes for a moment is left alone, and so is an event of a type that is not known', async t => {
  const { look } = await watchedVm(t);
  assert.deepEqual(await look({ ...PREEMPT, EventType: 'Freeze' }, { ...PREEMPT, EventType: 'Party' }), []);
});

void test('events of other VMs of the scale set are theirs; the case of names makes no difference', async t => {
  const { look } = await watchedVm(t);
  const notices = await look(
    { ...PREEMPT, EventId: 'theirs', Resources: ['vm-two', 'vm-one-2'] },
    { ...PREEMPT, EventId: 'nobodys', Resources: [] },
    { ...PREEMPT, EventId: 'ours', Resources: ['vm-two', 'vm-ONE'] },
  );
  assert.deepEqual(
    notices.map(({ id }) => id),
    ['ours'],
  );
});

void test('an event counts while it is scheduled or has started, and no longer', async t => {
  const { look } = await watchedVm(t);
  const notices = await look(
    ...['Scheduled', 'Started', 'Completed', 'Canceled'].map(status => ({
      ...PREEMPT,
      EventId: status,
      EventStatus: status,
    })),
  );
  assert.deepEqual(
    notices.map(({ id }) => id),
    ['Scheduled', 'Started'],
  );
});

void test('an event that has started has no deadline any more', async t => {
  const { look } = await watchedVm(t);
  const [notice] = await look({ ...PREEMPT, EventStatus: 'Started', NotBefore: '', Description: '' });
  assert.equal(notice?.deadline, undefined);
  assert.equal(notice?.reason, "Azure's event Preempt is Started by Platform");
});

void test('a withdrawn event does not stand any more', async t => {
  const { look, source, signal } = await watchedVm(t);
  assert.equal((await look(PREEMPT)).length, 1);
  assert.equal((await source.look(signal)).length, 1);
  assert.deepEqual(await look(), []);
});

void test('events are looked for each second, or as often as interruptions.poll says', async t => {
  assert.equal((await watchedVm(t)).source.everyMs, 1000);
  assert.equal((await watchedVm(t, { pollMs: 250 })).source.everyMs, 250);
});

void test('no boot waits for the first answer of Azure, which may take two minutes', async t => {
  assert.equal((await watchedVm(t)).source.prompt, false);
});

void test('an outage is told to whoever looks, and is over with the next answer', async t => {
  const { look, source, server, signal } = await watchedVm(t);
  await look(PREEMPT);
  for (const [answer, words] of [
    [answerStatus(503), /503/],
    [answerStatus(404), /404/],
    ['<html>', /HTML/],
    ['{"Events": [{"EventId": "1"}]}', /EventType/],
  ] as const) {
    server.answers.set(EVENTS, answer);
    await assert.rejects(source.look(signal), { exit: 'metadata', message: words });
  }
  assert.equal((await look(PREEMPT)).length, 1);
});

void test('after the first answer a look that hangs is given up in 2 s', async t => {
  const { look, source, server, signal } = await watchedVm(t);
  await look();
  server.answers.set(EVENTS, () => undefined);
  await assert.rejects(source.look(signal), { exit: 'metadata', message: /not answered in 2 s/ });
});

void test('where the user wants it, Azure is told that it need not wait for the deadline', async t => {
  const { look, server, signal } = await watchedVm(t, { acknowledge: true });
  const [notice] = await look(PREEMPT);
  server.answers.set(EVENTS, answerStatus(200));
  await notice?.acknowledge?.(signal);
  const { method, query, headers, body } = await server.called(EVENTS, 1);
  assert.deepEqual([method, query], ['POST', 'api-version=2020-07-01']);
  assert.deepEqual([headers.metadata, headers['content-type']], ['true', 'application/json']);
  assert.deepEqual(JSON.parse(body), { StartRequests: [{ EventId: PREEMPT.EventId }] });
});

void test('an event that names other VMs too is never acknowledged: it would begin for all of them', async t => {
  const { look } = await watchedVm(t, { acknowledge: true });
  const [notice] = await look({ ...PREEMPT, Resources: ['vm-one', 'vm-two'] });
  assert.ok(notice);
  assert.ok(!('acknowledge' in notice));
});

void test('an acknowledgement that Azure refuses is not tried again', async t => {
  const { look, server, signal } = await watchedVm(t, { acknowledge: true });
  const [notice] = await look(PREEMPT);
  server.answers.set(EVENTS, answerStatus(500));
  await assert.rejects(notice?.acknowledge?.(signal) ?? Promise.resolve(), { message: /POST .* 500/ });
  assert.equal(server.calls.filter(call => call.method === 'POST').length, 1);
});

void test('an acknowledgement that is not answered ends with its signal', async t => {
  const { look, server } = await watchedVm(t, { acknowledge: true });
  const [notice] = await look(PREEMPT);
  server.answers.set(EVENTS, () => undefined);
  const ending = new AbortController();
  const acknowledged = notice?.acknowledge?.(ending.signal);
  await server.called(EVENTS, 1);
  ending.abort(new Error('it is over'));
  await assert.rejects(acknowledged ?? Promise.resolve(), /it is over/);
});

void test('nobody acknowledges what the user did not ask to be acknowledged', async t => {
  const { look } = await watchedVm(t);
  const [notice] = await look(PREEMPT);
  assert.ok(notice);
  assert.ok(!('acknowledge' in notice));
});
