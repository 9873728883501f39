import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { createGoogleProvider } from '../../src/providers/google/index.ts';
import type { NoticeSource } from '../../src/providers/provider.ts';
import { type CloudMetadata, type MetadataAnswer, startCloudMetadata } from '../support/cloud-metadata.ts';
import { providerWorld } from '../support/provider-world.ts';
import { testClock } from '../support/taskcluster-server.ts';

const PREEMPTED = '/computeMetadata/v1/instance/preempted';
const MAINTENANCE = '/computeMetadata/v1/instance/maintenance-event';

interface Rig {
  readonly server: CloudMetadata;
  readonly source: NoticeSource;
  readonly signal: AbortSignal;
}

/** A VM whose value at one path is watched. */
async function watchedVm(
  t: TestContext,
  path: string,
  answer: MetadataAnswer,
  clock = systemClock,
): Promise<Rig> {
  const server = await startCloudMetadata(t, { [path]: answer }, { 'Metadata-Flavor': 'Google' });
  const env = { GCE_METADATA_HOST: server.origin.slice('http://'.length) };
  const provider = createGoogleProvider(providerWorld({ env, clock }));
  t.after(() => provider.close());
  const name = path === PREEMPTED ? 'preemption' : 'host maintenance';
  const source = provider.noticeSources.find(found => found.name === name);
  assert.ok(source);
  return { server, source, signal: AbortSignal.timeout(20_000) };
}

/** A value with an etag; the requests that wait for its change are answered when the test wants it. */
function watchedValue(value: string, etag: string) {
  const waiting: ServerResponse[] = [];
  return {
    waiting,
    answer: ((call, response) => {
      if (call.query === '') response.setHeader('ETag', etag).end(value);
      else waiting.push(response);
    }) satisfies MetadataAnswer,
  };
}

void test('a preemption is told as soon as the metadata service shows it, by a request that waits for it', async t => {
  const { answer, waiting } = watchedValue('FALSE', 'etag/1');
  const { source, server, signal } = await watchedVm(t, PREEMPTED, answer);
  assert.deepEqual([source.everyMs, source.prompt], [0, true]);
  assert.deepEqual(await source.look(signal), []);

  const look = source.look(signal);
  const { query } = await server.called(PREEMPTED, 1);
  assert.match(query, /^wait_for_change=true&last_etag=etag%2F1&timeout_sec=[0-9]+$/);
  waiting[0]?.setHeader('ETag', 'etag/2').end('TRUE');
  const [notice, ...others] = await look;
  assert.deepEqual(others, []);
  assert.ok(notice);
  assert.deepEqual(
    [notice.kind, notice.finishTasks, notice.deadline],
    ['spot-interruption', false, undefined],
  );
  assert.match(notice.reason, /instance\/preempted is TRUE.*30 s/);

  const next = source.look(signal);
  assert.match((await server.called(PREEMPTED, 2)).query, /last_etag=etag%2F2/);
  waiting[1]?.end('TRUE');
  assert.deepEqual(
    (await next).map(({ id }) => id),
    [notice.id],
  );
});

void test('a VM that was preempted before anybody looked stands under notice at the first look', async t => {
  const { source, signal } = await watchedVm(t, PREEMPTED, 'TRUE\n');
  const notices = await source.look(signal);
  assert.deepEqual(
    notices.map(({ kind }) => kind),
    ['spot-interruption'],
  );
});

void test('a maintenance that ends the VM is a notice, and one that migrates it is none', async t => {
  const { answer, waiting } = watchedValue('MIGRATE_ON_HOST_MAINTENANCE', 'e1');
  const { source, server, signal } = await watchedVm(t, MAINTENANCE, answer);
  assert.deepEqual(await source.look(signal), []);
  const look = source.look(signal);
  await server.called(MAINTENANCE, 1);
  waiting[0]?.setHeader('ETag', 'e2').end('TERMINATE_ON_HOST_MAINTENANCE');
  const [notice] = await look;
  assert.ok(notice);
  assert.deepEqual([notice.kind, notice.finishTasks], ['maintenance', false]);
  assert.match(notice.reason, /TERMINATE_ON_HOST_MAINTENANCE.*60 s/);
});

for (const [what, answer] of [
  ['does not wait for a change', watchedValue('FALSE', 'e1').answer],
  ['gives no etag', 'FALSE'],
] as const) {
  void test(`a service that ${what} is asked once a second at most`, async t => {
    const clock = testClock();
    const atOnce: MetadataAnswer =
      typeof answer === 'string'
        ? answer
        : (call, response) => {
            answer({ ...call, query: '' }, response);
          };
    const { source, signal } = await watchedVm(t, PREEMPTED, atOnce, clock);
    for (let looks = 0; looks < 5; looks += 1) assert.deepEqual(await source.look(signal), []);
    // The first request that waits for a change follows the first answer at once.
    assert.deepEqual(
      clock.sleeps,
      typeof answer === 'string' ? [1000, 1000, 1000, 1000] : [1000, 1000, 1000],
    );
  });
}

void test('a waiting request that fails is followed by one that is answered at once', async t => {
  const { answer, waiting } = watchedValue('FALSE', 'e1');
  const { source, server, signal } = await watchedVm(t, PREEMPTED, answer, testClock());
  await source.look(signal);
  const look = source.look(signal);
  await server.called(PREEMPTED, 1);
  waiting[0]?.writeHead(503).end();
  await assert.rejects(look, { exit: 'metadata', message: /503/ });
  assert.deepEqual(await source.look(signal), []);
  assert.equal((await server.called(PREEMPTED, 2)).query, '');
});

void test('a look that waits ends with the signal', async t => {
  const { answer } = watchedValue('FALSE', 'e1');
  const { source, server, signal } = await watchedVm(t, PREEMPTED, answer);
  await source.look(signal);
  const ending = new AbortController();
  const look = source.look(ending.signal);
  await server.called(PREEMPTED, 1);
  ending.abort(new Error('the run is over'));
  await assert.rejects(look, /the run is over/);
});
