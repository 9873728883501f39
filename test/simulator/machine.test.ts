import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { client, MACHINES, simulateMachine, WORKER } from '../support/simulator.ts';
import type { Simulator } from '../../src/simulator/index.ts';
import {
  ask,
  askAws,
  askAzure,
  askGoogle,
  awsToken,
  googleToken,
  IDENTITIES,
  proofOf,
  registerMachine,
} from './support.ts';

const CLOUDS = ['aws', 'azure', 'google'] as const;

test('a machine registers once, with the proof of its cloud, and is gone when it is removed', async t => {
  for (const cloud of CLOUDS) {
    const { workerPoolId } = MACHINES[cloud];
    const simulator = await simulateMachine(t, cloud, {
      workerPools: { [workerPoolId]: { workerConfig: { a: 1 } } },
    });
    const lease = await registerMachine(simulator, cloud, await proofOf(simulator, cloud));
    assert.deepEqual(lease.workerConfig, { a: 1 });
    const again = registerMachine(simulator, cloud, await proofOf(simulator, cloud));
    await assert.rejects(again, { statusCode: 400, code: 'InputError', message: /stopped or running/ });
    const { credentials } = lease;
    const workerManager = await client('WorkerManager', simulator.rootUrl, { credentials });
    const { workerGroup, workerId } = IDENTITIES[cloud];
    await workerManager.removeWorker(workerPoolId, workerGroup, workerId);
    assert.equal(simulator.requests.at(-1)?.status, 200);
  }
});

test('the proof of AWS is signed over the exact bytes of the document', async t => {
  const simulator = await simulateMachine(t, 'aws');
  const proof = (await proofOf(simulator, 'aws')) as { document: string; signature: string };
  const document = JSON.stringify(JSON.parse(proof.document));
  const refused = { statusCode: 400, message: /Signature validation error/ };
  await assert.rejects(registerMachine(simulator, 'aws', { ...proof, document }), refused);
  await assert.rejects(registerMachine(simulator, 'aws', { document }), { statusCode: 400 });
  await registerMachine(simulator, 'aws', proof);
});

test('the proof of Google is for exactly this root URL, in full, and not expired', async t => {
  let nowMs = Date.now();
  const simulator = await simulateMachine(t, 'google', {}, { now: () => nowMs });
  const refused = (token: string, message: RegExp) =>
    assert.rejects(registerMachine(simulator, 'google', { token }), { statusCode: 400, message });
  await refused(await googleToken(simulator, `${simulator.rootUrl}/`), /audience/);
  await refused(await googleToken(simulator, simulator.rootUrl, 'standard'), /names no instance/);
  await refused('not.a.token', /validation error/);
  const token = await googleToken(simulator, simulator.rootUrl);
  nowMs += 3_600_000;
  await refused(token, /expired/);
});

test('the proof of Azure expires, and may be good for one try only', async t => {
  let nowMs = Date.now();
  const machine = { proof: { lasts: '10m', once: true }, recordAfter: '0s' };
  const simulator = await simulateMachine(t, 'azure', { machine }, { now: () => nowMs });
  const old = await proofOf(simulator, 'azure');
  nowMs += 600_000;
  await assert.rejects(registerMachine(simulator, 'azure', old), { statusCode: 400, message: /Expired/ });
  await assert.rejects(registerMachine(simulator, 'azure', { document: 'bm8=' }), { statusCode: 400 });
  const proof = await proofOf(simulator, 'azure');
  await registerMachine(simulator, 'azure', proof);
  await assert.rejects(registerMachine(simulator, 'azure', proof), { message: /used before/ });
});

test('worker-manager may not know the machine yet', async t => {
  let nowMs = Date.now();
  const simulator = await simulateMachine(t, 'aws', { machine: { recordAfter: '5s' } }, { now: () => nowMs });
  const proof = await proofOf(simulator, 'aws');
  await assert.rejects(registerMachine(simulator, 'aws', proof), {
    statusCode: 404,
    code: 'ResourceNotFound',
  });
  nowMs += 5000;
  await registerMachine(simulator, 'aws', proof);
});

test('a fault befalls the requests to the metadata service whose path it names, and Taskcluster is spared', async t => {
  const simulator = await simulateMachine(t, 'google', {
    faults: [
      { call: 'metadata', path: '/zone', times: 1, status: 503 },
      { call: 'metadata', path: '/zone', times: 1, body: 'html' },
      { call: 'metadata', path: '/zone', times: 1, body: 'cut' },
      { call: 'metadata', path: '/zone', times: 1, body: 'empty' },
      { call: 'metadata', path: '/zone', times: 1, body: 'wrong-shape' },
      { call: 'metadata', path: '/zone', times: 1, reset: true },
      { call: 'metadata', path: '/zone', times: 1, delay: '30ms' },
    ],
  });
  assert.equal((await askGoogle(simulator, 'instance/id')).status, 200);
  assert.equal((await askGoogle(simulator, 'instance/zone')).status, 503);
  const page = await askGoogle(simulator, 'instance/zone');
  assert.match(page.text, /<html>/);
  assert.equal(page.headers.get('metadata-flavor'), null);
  await assert.rejects(askGoogle(simulator, 'instance/zone'));
  assert.equal((await askGoogle(simulator, 'instance/zone')).text, '');
  assert.match((await askGoogle(simulator, 'instance/zone')).text, /^\{"answer"/);
  await assert.rejects(askGoogle(simulator, 'instance/zone'));
  const start = performance.now();
  assert.equal((await askGoogle(simulator, 'instance/zone')).status, 200);
  assert.ok(performance.now() - start >= 29);
});

test('a fault of any call spares the metadata service', async t => {
  const simulator = await simulateMachine(t, 'google', { faults: [{ status: 503 }] });
  assert.equal((await askGoogle(simulator, 'instance/id')).status, 200);
  assert.equal((await fetch(`${simulator.rootUrl}/api/secrets/v1/ping`)).status, 503);
});

test('the metadata service can hang, fail or lie for a while', async t => {
  const simulator = await simulateMachine(t, 'google');
  const id = () => askGoogle(simulator, 'instance/id');
  simulator.happen('metadata failing');
  assert.equal((await id()).status, 503);
  simulator.happen('metadata lying');
  assert.match((await id()).text, /<html>/);
  simulator.happen('metadata hanging');
  const impatient = new AbortController();
  const headers = { 'Metadata-Flavor': 'Google' };
  const hanging = askGoogle(simulator, 'instance/name', { headers, signal: impatient.signal });
  assert.equal((await simulator.waitForMetadata('instance/name')).status, undefined);
  impatient.abort();
  await assert.rejects(hanging, { name: 'AbortError' });
  simulator.withdraw('metadata failing');
  simulator.withdraw('metadata hanging');
  assert.equal((await id()).status, 200);
});

async function status(simulator: Simulator, agent: Agent): Promise<number | undefined> {
  const url = `${simulator.metadataUrl ?? ''}/computeMetadata/v1/instance/id`;
  const request = get(url, { agent, headers: { 'Metadata-Flavor': 'Google' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

test('while the metadata service is down, kept connections are torn and new ones reset', async t => {
  const simulator = await simulateMachine(t, 'google');
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.equal(await status(simulator, agent), 200);
  const hanging = askGoogle(simulator, 'instance/preempted?wait_for_change=true');
  const torn = assert.rejects(hanging);
  await simulator.waitForMetadata('wait_for_change');
  simulator.happen('metadata down');
  await torn;
  await assert.rejects(status(simulator, agent), { code: 'ECONNRESET' });
  await assert.rejects(ask(simulator, '/'));
  simulator.withdraw('metadata down');
  assert.equal(await status(simulator, new Agent()), 200);
});

test('what stands in the timeline happens in its time, and ends when its time is over', async t => {
  const simulator = await simulateMachine(t, 'google', {
    timeline: { 'at 0s for 1s': ['metadata failing', 'maintenance'], 'at 1500ms': 'spot-interruption' },
  });
  const path = 'instance/preempted?wait_for_change=true&last_etag=0';
  // What happens at 0s stands before anyone can ask.
  assert.equal((await askGoogle(simulator, path)).status, 503);
  let reply = await askGoogle(simulator, path);
  while (reply.text !== 'TRUE') reply = await askGoogle(simulator, path);
  assert.equal((await askGoogle(simulator, 'instance/maintenance-event')).text, 'NONE');
});

test('every answer of the metadata service is held back as long as told, and the round trip is not charged', async t => {
  const simulator = await simulateMachine(t, 'google', {
    metadata: { delay: '20ms' },
    rtt: '5s',
    delay: '5s',
  });
  const start = performance.now();
  await askGoogle(simulator, 'instance/id');
  const tookMs = performance.now() - start;
  assert.ok(tookMs >= 19 && tookMs < 4000, String(tookMs));
});

test('a wrong machine, absent value, event or time is told with what is right', async t => {
  const wrong: [object, RegExp][] = [
    [
      { timeline: { 'at 5s': 'rebalance' } },
      /^timeline\.at 5s: must be one of spot-interruption, maintenance, metadata down/,
    ],
    [{ timeline: { 'at 5s': ['maintenance', 'boom'] } }, /^timeline\.at 5s\.1: must be one of/],
    [{ timeline: { 'after 5s': 'maintenance' } }, /^timeline\.after 5s: must be "at <duration>" or/],
    [{ timeline: { 'at 5s for 30d': 'maintenance' } }, /^timeline\..*must be over within 24d/],
    [
      { machine: { absent: ['user-data'] } },
      /^machine\.absent\.0: must be one of instance-id, .*taskcluster/,
    ],
    [{ faults: [{ call: 'metadata', clock: '+5m' }] }, /^faults\.0: must have no credentials, clock or code/],
    [{ workers: [{ ...WORKER, workerPoolId: 'demo/google', ...IDENTITIES.google }] }, /^workers\.0: .*twice/],
  ];
  for (const [scenario, expected] of wrong) {
    await assert.rejects(simulateMachine(t, 'google', scenario), (error: { details?: readonly string[] }) => {
      assert.match(error.details?.[0] ?? '', expected);
      return true;
    });
  }
  const simulator = await simulateMachine(t, 'aws');
  assert.throws(() => simulator.happen('freeze'), /"freeze" must be one of spot-interruption, rebalance/);
});

test('what is started is given the variable of its cloud and a shutdown that halts nothing', async t => {
  const { host } = new URL((await simulateMachine(t, 'google')).metadataUrl ?? '');
  assert.match(host, /^127\.0\.0\.1:\d+$/);
  const variables = {
    aws: 'AWS_EC2_METADATA_SERVICE_ENDPOINT',
    azure: 'AZURE_METADATA_SERVICE_ENDPOINT',
    google: 'GCE_METADATA_HOST',
  };
  for (const cloud of CLOUDS) {
    const simulator = await simulateMachine(t, cloud);
    const { env, metadataUrl = '' } = simulator;
    assert.equal(env[variables[cloud]], cloud === 'google' ? new URL(metadataUrl).host : metadataUrl);
    assert.equal(Object.values(variables).filter(name => name in env).length, 1);
    assert.match(env.PATH ?? '', /^[^:]*simulate-cloud-halt-/);
    assert.equal(env.TASKCLUSTER_ROOT_URL, simulator.rootUrl);
  }
});

test('polls are kept in bounds, and do not push out what Taskcluster was asked', async t => {
  const simulator = await simulateMachine(t, 'aws');
  await (await fetch(`${simulator.rootUrl}/api/secrets/v1/ping`)).text();
  const token = await awsToken(simulator);
  for (let count = 0; count < 2100; count++) await askAws(simulator, 'meta-data/spot/instance-action', token);
  assert.equal(simulator.requests.length, 2001);
  assert.equal(simulator.requests[0]?.call, 'ping');
});

test('a request to the metadata service is noted with what it sent', async t => {
  const simulator = await simulateMachine(t, 'azure');
  const init = { method: 'POST', headers: { Metadata: 'true' }, body: '{"StartRequests":[]}' };
  await askAzure(simulator, 'scheduledevents?api-version=2020-07-01', init);
  const { method, path, payload, status: answered } = await simulator.waitForMetadata('scheduledevents');
  assert.deepEqual(
    [method, path, payload, answered],
    ['POST', '/metadata/scheduledevents?api-version=2020-07-01', '{"StartRequests":[]}', 200],
  );
});
