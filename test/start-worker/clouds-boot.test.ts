import assert from 'node:assert/strict';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import type { JsonObject } from '../../src/json.ts';
import { bootOnCloud, type CloudBoot, configOf, refusalOf, warningsOf } from '../support/cloud-boot.ts';

/** The paths that were asked for, each once, without the prefix. */
function pathsOf({ asked }: CloudBoot, prefix: string): readonly string[] {
  return [...new Set(asked.map(({ method, path }) => `${method} ${path.replace(prefix, '')}`))].sort();
}

/** The values of a header over all requests to the metadata service. */
function headerValues({ asked }: CloudBoot, method: string, name: string): readonly unknown[] {
  return [...new Set(asked.filter(request => request.method === method).map(({ headers }) => headers[name]))];
}

/** What was registered: the body less what differs from run to run, and the proof. */
function registrationOf({ registrations }: CloudBoot): {
  readonly identity: JsonObject;
  readonly proof: JsonObject;
} {
  assert.equal(registrations.length, 1);
  const { systemBootTime, workerIdentityProof, ...identity } = registrations[0] ?? {};
  assert.ok(typeof systemBootTime === 'string' && Date.parse(systemBootTime) < Date.now());
  return { identity, proof: workerIdentityProof as JsonObject };
}

/** The worker's configuration less its credentials, which are there. */
function withoutCredentials(config: JsonObject): JsonObject {
  const { clientId, accessToken, certificate, ...rest } = config;
  for (const value of [clientId, accessToken, certificate]) assert.equal(typeof value, 'string');
  return rest;
}

void describe('a machine of a cloud', { concurrency: 4 }, () => {
  void test('of aws boots: one token for IMDSv2, its document as the proof, its metadata for the worker', async t => {
    const boot = await bootOnCloud(t, { cloud: 'aws', scenario: { machine: { rootUrl: 'own/' } } });
    const config = configOf(boot);
    assert.deepEqual(pathsOf(boot, '/latest/'), [
      'GET dynamic/instance-identity/document',
      'GET dynamic/instance-identity/signature',
      'GET meta-data/public-hostname',
      'GET meta-data/public-ipv4',
      'GET meta-data/spot/instance-action',
      'GET meta-data/spot/termination-time',
      'GET user-data',
      'PUT api/token',
    ]);
    assert.equal(boot.asked.filter(({ method }) => method === 'PUT').length, 1);
    assert.deepEqual(headerValues(boot, 'PUT', 'x-aws-ec2-metadata-token-ttl-seconds'), ['21600']);
    const tokens = headerValues(boot, 'GET', 'x-aws-ec2-metadata-token');
    assert.equal(tokens.length, 1);
    assert.match(String(tokens[0]), /^AQAEAA/);
    const { identity, proof } = registrationOf(boot);
    assert.deepEqual(identity, {
      workerPoolId: 'demo/aws',
      providerId: 'aws-demo',
      workerGroup: 'us-east-1',
      workerId: 'i-0123456789abcdef0',
    });
    assert.deepEqual(Object.keys(proof), ['document', 'signature']);
    // As it came: worker-manager checks the signature over the exact bytes.
    assert.match(proof.document as string, /^\{\n {2}"accountId" : "/);
    assert.deepEqual(withoutCredentials(config), {
      publicIP: '203.0.113.25',
      privateIP: '172.31.16.139',
      instanceType: 'm5.large',
      instanceID: 'i-0123456789abcdef0',
      region: 'us-east-1',
      availabilityZone: 'us-east-1a',
      workerLocation: '{"availabilityZone":"us-east-1a","cloud":"aws","region":"us-east-1"}',
      workerTypeMetadata: {
        'instance-id': 'i-0123456789abcdef0',
        image: 'ami-0abcdef1234567890',
        'instance-type': 'm5.large',
        region: 'us-east-1',
        'availability-zone': 'us-east-1a',
        'local-ipv4': '172.31.16.139',
        'public-hostname': 'ec2-203-0-113-25.compute-1.amazonaws.com',
        'public-ipv4': '203.0.113.25',
      },
      rootURL: boot.simulator.rootUrl,
      workerGroup: 'us-east-1',
      workerId: 'i-0123456789abcdef0',
      provisionerId: 'demo',
      workerType: 'aws',
    });
  });

  void test('of google boots: a token for exactly this Taskcluster as the proof, its metadata for the worker', async t => {
    const boot = await bootOnCloud(t, { cloud: 'google', scenario: { machine: { rootUrl: 'own/' } } });
    const config = configOf(boot);
    const { rootUrl } = boot.simulator;
    const asked = pathsOf(boot, '/computeMetadata/v1/');
    assert.deepEqual(
      asked.filter(line => !line.includes('wait_for_change')),
      [
        'GET instance/attributes/taskcluster',
        'GET instance/hostname',
        'GET instance/id',
        'GET instance/image',
        'GET instance/machine-type',
        'GET instance/maintenance-event',
        'GET instance/network-interfaces/0/access-configs/0/external-ip',
        'GET instance/network-interfaces/0/ip',
        'GET instance/preempted',
        `GET instance/service-accounts/default/identity?audience=${encodeURIComponent(rootUrl)}&format=full`,
        'GET instance/zone',
        'GET project/project-id',
      ],
    );
    assert.deepEqual(headerValues(boot, 'GET', 'metadata-flavor'), ['Google']);
    const { identity, proof } = registrationOf(boot);
    assert.deepEqual(identity, {
      workerPoolId: 'demo/google',
      providerId: 'google-demo',
      workerGroup: 'us-central1-a',
      workerId: '4567890123456789012',
    });
    assert.deepEqual(Object.keys(proof), ['token']);
    assert.deepEqual(withoutCredentials(config), {
      publicIP: '203.0.113.25',
      privateIP: '10.128.0.2',
      instanceType: 'projects/123456789012/machineTypes/n2-standard-4',
      instanceID: '4567890123456789012',
      region: 'us-central1',
      workerLocation: '{"cloud":"google","region":"us-central1","zone":"us-central1-a"}',
      workerTypeMetadata: {
        'instance-id': '4567890123456789012',
        'project-id': 'demo-project',
        image: 'projects/debian-cloud/global/images/debian-13-trixie-v20261110',
        'instance-type': 'projects/123456789012/machineTypes/n2-standard-4',
        zone: 'us-central1-a',
        region: 'us-central1',
        'public-hostname': 'demo-vm.c.demo-project.internal',
        'public-ipv4': '203.0.113.25',
        'local-ipv4': '10.128.0.2',
      },
      rootURL: rootUrl,
      workerGroup: 'us-central1-a',
      workerId: '4567890123456789012',
      provisionerId: 'demo',
      workerType: 'google',
    });
  });

  void test('of azure boots: its tags say whose it is, a signed document is the proof, its metadata for the worker', async t => {
    const boot = await bootOnCloud(t, { cloud: 'azure', scenario: { machine: { rootUrl: 'own/' } } });
    const config = configOf(boot);
    assert.deepEqual(pathsOf(boot, '/metadata/'), [
      'GET attested/document?api-version=2025-04-07',
      'GET instance?api-version=2025-04-07',
      'GET scheduledevents?api-version=2020-07-01',
    ]);
    assert.deepEqual(headerValues(boot, 'GET', 'metadata'), ['true']);
    const { identity, proof } = registrationOf(boot);
    assert.deepEqual(identity, {
      workerPoolId: 'demo/azure',
      providerId: 'azure-demo',
      workerGroup: 'eastus',
      workerId: 'vm-demo-1',
    });
    assert.deepEqual(Object.keys(proof), ['document']);
    assert.deepEqual(withoutCredentials(config), {
      publicIP: '203.0.113.25',
      privateIP: '10.0.0.4',
      instanceType: 'Standard_F8s_v2',
      region: 'eastus',
      workerLocation: '{"cloud":"azure","region":"eastus"}',
      workerTypeMetadata: {
        'vm-id': '5c08b38e-4d57-4c23-ac45-aca61037f084',
        'instance-type': 'Standard_F8s_v2',
        region: 'eastus',
        'local-ipv4': '10.0.0.4',
        'public-ipv4': '203.0.113.25',
      },
      rootURL: boot.simulator.rootUrl,
      workerGroup: 'eastus',
      workerId: 'vm-demo-1',
      provisionerId: 'demo',
      workerType: 'azure',
    });
  });

  for (const cloud of ['aws', 'google', 'azure'] as const) {
    void test(`of ${cloud} never asks its metadata service through a proxy`, async t => {
      const proxy = await startForwardProxy(t);
      const through = { HTTP_PROXY: proxy.url, http_proxy: proxy.url, ALL_PROXY: proxy.url };
      const env = { ...through, NO_PROXY: '', no_proxy: '', NODE_USE_ENV_PROXY: '1' };
      const boot = await bootOnCloud(t, { cloud, env });
      configOf(boot);
      // Taskcluster is reached through it: it was there to be used.
      assert.deepEqual([...proxy.origins], [boot.simulator.rootUrl]);
    });
  }

  void test('boots without what not every machine has, and nobody is warned', async t => {
    const boots = await Promise.all([
      bootOnCloud(t, { cloud: 'aws', scenario: { machine: { absent: ['public-ipv4', 'public-hostname'] } } }),
      bootOnCloud(t, {
        cloud: 'google',
        scenario: {
          machine: { interfaces: 0, absent: ['project-id', 'image', 'instance-type', 'public-hostname'] },
        },
      }),
      bootOnCloud(t, { cloud: 'azure', scenario: { machine: { interfaces: 2, absent: ['vm-id'] } } }),
    ]);
    for (const boot of boots) assert.deepEqual(warningsOf(boot), []);
    const metadata = boots.map(boot => Object.keys(configOf(boot).workerTypeMetadata as JsonObject).sort());
    assert.deepEqual(metadata, [
      ['availability-zone', 'image', 'instance-id', 'instance-type', 'local-ipv4', 'region'],
      ['instance-id', 'region', 'zone'],
      ['instance-type', 'region'],
    ]);
    for (const boot of boots) assert.ok(!('publicIP' in configOf(boot)));
  });

  void test('waits for worker-manager to know its worker', async t => {
    const boot = await bootOnCloud(t, {
      cloud: 'aws',
      scenario: { machine: { recordAfter: '6s' } },
      config: () => ({ network: { retryFor: '30s' } }),
    });
    configOf(boot);
    const statuses = boot.simulator.requests
      .filter(({ call }) => call === 'registerWorker')
      .map(({ status }) => status);
    assert.ok(statuses.length > 1);
    assert.deepEqual(new Set(statuses.slice(0, -1)), new Set([404]));
    assert.equal(statuses.at(-1), 200);
    assert.match(
      warningsOf(boot)[0] ?? '',
      /\(404 ResourceNotFound\): There is no worker .* \(try 1\); next try/,
    );
  });

  void test('of azure proves itself anew where its document is refused, with a document of that moment', async t => {
    const faults = [{ call: 'registerWorker' as const, status: 400, times: 2 }];
    const config = () => ({ network: { retryFor: '30s' } });
    const boot = await bootOnCloud(t, { cloud: 'azure', scenario: { faults }, config });
    configOf(boot);
    const documents = boot.registrations.map(
      ({ workerIdentityProof }) => (workerIdentityProof as JsonObject).document,
    );
    assert.equal(documents.length, 3);
    assert.equal(new Set(documents).size, 3);
    const calls = boot.simulator.requests
      .filter(({ call, path }) => call === 'registerWorker' || /instance|attested/.test(path))
      .map(({ call, path }) => (call === 'registerWorker' ? call : path.replace(/\?.*/, '')));
    const attempt = ['/metadata/attested/document', 'registerWorker'];
    assert.deepEqual(calls, ['/metadata/instance', ...attempt, ...attempt, ...attempt]);
  });

  void test('is refused for good: of azure the third time, of the others at once, with what to do on a cloud', async t => {
    const faults = [{ call: 'registerWorker' as const, status: 400, message: 'no such luck' }];
    const config = () => ({ network: { retryFor: '30s' } });
    const clouds = ['aws', 'google', 'azure'] as const;
    const boots = await Promise.all(
      clouds.map(cloud => bootOnCloud(t, { cloud, scenario: { faults }, config })),
    );
    for (const boot of boots) {
      const said = refusalOf(boot, 'refused');
      assert.match(said, /registerWorker at .*the service refused it \(400 InputError\): no such luck\n/);
      assert.match(said, /what to do: look this worker up in worker-manager: it registers only once/);
    }
    assert.deepEqual(
      boots.map(({ registrations }) => registrations.length),
      [1, 1, 3],
    );
  });
});

interface ForwardProxy {
  readonly url: string;
  /** Whom it was asked to reach. */
  readonly origins: ReadonlySet<string>;
}

/** A proxy that passes plain requests on. */
async function startForwardProxy(t: TestContext): Promise<ForwardProxy> {
  const origins = new Set<string>();
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '');
    origins.add(url.origin);
    const { method, headers } = request;
    const onward = http.request(url, { method, headers }, (answer: IncomingMessage) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, origins };
}
