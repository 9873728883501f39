import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import type { InterruptionSettings } from '../../src/config/runner-config.ts';
import { createProvider } from '../../src/providers/index.ts';
import type { NoticeSource, Provider, ProviderWorld } from '../../src/providers/provider.ts';
import { failureOf, type MetadataServer, startMetadataServer } from '../support/metadata-server.ts';
import { providerWorld } from '../support/provider-world.ts';
import { testClock } from '../support/taskcluster-server.ts';

const never = new AbortController().signal;

const USER_DATA = {
  workerPoolId: 'pool/one',
  providerId: 'my-aws',
  workerGroup: 'us-east-1',
  rootUrl: 'https://tc.example.com/',
  workerConfig: { ignored: true },
};

const IDENTITY = {
  accountId: '123456789012',
  architecture: 'x86_64',
  availabilityZone: 'us-east-1b',
  imageId: 'ami-1',
  instanceId: 'i-0123456789abcdef0',
  instanceType: 'm5.large',
  privateIp: '10.0.0.7',
  region: 'us-east-1',
};

/** As the service gives them: with line breaks, which the signature is over. */
const DOCUMENT = `${JSON.stringify(IDENTITY, null, 2)}\n`;
const SIGNATURE = 'c2lnbmF0dXJl\nb2YgdGhl\n';

const VALUES: Values = {
  'user-data': JSON.stringify(USER_DATA),
  'dynamic/instance-identity/document': DOCUMENT,
  'dynamic/instance-identity/signature': SIGNATURE,
  'meta-data/public-hostname': 'ec2-1-2-3-4.compute-1.amazonaws.com',
  'meta-data/public-ipv4': '1.2.3.4',
};

/** Below /latest/; undefined: 404, a number: that status. */
type Values = Readonly<Record<string, string | number | undefined>>;

interface Imds extends MetadataServer {
  /** What the service says from now on. */
  set(values: Values): void;
  /** The service forgets every token that it gave. */
  forgetTokens(): void;
  /** From now on who asks for a token is answered with 503. */
  refuseTokens(): void;
  /** From now on it is answered with nothing. */
  hangTokens(): void;
  readonly tokenRequests: () => number;
  /** Resolves once so many requests for a token are there. */
  putToken(count: number): Promise<void>;
}

async function startImds(t: TestContext, values: Values = VALUES): Promise<Imds> {
  let current = values;
  let tokens = 0;
  let valid = new Set<string>();
  let giving: 'tokens' | '503' | 'nothing' = 'tokens';
  const asked = new EventEmitter();
  const server = await startMetadataServer(t, (response, request) => {
    const [method, path = ''] = request.line.split(' ');
    if (method === 'PUT' && path === '/latest/api/token') {
      const ttl = request.headers['x-aws-ec2-metadata-token-ttl-seconds'];
      if (ttl !== '21600') return void response.writeHead(400).end();
      tokens += 1;
      asked.emit('token');
      if (giving === 'nothing') return;
      if (giving === '503') return void response.writeHead(503).end();
      valid.add(`token-number-${tokens}==`);
      response.writeHead(200, { 'x-aws-ec2-metadata-token-ttl-seconds': ttl });
      return void response.end(`token-number-${tokens}==`);
    }
    if (!valid.has(String(request.headers['x-aws-ec2-metadata-token'])))
      return void response.writeHead(401).end('<html>unauthorized');
    const value = current[path.slice('/latest/'.length)] ?? 404;
    if (typeof value === 'number') response.writeHead(value).end('<?xml version="1.0"?><html>');
    else response.end(value);
  });
  return {
    ...server,
    set: newValues => (current = newValues),
    forgetTokens: () => (valid = new Set()),
    refuseTokens: () => (giving = '503'),
    hangTokens: () => (giving = 'nothing'),
    tokenRequests: () => tokens,
    async putToken(count) {
      while (tokens < count) await once(asked, 'token');
    },
  };
}

function awsProvider(t: TestContext, imds: MetadataServer, world: Partial<ProviderWorld> = {}): Provider {
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `${imds.origin}/` };
  const provider = createProvider({ providerType: 'aws' }, providerWorld({ env, ...world }));
  t.after(() => provider.close());
  return provider;
}

const HOUR_MS = 3_600_000;

/** The watch for spot interruptions, in a time that passes by hand. */
function watchInTime(t: TestContext, imds: MetadataServer) {
  let passedMs = 0;
  const clock: Clock = { ...systemClock, elapsed: () => passedMs };
  return {
    source: sourceOf(awsProvider(t, imds, { clock }), 'spot interruptions'),
    pass: (ms: number) => void (passedMs += ms),
  };
}

function interruptions(settings: Partial<InterruptionSettings>): Pick<ProviderWorld, 'interruptions'> {
  return { interruptions: { ...providerWorld().interruptions, ...settings } };
}

function sourceOf(provider: Provider, name: string): NoticeSource {
  const source = provider.noticeSources.find(candidate => candidate.name === name);
  assert.ok(source);
  return source;
}

void test('an instance is identified by its user data and its identity document', async t => {
  const imds = await startImds(t);
  const { identified, registration } = await awsProvider(t, imds).identify(never);
  assert.deepEqual(identified, {
    identity: {
      rootUrl: 'https://tc.example.com',
      workerPoolId: 'pool/one',
      workerGroup: 'us-east-1',
      workerId: 'i-0123456789abcdef0',
    },
    location: { cloud: 'aws', region: 'us-east-1', availabilityZone: 'us-east-1b' },
    metadata: {
      'instance-id': 'i-0123456789abcdef0',
      image: 'ami-1',
      'instance-type': 'm5.large',
      region: 'us-east-1',
      'availability-zone': 'us-east-1b',
      'local-ipv4': '10.0.0.7',
      'public-hostname': 'ec2-1-2-3-4.compute-1.amazonaws.com',
      'public-ipv4': '1.2.3.4',
    },
  });
  assert.ok(registration.kind === 'register');
  assert.equal(registration.providerId, 'my-aws');
  assert.deepEqual(registration.patience, { unknownWorkerForMs: 120_000, refusedTries: 1 });
  assert.deepEqual(await registration.prove(never), { document: DOCUMENT, signature: SIGNATURE });
  assert.equal(imds.requests.length, 6);
});

void test('what a private instance does not have is left out', async t => {
  const imds = await startImds(t, {
    ...VALUES,
    'dynamic/instance-identity/document': JSON.stringify({ ...IDENTITY, privateIp: null }),
    'meta-data/public-hostname': '',
    'meta-data/public-ipv4': undefined,
  });
  const { identified } = await awsProvider(t, imds).identify(never);
  assert.deepEqual(Object.keys(identified.metadata), [
    'instance-id',
    'image',
    'instance-type',
    'region',
    'availability-zone',
  ]);
});

void test('the boot and the first look share one token, and later looks use it on', async t => {
  const imds = await startImds(t);
  const provider = awsProvider(t, imds);
  const source = sourceOf(provider, 'spot interruptions');
  await Promise.all([provider.identify(never), source.look(never)]);
  await source.look(never);
  assert.equal(imds.tokenRequests(), 1);
});

void test('a token is renewed before it ends, and no look waits for that', async t => {
  const imds = await startImds(t);
  const { source, pass } = watchInTime(t, imds);
  await source.look(never);
  pass(4 * HOUR_MS);
  await source.look(never);
  assert.equal(imds.tokenRequests(), 1);
  pass(2 * HOUR_MS - 60_000);
  await source.look(never);
  await imds.putToken(2);
  await source.look(never);
  assert.equal(imds.tokenRequests(), 2);
});

void test('while a token is good it is used although it cannot be renewed; then a look says at once why there is none', async t => {
  const imds = await startImds(t);
  const { source, pass } = watchInTime(t, imds);
  await source.look(never);
  imds.refuseTokens();
  pass(5.5 * HOUR_MS);
  await source.look(never);
  await imds.putToken(2);
  // Not at each look.
  assert.deepEqual(await source.look(never), []);
  assert.equal(imds.tokenRequests(), 2);
  pass(HOUR_MS);
  const error = await failureOf(source.look(never));
  assert.match(error.message, /\/latest\/api\/token should give a session token .*, but the answer is 503/);
  // Both of its values asked for the token, together and once.
  assert.equal(imds.tokenRequests(), 3);
});

void test('where the service forgot the token, all requests repeat themselves with one new token', async t => {
  const imds = await startImds(t);
  const provider = awsProvider(t, imds);
  await provider.identify(never);
  imds.forgetTokens();
  await provider.identify(never);
  assert.equal(imds.tokenRequests(), 2);
  imds.forgetTokens();
  assert.deepEqual(await sourceOf(provider, 'spot interruptions').look(never), []);
  assert.equal(imds.tokenRequests(), 3);
});

for (const key of ['workerPoolId', 'providerId', 'workerGroup', 'rootUrl']) {
  void test(`user data without ${key} gives an error that names it`, async t => {
    const userData = JSON.stringify({ ...USER_DATA, [key]: undefined });
    const imds = await startImds(t, { ...VALUES, 'user-data': userData });
    const error = await failureOf(awsProvider(t, imds).identify(never));
    assert.match(error.message, new RegExp(`/latest/user-data .*but it lacks ${key}$`));
    assert.match(error.advice ?? '', /not made by it/);
  });
}

void test('user data that is none, or no JSON, says that worker-manager did not make the instance', async t => {
  const imds = await startImds(t);
  for (const [value, words] of [
    [undefined, /there is no such value \(404\)/],
    ['', /it is empty/],
    ['#cloud-config', /it is not JSON/],
    [Buffer.from(JSON.stringify(USER_DATA)).toString('base64'), /it is not JSON/],
    ['\u001f\u008b\u0008\u0000', /it is not JSON/],
    ['{"workerPoolId":', /truncated JSON/],
  ] as const) {
    imds.set({ ...VALUES, 'user-data': value });
    const provider = awsProvider(t, imds, { clock: testClock() });
    const error = await failureOf(provider.identify(never));
    assert.match(error.message, words);
    assert.match(error.message, /\/latest\/user-data should give JSON with workerPoolId/);
    assert.match(error.advice ?? '', /not made by it/);
  }
});

void test('an identity document of another shape is an error that names the key', async t => {
  const document = JSON.stringify({ ...IDENTITY, instanceId: undefined });
  const imds = await startImds(t, { ...VALUES, 'dynamic/instance-identity/document': document });
  const error = await failureOf(awsProvider(t, imds).identify(never));
  assert.match(error.message, /the instance identity document, but it lacks instanceId$/);
});

void test('a value that fails twice is asked for again', async t => {
  const failures = new Map<string, number>();
  const imds = await startMetadataServer(t, (response, { line }) => {
    const failed = failures.get(line) ?? 0;
    failures.set(line, failed + 1);
    if (failed < 2) response.writeHead(503).end();
    else if (line.startsWith('PUT')) response.end('token-token-token');
    else response.end(String(VALUES[line.slice('GET /latest/'.length)]));
  });
  const { identified } = await awsProvider(t, imds).identify(never);
  assert.equal(identified.identity.workerId, IDENTITY.instanceId);
});

void test('a token that never comes over a connection that was taken points to the hop limit', async t => {
  const imds = await startMetadataServer(t, () => undefined);
  const provider = awsProvider(t, imds, { metadata: { giveUpAfterMs: 2000 } });
  const error = await failureOf(provider.identify(never));
  assert.match(error.message, /PUT http:.*\/latest\/api\/token was accepted and not answered/);
  assert.match(error.advice ?? '', /HttpPutResponseHopLimit/);
});

void test('a captive portal is not taken for AWS', async t => {
  const imds = await startMetadataServer(t, response =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><p>Log in'),
  );
  const error = await failureOf(awsProvider(t, imds, { clock: testClock() }).identify(never));
  assert.match(error.message, /a session token of IMDSv2, but the answer \(200\) is HTML/);
});

void test('a machine may not be halted where a variable names its metadata service, or nobody answered', async t => {
  const imds = await startImds(t);
  const overridden = awsProvider(t, imds);
  await overridden.identify(never);
  assert.deepEqual(overridden.host(), {
    kind: 'provisioned',
    mayHalt: false,
    because: 'its metadata comes from AWS_EC2_METADATA_SERVICE_ENDPOINT',
  });
  const unasked = createProvider({ providerType: 'aws' }, providerWorld());
  assert.deepEqual(unasked.host(), {
    kind: 'provisioned',
    mayHalt: false,
    because: 'no metadata service has named a worker pool',
  });
});

void test('an endpoint that is no URL is a mistake of the configuration', () => {
  const env = { AWS_EC2_METADATA_SERVICE_ENDPOINT: 'somewhere' };
  assert.throws(() => createProvider({ providerType: 'aws' }, providerWorld({ env })), {
    code: 'metadata.endpoint',
    exit: 'config',
    message: /AWS_EC2_METADATA_SERVICE_ENDPOINT/,
  });
});

void test('only spot interruptions are looked for unless the user wants more', async t => {
  const imds = await startImds(t);
  const names = (provider: Provider) => provider.noticeSources.map(source => [source.name, source.everyMs]);
  assert.deepEqual(names(awsProvider(t, imds)), [['spot interruptions', 2000]]);
  assert.deepEqual(
    names(awsProvider(t, imds, interruptions({ pollMs: 500, rebalance: true, maintenance: true }))),
    [
      ['spot interruptions', 500],
      ['rebalance recommendations', 500],
      ['scheduled maintenance', 500],
    ],
  );
});

void test('a spot interruption is one notice, whichever value says it', async t => {
  const imds = await startImds(t);
  const source = sourceOf(awsProvider(t, imds), 'spot interruptions');
  assert.ok(source.prompt);
  assert.deepEqual(await source.look(never), []);
  const time = '2026-11-21T08:22:00Z';
  const notice = {
    id: 'spot-interruption',
    kind: 'spot-interruption',
    finishTasks: false,
    deadline: new Date(time),
  };
  imds.set({ 'meta-data/spot/termination-time': time });
  assert.deepEqual(await source.look(never), [{ ...notice, reason: 'spot termination-time' }]);
  const action = JSON.stringify({ action: 'stop', time });
  imds.set({ 'meta-data/spot/termination-time': time, 'meta-data/spot/instance-action': action });
  assert.deepEqual(await source.look(never), [{ ...notice, reason: 'spot instance-action stop' }]);
  imds.set({ 'meta-data/spot/termination-time': 'no time' });
  assert.deepEqual(await source.look(never), []);
});

void test('a spot interruption is not missed where one of the two values fails', async t => {
  const imds = await startImds(t, {
    'meta-data/spot/termination-time': '2026-11-21T08:22:00Z',
    'meta-data/spot/instance-action': 500,
  });
  const source = sourceOf(awsProvider(t, imds), 'spot interruptions');
  assert.equal((await source.look(never)).length, 1);
  imds.set({ 'meta-data/spot/instance-action': '{"action": ' });
  assert.match((await failureOf(source.look(never))).message, /instance-action should give .*truncated/);
});

void test('a rebalance recommendation and maintenance leave time to finish the tasks', async t => {
  const event = {
    EventId: 'instance-event-1',
    Code: 'system-reboot',
    Description: 'scheduled reboot',
    State: 'active',
    NotBefore: '21 Nov 2026 09:00:43 GMT',
    NotAfter: '21 Nov 2026 09:17:23 GMT',
  };
  const others = ['completed', 'canceled'].map(State => ({ ...event, EventId: State, State }));
  const imds = await startImds(t, {
    'meta-data/events/recommendations/rebalance': '{"noticeTime": "2026-11-21T08:22:00Z"}',
    'meta-data/events/maintenance/scheduled': JSON.stringify([...others, event]),
  });
  const provider = awsProvider(t, imds, interruptions({ rebalance: true, maintenance: true }));
  const rebalance = sourceOf(provider, 'rebalance recommendations');
  const maintenance = sourceOf(provider, 'scheduled maintenance');
  assert.deepEqual(await rebalance.look(never), [
    {
      id: 'rebalance 2026-11-21T08:22:00Z',
      kind: 'rebalance',
      reason: 'rebalance recommendation',
      finishTasks: true,
    },
  ]);
  assert.deepEqual(await maintenance.look(never), [
    {
      id: 'instance-event-1',
      kind: 'maintenance',
      reason: 'system-reboot: scheduled reboot',
      finishTasks: true,
      deadline: new Date('2026-11-21T09:00:43Z'),
    },
  ]);
  imds.set({ 'meta-data/events/maintenance/scheduled': '[]' });
  assert.deepEqual(await maintenance.look(never), []);
  assert.deepEqual(await rebalance.look(never), []);
});

void test('a look ends by itself where nothing is answered any more, and at once with its signal', async t => {
  const imds = await startImds(t);
  const source = sourceOf(awsProvider(t, imds), 'spot interruptions');
  await source.look(never);
  imds.forgetTokens();
  imds.hangTokens();
  assert.match((await failureOf(source.look(never))).message, /PUT .* was accepted and not answered in 2 s/);
  const ending = new AbortController();
  const reason = new Error('it is over');
  const look = source.look(ending.signal);
  ending.abort(reason);
  await assert.rejects(look, reason);
});

void test('a look at boot waits with the boot for the first token', async t => {
  const imds = await startMetadataServer(t, () => undefined);
  const provider = awsProvider(t, imds, { metadata: { giveUpAfterMs: 2000 } });
  const look = failureOf(sourceOf(provider, 'spot interruptions').look(never));
  const identified = failureOf(provider.identify(never));
  assert.equal((await look).message, (await identified).message);
  assert.equal(imds.requests.length, 1);
});
