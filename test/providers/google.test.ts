import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createGoogleProvider } from '../../src/providers/google/index.ts';
import type { Provider, ProviderWorld } from '../../src/providers/provider.ts';
import {
  answerStatus,
  type CloudMetadata,
  type MetadataAnswer,
  startCloudMetadata,
} from '../support/cloud-metadata.ts';
import { providerWorld } from '../support/provider-world.ts';
import { testClock } from '../support/taskcluster-server.ts';

const V1 = '/computeMetadata/v1';
const TOKEN = `${V1}/instance/service-accounts/default/identity`;
const ATTRIBUTE = `${V1}/instance/attributes/taskcluster`;

const WORKER_DATA = {
  workerPoolId: 'proj/linux',
  providerId: 'google-1',
  workerGroup: 'us-central1-a',
  rootUrl: 'https://tc.example.com',
};

const INSTANCE: Readonly<Record<string, string>> = {
  [ATTRIBUTE]: JSON.stringify({ ...WORKER_DATA, workerConfig: { ignored: true } }),
  [`${V1}/instance/id`]: '4711471147114711471',
  [`${V1}/instance/zone`]: 'projects/99/zones/us-central1-a',
  [`${V1}/project/project-id`]: 'my-project',
  [`${V1}/instance/image`]: 'projects/99/global/images/worker-7',
  [`${V1}/instance/machine-type`]: 'projects/99/machineTypes/n2-standard-4',
  [`${V1}/instance/hostname`]: 'worker-1.c.my-project.internal',
  [`${V1}/instance/network-interfaces/0/access-configs/0/external-ip`]: '203.0.113.7',
  [`${V1}/instance/network-interfaces/0/ip`]: '10.128.0.7',
};

interface Rig {
  readonly server: CloudMetadata;
  readonly provider: Provider;
  readonly signal: AbortSignal;
}

async function google(
  t: TestContext,
  answers: Readonly<Record<string, MetadataAnswer>>,
  world: Partial<ProviderWorld> = {},
): Promise<Rig> {
  const server = await startCloudMetadata(t, answers, { 'Metadata-Flavor': 'Google' });
  const provider = createGoogleProvider(
    providerWorld({ env: { GCE_METADATA_HOST: hostOf(server) }, ...world }),
  );
  t.after(() => provider.close());
  return { server, provider, signal: AbortSignal.timeout(20_000) };
}

function hostOf({ origin }: CloudMetadata): string {
  return origin.slice('http://'.length);
}

void test('a Google VM is who its attribute, its id and its zone say', async t => {
  const { provider, signal } = await google(t, INSTANCE);
  const { identified, registration } = await provider.identify(signal);
  assert.deepEqual(identified, {
    identity: {
      rootUrl: 'https://tc.example.com',
      workerPoolId: 'proj/linux',
      workerGroup: 'us-central1-a',
      workerId: '4711471147114711471',
    },
    location: { cloud: 'google', region: 'us-central1', zone: 'us-central1-a' },
    metadata: {
      'instance-id': '4711471147114711471',
      'project-id': 'my-project',
      image: 'projects/99/global/images/worker-7',
      'instance-type': 'projects/99/machineTypes/n2-standard-4',
      zone: 'us-central1-a',
      region: 'us-central1',
      'public-hostname': 'worker-1.c.my-project.internal',
      'public-ipv4': '203.0.113.7',
      'local-ipv4': '10.128.0.7',
    },
  });
  assert.ok(registration.kind === 'register');
  assert.equal(registration.providerId, 'google-1');
  assert.deepEqual(registration.patience, { unknownWorkerForMs: 120_000, refusedTries: 1 });
});

void test('all values are asked for at the same time, each with the header that Google wants', async t => {
  // Nobody is answered before everybody has asked.
  const waiting: (() => void)[] = [];
  const answers = Object.entries(INSTANCE).map(([path, text]): [string, MetadataAnswer] => [
    path,
    (_, response) => {
      waiting.push(() => response.end(text));
      if (waiting.length === Object.keys(INSTANCE).length) for (const answer of waiting) answer();
    },
  ]);
  const { provider, server, signal } = await google(t, Object.fromEntries(answers));
  await provider.identify(signal);
  assert.deepEqual(server.calls.map(call => call.path).sort(), Object.keys(INSTANCE).sort());
  for (const call of server.calls) {
    assert.equal(call.method, 'GET');
    assert.equal(call.headers['metadata-flavor'], 'Google');
  }
});

void test('what a VM without a public address does not have is left out', async t => {
  const { provider, signal } = await google(t, {
    ...INSTANCE,
    [`${V1}/instance/network-interfaces/0/access-configs/0/external-ip`]: answerStatus(404),
    [`${V1}/instance/hostname`]: '',
    [`${V1}/instance/image`]: answerStatus(404),
  });
  const { metadata } = (await provider.identify(signal)).identified;
  assert.deepEqual(Object.keys(metadata), [
    'instance-id',
    'project-id',
    'instance-type',
    'local-ipv4',
    'zone',
    'region',
  ]);
});

void test('a slash at the end of rootUrl makes no difference', async t => {
  const attribute = JSON.stringify({ ...WORKER_DATA, rootUrl: 'https://tc.example.com/' });
  const { provider, signal } = await google(t, { ...INSTANCE, [ATTRIBUTE]: attribute });
  const { identified } = await provider.identify(signal);
  assert.equal(identified.identity.rootUrl, 'https://tc.example.com');
});

for (const [what, answer, words] of [
  ['no attribute', answerStatus(404), /no such value \(404\)/],
  [
    'an attribute without keys',
    '{"workerPoolId": "a/b", "rootUrl": "https://tc"}',
    /but it lacks providerId, workerGroup/,
  ],
  ['an attribute that is cut off', '{"workerPoolId": "a/b", "rootU', /truncated JSON/],
] as const) {
  void test(`a VM with ${what} is told what worker-manager would have set`, async t => {
    const { provider, server, signal } = await google(
      t,
      { ...INSTANCE, [ATTRIBUTE]: answer },
      { clock: testClock() },
    );
    await assert.rejects(provider.identify(signal), {
      exit: 'metadata',
      message: new RegExp(
        `${server.origin}${ATTRIBUTE}.*workerPoolId, providerId, workerGroup and rootUrl.*${words.source}`,
      ),
      advice: /worker-manager sets this attribute/,
    });
  });
}

for (const [path, answer] of [
  ['instance/id', 'no number'],
  ['instance/id', answerStatus(404)],
  ['instance/zone', 'nowhere at all'],
] as const) {
  void test(`a VM is not identified by ${path} where the answer is ${typeof answer === 'string' ? answer : 404}`, async t => {
    const { provider, server, signal } = await google(t, { ...INSTANCE, [`${V1}/${path}`]: answer });
    await assert.rejects(provider.identify(signal), {
      exit: 'metadata',
      message: new RegExp(`${server.origin}${V1}/${path} should give`),
    });
  });
}

void test('where one value cannot be had, nobody waits for the others', async t => {
  const { provider, signal } = await google(t, {
    ...INSTANCE,
    [`${V1}/instance/id`]: answerStatus(404),
    [`${V1}/instance/hostname`]: () => undefined,
  });
  await assert.rejects(provider.identify(signal), { message: /instance\/id/ });
});

void test('an answer without the header Metadata-Flavor is not taken for one of Google', async t => {
  const server = await startCloudMetadata(t, INSTANCE);
  const provider = createGoogleProvider(
    providerWorld({ env: { GCE_METADATA_HOST: hostOf(server) }, metadata: { giveUpAfterMs: 4000 } }),
  );
  t.after(() => provider.close());
  const signal = AbortSignal.timeout(20_000);
  await assert.rejects(provider.identify(signal), {
    exit: 'metadata',
    message: /without the header Metadata-Flavor: Google/,
    advice: /another cloud, a captive portal or a proxy/,
  });
  await assert.rejects(provider.noticeSources[0]?.look(signal) ?? Promise.resolve(), {
    message: /without the header Metadata-Flavor: Google/,
  });
});

void test('each proof is a new token whose audience is the encoded rootUrl, over a kept connection', async t => {
  let tokens = 0;
  const { provider, server, signal } = await google(t, {
    ...INSTANCE,
    [TOKEN]: (_, response) => response.end(`aGVhZA.cGF5bG9hZA.c2ln${(tokens += 1)}`),
  });
  const { registration } = await provider.identify(signal);
  const connections = server.connections();
  assert.ok(registration.kind === 'register');
  assert.deepEqual(await registration.prove(signal), { token: 'aGVhZA.cGF5bG9hZA.c2ln1' });
  assert.deepEqual(await registration.prove(signal), { token: 'aGVhZA.cGF5bG9hZA.c2ln2' });
  const { query, headers } = await server.called(TOKEN, 1);
  assert.equal(query, 'audience=https%3A%2F%2Ftc.example.com&format=full');
  assert.equal(headers['metadata-flavor'], 'Google');
  assert.equal(server.connections(), connections);
});

void test('a VM without a service account is told so when it should prove itself', async t => {
  const { provider, signal } = await google(t, INSTANCE);
  const { registration } = await provider.identify(signal);
  assert.ok(registration.kind === 'register');
  await assert.rejects(registration.prove(signal), {
    exit: 'metadata',
    message: /service-accounts\/default\/identity\?audience=.*\(404\)/,
    advice: /no service account/,
  });
});

void test('a VM whose metadata comes from GCE_METADATA_HOST may not be halted', async t => {
  const { provider, signal } = await google(t, INSTANCE);
  await provider.identify(signal);
  assert.deepEqual(provider.host(), {
    kind: 'provisioned',
    mayHalt: false,
    because: 'its metadata comes from GCE_METADATA_HOST',
  });
});

void test('a GCE_METADATA_HOST that is no host is named', () => {
  assert.throws(() => createGoogleProvider(providerWorld({ env: { GCE_METADATA_HOST: 'http://x/y' } })), {
    exit: 'config',
    message: /GCE_METADATA_HOST/,
  });
});
