/** Whether this machine is the instance that an earlier start was. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createProvider } from '../../src/providers/index.ts';
import type { Provider } from '../../src/providers/provider.ts';
import type { Recognition } from '../../src/state/state.ts';
import { answerStatus, startCloudMetadata, type MetadataAnswer } from '../support/cloud-metadata.ts';
import { providerWorld } from '../support/provider-world.ts';

const never = new AbortController().signal;
const HTML = '<!doctype html><title>Log in</title>';

interface Cloud {
  readonly path: string;
  readonly env: (origin: string) => Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The answer of the machine whose id is `ID`. */
  readonly answer: (id: string) => string;
  readonly id: string;
}

const TOKEN: MetadataAnswer = (_, response) =>
  response.setHeader('x-aws-ec2-metadata-token-ttl-seconds', '21600').end('AQAEAtoken==');

const CLOUDS: Readonly<Record<'aws' | 'azure' | 'google', Cloud>> = {
  aws: {
    path: '/latest/meta-data/instance-id',
    env: origin => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: origin }),
    answer: id => id,
    id: 'i-0123456789abcdef0',
  },
  azure: {
    path: '/metadata/instance',
    env: origin => ({ AZURE_METADATA_SERVICE_ENDPOINT: origin }),
    answer: id => JSON.stringify({ compute: { vmId: id, name: 'vm-1', location: 'eastus', vmSize: 'S' } }),
    id: '5c08b38e-4d57-4c23-ac45-aca61037f084',
  },
  google: {
    path: '/computeMetadata/v1/instance/id',
    env: origin => ({ GCE_METADATA_HOST: new URL(origin).host }),
    headers: { 'metadata-flavor': 'Google' },
    answer: id => id,
    id: '4567890123456789012',
  },
};

async function provider(
  t: TestContext,
  name: keyof typeof CLOUDS,
  answer: MetadataAnswer | undefined,
): Promise<Provider> {
  const { path, env, headers } = CLOUDS[name];
  const answers = { '/latest/api/token': TOKEN, ...(answer === undefined ? {} : { [path]: answer }) };
  const { origin } = await startCloudMetadata(t, answers, headers);
  const made = createProvider({ providerType: name }, providerWorld({ env: env(origin) }));
  t.after(() => made.close());
  return made;
}

for (const [name, { answer, id }] of Object.entries(CLOUDS) as [keyof typeof CLOUDS, Cloud][]) {
  const rows: readonly (readonly [string, MetadataAnswer | undefined, Recognition])[] = [
    ['itself', answer(id), 'same'],
    ['no machine that has another id', answer(id.replace('4', '5')), 'another'],
    ['unknown where there is no id', undefined, 'unknown'],
    ['unknown where access is refused', answerStatus(403), 'unknown'],
    ['unknown where another text is answered', '"welcome to the network"', 'unknown'],
  ];
  for (const [what, given, expected] of rows) {
    void test(`a machine of ${name} is ${what}`, async t => {
      assert.equal(await (await provider(t, name, given)).recognize(id, never), expected);
    });
  }

  for (const [what, given] of [
    ['nothing', () => undefined],
    ['a web page', HTML],
    ['an error', answerStatus(503)],
  ] as const) {
    void test(`a machine of ${name} is unknown as soon as patience ends, where ${what} is answered`, async t => {
      const made = await provider(t, name, given);
      const patience = new AbortController();
      const answered = made.recognize(id, patience.signal);
      patience.abort(new Error('enough'));
      assert.equal(await answered, 'unknown');
    });
  }
}

void test('a machine of one’s own is the worker that its runner config names', async () => {
  const config = {
    providerType: 'standalone',
    rootURL: 'https://tc.example.com',
    clientID: 'c',
    accessToken: 't',
    workerPoolID: 'a/b',
    workerGroup: 'g',
    workerID: 'w',
  } as const;
  const own = createProvider(config, providerWorld());
  const { instance } = await own.identify(never);
  assert.equal(await own.recognize(instance, never), 'same');
  const other = createProvider({ ...config, workerGroup: 'h' }, providerWorld());
  assert.equal(await other.recognize(instance, never), 'another');
});
