import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HELLO } from '../support/conversation.ts';
import { HOUR, MINUTE, refusal, renewalScene, type RenewalScene } from '../support/renewal-scene.ts';

const STOP_NOW = { type: 'graceful-termination', 'finish-tasks': false };
const helloWith = (...capabilities: readonly string[]) =>
  `~${JSON.stringify({ type: 'hello', capabilities })}\n`;

async function greet({ talk }: RenewalScene, hello = HELLO): Promise<void> {
  talk.stdout.write(hello);
  await talk.log.says('the worker said hello');
}

function newCredentials(lease: number): object {
  return {
    type: 'new-credentials',
    'client-id': 'worker',
    'access-token': `token-${lease}`,
    certificate: '{}',
  };
}

test('new credentials are kept first, then used, written and told; the next renewal has the next secret', async t => {
  const scene = renewalScene(t);
  await greet(scene);
  await scene.clock.pass(95.5 * HOUR - 1);
  assert.deepEqual(scene.happened, []);
  await scene.clock.pass(95.5 * HOUR + 1);
  assert.deepEqual(scene.happened, [
    'call secret-1',
    'save 2 secret-2',
    'use 2',
    'write /worker.json 2',
    'tell new-credentials',
    'call secret-2',
    'save 3 secret-3',
    'use 3',
    'write /worker.json 3',
    'tell new-credentials',
  ]);
  assert.deepEqual(scene.told(), [newCredentials(2), newCredentials(3)]);
  assert.deepEqual([...scene.said('warning'), ...scene.said('error')], []);
  const [due, begun, renewed] = scene.events;
  assert.deepEqual(due, { kind: 'renewal-due', at: new Date('2026-11-25T07:30:00Z') });
  assert.deepEqual(begun, { kind: 'renewal-begun', forMs: 25 * MINUTE });
  assert.deepEqual(renewed, {
    kind: 'credentials',
    expireAt: new Date('2026-11-29T07:30:00Z'),
    renewed: true,
  });
});

test('a renewal is tried until five minutes before the end, and less where less than ten are left', async t => {
  const scene = renewalScene(t);
  await scene.clock.pass(95.5 * HOUR);
  assert.deepEqual(scene.patience, [25 * MINUTE]);
  const short = renewalScene(t, { lastsMs: 6 * MINUTE, resumed: true });
  await short.clock.pass(0);
  assert.deepEqual(short.patience, [3 * MINUTE]);
});

test('a worker that takes no new credentials is asked to end, once, and renewal goes on', async t => {
  const scene = renewalScene(t);
  await greet(scene, helloWith('graceful-termination'));
  await scene.clock.pass(2 * 95.5 * HOUR);
  assert.deepEqual(scene.told(), [STOP_NOW]);
  assert.equal(scene.happened.filter(what => what.startsWith('call')).length, 2);
  assert.deepEqual(scene.said('warning'), [
    'the worker was asked to end: it does not take new credentials, and the old end at 2026-11-25T08:00:00.000Z',
  ]);
});

test('of a worker that can be told nothing the log says when its credentials end', async t => {
  const scene = renewalScene(t);
  await greet(scene, helloWith('log'));
  await scene.clock.pass(95.5 * HOUR);
  assert.deepEqual(scene.told(), []);
  assert.equal(scene.said('error').length, 1);
  assert.match(scene.said('error')[0] ?? '', /can be told nothing.*2026-11-25T08:00:00/);
});

test('a worker without hello holds up no renewal, and gets the newest credentials with a hello that is late', async t => {
  const scene = renewalScene(t);
  await scene.clock.pass(2 * 95.5 * HOUR);
  assert.deepEqual(scene.told(), []);
  assert.ok(scene.happened.includes('use 3'));
  assert.equal(scene.said('error').length, 2);
  await greet(scene);
  await setImmediate();
  assert.deepEqual(scene.told(), [newCredentials(3)]);
});

test('a renewal before hello waits for it', async t => {
  const scene = renewalScene(t, { lastsMs: 20_000, helloTimeoutMs: HOUR });
  await scene.clock.pass(15_000);
  assert.ok(scene.happened.includes('use 3'));
  assert.deepEqual(scene.said('error'), []);
  await greet(scene);
  await setImmediate();
  assert.deepEqual(scene.told(), [newCredentials(3)]);
});

test('a refusal is said at once, with the time at which the worker is asked to end, and it is asked then, once', async t => {
  const scene = renewalScene(t, { calling: () => Promise.reject(refusal()) });
  await greet(scene);
  await scene.clock.pass(95.5 * HOUR);
  assert.deepEqual(scene.said('error'), [
    'the credentials cannot be renewed: reregisterWorker failed: the service refused it',
    'what to do: look at it',
    'they end at 2026-11-25T08:00:00.000Z; the worker is asked to end at 2026-11-25T07:55:00.000Z',
  ]);
  await scene.clock.pass(25 * MINUTE - 1);
  assert.deepEqual(scene.told(), []);
  await scene.clock.pass(1);
  assert.deepEqual(scene.told(), [STOP_NOW]);
  await scene.clock.pass(100 * HOUR);
  assert.deepEqual(scene.told(), [STOP_NOW]);
  assert.deepEqual(scene.happened, ['call secret-1', 'tell graceful-termination']);
  assert.deepEqual(scene.events.at(-1), { kind: 'renewal-due', at: undefined });
});

test('credentials that nobody can renew, as worker-manager sends no secret, lead to the same', async t => {
  const scene = renewalScene(t, { secret: undefined });
  await greet(scene);
  assert.match(scene.said('warning').join('\n'), /no secret[^]*since version 29[^]*asked to end at/);
  await scene.clock.pass(96 * HOUR - 5 * MINUTE);
  assert.deepEqual(scene.told(), [STOP_NOW]);
});

test('credentials that have ended already are tried at once, and the worker is asked to end where that fails', async t => {
  const scene = renewalScene(t, { lastsMs: -MINUTE, calling: () => Promise.reject(refusal()) });
  await greet(scene);
  await scene.clock.pass(0);
  assert.deepEqual(scene.told(), [STOP_NOW]);
});

test('what cannot be kept is tried again; the worker hears of it when it is', async t => {
  let fails = 3;
  const saving = () => {
    fails -= 1;
    return fails >= 0 ? Promise.reject(new Error('disk full')) : Promise.resolve();
  };
  const scene = renewalScene(t, { saving });
  await greet(scene);
  await scene.clock.pass(95.5 * HOUR);
  assert.deepEqual(scene.happened, ['call secret-1', 'save 2 secret-2']);
  await scene.clock.pass(MINUTE);
  assert.equal(scene.happened.filter(what => what === 'save 2 secret-2').length, 4);
  assert.deepEqual(scene.told(), [newCredentials(2)]);
  assert.match(scene.said('warning')[0] ?? '', /could not be kept: disk full \(try 1\); next try in 1 s/);
});

test('what can never be kept is never told: the worker is asked to end five minutes before its credentials do', async t => {
  const scene = renewalScene(t, { saving: () => Promise.reject(new Error('disk full')) });
  await greet(scene);
  await scene.clock.pass(96 * HOUR - 6 * MINUTE);
  assert.deepEqual(scene.told(), []);
  await scene.clock.pass(MINUTE);
  assert.deepEqual(scene.told(), [STOP_NOW]);
  assert.match(
    scene.said('error').join('\n'),
    /could not be kept[^]*cannot be renewed: new ones[^]*what to do/,
  );
  assert.ok(scene.happened.includes('use 2'), 'the end of the run needs credentials that are alive');
});

test('a config file that cannot be written keeps no worker from its new credentials', async t => {
  const scene = renewalScene(t, { writing: () => Promise.reject(new Error('read-only')) });
  await greet(scene);
  await scene.clock.pass(95.5 * HOUR);
  assert.deepEqual(scene.told(), [newCredentials(2)]);
  assert.deepEqual(scene.said('error'), [
    "the worker's config file still holds the old credentials: read-only",
  ]);
});

test('a worker that closed its stdin is told nothing, and the log says so', async t => {
  const scene = renewalScene(t);
  await greet(scene);
  scene.talk.stdin.destroy();
  await scene.clock.pass(95.5 * HOUR);
  await setImmediate();
  assert.match(
    scene.said('error').join('\n'),
    /was not told of its credentials \(closed\).*2026-11-25T08:00/,
  );
});

test('the end of the worker ends a wait for the next renewal', async t => {
  const scene = renewalScene(t);
  await scene.clock.pass(HOUR);
  await scene.renewal.finish(10_000);
  await scene.clock.pass(100 * HOUR);
  assert.deepEqual(scene.happened, []);
  assert.equal(scene.clock.sleeping, 0);
});

test('a renewal that is under way at the end of the worker is waited for and kept, and nobody is told', async t => {
  const answer = Promise.withResolvers<undefined>();
  let noMoreTries: AbortSignal | undefined;
  const scene = renewalScene(t, {
    calling(signal) {
      noMoreTries = signal;
      return answer.promise;
    },
  });
  await greet(scene);
  await scene.clock.pass(95.5 * HOUR);
  const finished = scene.renewal.finish(10_000);
  assert.equal(noMoreTries?.aborted, true);
  await scene.clock.pass(9000);
  answer.resolve(undefined);
  await finished;
  assert.deepEqual(scene.happened, ['call secret-1', 'save 2 secret-2', 'use 2']);
  assert.deepEqual(scene.told(), []);
});

test('a renewal that hangs at the end of the worker is cut off in the end, and the log says so', async t => {
  const scene = renewalScene(t, {
    calling: (_, cut) =>
      new Promise((_resolve, reject) => {
        cut.addEventListener('abort', () => reject(cut.reason as Error));
      }),
  });
  await scene.clock.pass(95.5 * HOUR);
  const finished = scene.renewal.finish(10_000);
  await scene.clock.pass(10_000);
  await finished;
  assert.match(scene.said('warning').join('\n'), /being renewed as the worker ended: the run ends/);
});
