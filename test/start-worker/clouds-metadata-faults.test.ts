/** Each value of each metadata service, when it is not as it should be. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../src/json.ts';
import type { ScenarioFault } from '../../src/simulator/index.ts';
import { bootOnCloud, type CloudBoot, configOf, refusalOf, warningsOf } from '../support/cloud-boot.ts';
import type { CloudMachine } from '../support/cloud-machine.ts';
import { startMetadataServer } from '../support/metadata-server.ts';
import { closedPort } from '../support/taskcluster-server.ts';

type CloudName = NonNullable<CloudMachine['cloud']>;
type Misfortune = Omit<ScenarioFault, 'call' | 'path'>;

interface Endpoints {
  /** Without it there is no worker. By the end of its URL's path: what it should give. */
  readonly needed: Readonly<Record<string, RegExp>>;
  /** The worker can do without it. By the path: its key in the metadata. */
  readonly optional: Readonly<Record<string, string>>;
  /** Only says whether the machine is about to go. */
  readonly watched: readonly string[];
}

const CLOUDS: Readonly<Record<CloudName, Endpoints>> = {
  aws: {
    needed: {
      '/latest/api/token': /a session token of IMDSv2/,
      '/latest/user-data': /JSON with workerPoolId, .* \(the user data of the instance\)/,
      '/latest/dynamic/instance-identity/document': /the instance identity document/,
      '/latest/dynamic/instance-identity/signature': /the signature of the instance identity document/,
    },
    optional: {
      '/latest/meta-data/public-hostname': 'public-hostname',
      '/latest/meta-data/public-ipv4': 'public-ipv4',
    },
    watched: ['/latest/meta-data/spot/instance-action', '/latest/meta-data/spot/termination-time'],
  },
  google: {
    needed: {
      '/instance/attributes/taskcluster': /JSON with workerPoolId, .* \(the instance attribute taskcluster\)/,
      '/instance/id': /the instance's id \(digits\)/,
      '/instance/zone': /the instance's zone/,
      '/instance/service-accounts/default/identity': /a token that proves this VM's identity/,
    },
    optional: {
      '/project/project-id': 'project-id',
      '/instance/image': 'image',
      '/instance/machine-type': 'instance-type',
      '/instance/hostname': 'public-hostname',
      '/instance/network-interfaces/0/access-configs/0/external-ip': 'public-ipv4',
      '/instance/network-interfaces/0/ip': 'local-ipv4',
    },
    watched: ['/instance/preempted', '/instance/maintenance-event'],
  },
  azure: {
    needed: {
      '/metadata/instance': /the metadata of this VM/,
      '/metadata/attested/document': /a signed document/,
    },
    optional: {},
    watched: ['/metadata/scheduledevents'],
  },
};
const NAMES = Object.keys(CLOUDS) as CloudName[];

function allOf(cloud: CloudName): readonly string[] {
  const { needed, optional, watched } = CLOUDS[cloud];
  return [...Object.keys(needed), ...Object.keys(optional), ...watched];
}

/** Boots a machine for whose values all the same goes wrong, each by itself. */
function bootWith(
  t: Parameters<typeof bootOnCloud>[0],
  cloud: CloudName,
  paths: readonly string[],
  misfortune: Misfortune,
  giveUpAfter: string,
): Promise<CloudBoot> {
  const faults = paths.map(path => ({ call: 'metadata' as const, path, ...misfortune }));
  return bootOnCloud(t, { cloud, scenario: { faults }, config: () => ({ metadata: { giveUpAfter } }) });
}

/** Two looks for notices that fail are told of; whether there are two before the worker ends, nobody knows. */
function isAboutNotices(warning: string): boolean {
  return warning.includes('has not said whether it takes this machine away');
}

/** What may be over in a moment. */
const PASSING: Readonly<Record<string, Misfortune>> = {
  'is slow': { delay: '300ms' },
  'hangs once': { hang: true, times: 1 },
  'fails twice': { status: 503, times: 2 },
  'is being renewed': { status: 410, times: 2 },
  'is a web page at first': { body: 'html', times: 1 },
  'is cut off at first': { body: 'cut', times: 1 },
};

/** What stays, and how the error says it. */
const LASTING: Readonly<
  Record<string, { readonly misfortune: Misfortune; readonly said: (what: RegExp) => RegExp }>
> = {
  'fails for ever': { misfortune: { status: 503 }, said: () => / failed.* was answered with 503\n/ },
  'hangs for ever': {
    misfortune: { hang: true },
    said: () => / failed.* was accepted and not answered in .* s\n/,
  },
  'is a web page': {
    misfortune: { body: 'html' },
    said: what =>
      new RegExp(
        `(should give ${what.source}[^\n]*, but the answer \\(200\\) is HTML|without the header Metadata-Flavor: Google)\n` +
          'what to do: .*something else',
      ),
  },
  'is always cut off': {
    misfortune: { body: 'cut' },
    said: () => / failed.* was answered \(200\) with a body that was cut off\n/,
  },
  'is empty': {
    misfortune: { body: 'empty' },
    said: what => new RegExp(` should give ${what.source}[^\n]*, but it is empty\n`),
  },
  'is something else': {
    misfortune: { body: 'wrong-shape' },
    said: what => new RegExp(` should give ${what.source}[^\n]*, but (it gives other text|it lacks .*)\n`),
  },
};

void describe('a metadata service', { concurrency: 10 }, () => {
  for (const cloud of NAMES) {
    for (const [how, misfortune] of Object.entries(PASSING)) {
      void test(`of ${cloud} of which each value ${how} boots its machine with all of them`, async t => {
        const boot = await bootWith(t, cloud, allOf(cloud), misfortune, '30s');
        const metadata = configOf(boot).workerTypeMetadata as JsonObject;
        for (const key of Object.values(CLOUDS[cloud].optional)) assert.ok(key in metadata, key);
        assert.ok(warningsOf(boot).every(isAboutNotices));
        for (const path of allOf(cloud)) {
          const hit = boot.asked.filter(request => request.path.includes(path) && request.faults.length > 0);
          // Of AWS the look that a boot waits for may end before both its values were asked for again.
          assert.ok(hit.length > 0 || CLOUDS[cloud].watched.includes(path), path);
        }
      });
    }

    for (const [path, what] of Object.entries(CLOUDS[cloud].needed)) {
      for (const [how, { misfortune, said }] of Object.entries(LASTING)) {
        void test(`of ${cloud} whose ${path} ${how} ends the boot with an error that says so`, async t => {
          const boot = await bootWith(t, cloud, [path], misfortune, '3s');
          const words = refusalOf(boot, 'metadata');
          assert.ok(words.includes(boot.simulator.metadataUrl ?? '?'), words);
          assert.ok(words.includes(path), words);
          assert.match(words, said(what));
          assert.deepEqual(boot.registrations, []);
        });
      }
    }
  }

  for (const cloud of ['aws', 'google'] as const) {
    const { optional } = CLOUDS[cloud];
    for (const [how, { misfortune }] of Object.entries(LASTING)) {
      void test(`of ${cloud} of which each value that a worker can do without ${how} boots its machine without them`, async t => {
        // Nobody waits for them as long as for the others.
        const boot = await bootWith(t, cloud, Object.keys(optional), misfortune, '10m');
        const metadata = configOf(boot).workerTypeMetadata as JsonObject;
        for (const key of Object.values(optional)) assert.ok(!(key in metadata), key);
        // What is empty simply is not there.
        const told = how === 'is empty' ? [] : Object.values(optional);
        const warnings = warningsOf(boot);
        assert.ok(warnings.every(line => line.startsWith('the worker is not told ')));
        for (const key of told) assert.equal(warnings.join('\n').split(key).length > 1, true, key);
        if (told.length === 0) assert.deepEqual(warnings, []);
      });
    }
  }

  for (const cloud of NAMES) {
    for (const [how, { misfortune }] of Object.entries(LASTING)) {
      void test(`of ${cloud} whose notices of its end are not to be had, since each ${how}, boots its machine`, async t => {
        const boot = await bootWith(t, cloud, CLOUDS[cloud].watched, misfortune, '10m');
        configOf(boot);
        assert.ok(warningsOf(boot).every(isAboutNotices));
      });
    }
  }

  void test('of aws that takes the request for a token and never answers makes think of the hop limit', async t => {
    const words = refusalOf(await bootWith(t, 'aws', ['/api/token'], { hang: true }, '3s'), 'metadata');
    assert.match(words, /: PUT http:\S+\/latest\/api\/token was accepted and not answered in/);
    assert.match(words, /what to do: in a container, .* set HttpPutResponseHopLimit to 2/);
  });

  void test('of google without a service account says that the VM needs one', async t => {
    const words = refusalOf(
      await bootOnCloud(t, { cloud: 'google', scenario: { machine: { absent: ['identity'] } } }),
      'metadata',
    );
    assert.match(words, /but there is no such value \(404\)\nwhat to do: .* the VM has no service account/);
  });

  void test('of azure names each tag that is missing', async t => {
    const tags = ['worker-pool-id', 'provider-id', 'worker-group', 'root-url'];
    const missing = [...tags.map(tag => [tag]), tags];
    await Promise.all(
      missing.map(async absent => {
        const words = refusalOf(
          await bootOnCloud(t, { cloud: 'azure', scenario: { machine: { absent } } }),
          'metadata',
        );
        assert.ok(words.includes(`, but these are missing: ${absent.join(', ')}\n`), words);
        assert.match(words, /\/metadata\/instance\?/);
      }),
    );
  });

  const VARIABLES: Readonly<Record<CloudName, string>> = {
    aws: 'AWS_EC2_METADATA_SERVICE_ENDPOINT',
    google: 'GCE_METADATA_HOST',
    azure: 'AZURE_METADATA_SERVICE_ENDPOINT',
  };

  for (const cloud of NAMES) {
    const variable = VARIABLES[cloud];

    void test(`of ${cloud} that is named by something that is no address is a mistake of the environment`, async t => {
      const boot = await bootOnCloud(t, { cloud, env: { [variable]: 'no address!' } });
      assert.match(
        refusalOf(boot, 'config'),
        new RegExp(`the variable ${variable} of the environment is not a`),
      );
    });

    void test(`of ${cloud} that nobody is, is given up after metadata.giveUpAfter`, async t => {
      const host = `127.0.0.1:${await closedPort()}`;
      const env = { [variable]: cloud === 'google' ? host : `http://${host}` };
      const config = () => ({ metadata: { giveUpAfter: '3s' } });
      const words = refusalOf(await bootOnCloud(t, { cloud, env, config }), 'metadata');
      assert.match(words, new RegExp(`failed.* http://${host}/\\S+ was not answered: ECONNREFUSED\n`));
      assert.match(words, new RegExp(`what to do: .*${variable}`));
    });

    void test(`of ${cloud} is not looked for where a captive portal leads to`, async t => {
      const portal = await startMetadataServer(t, response => {
        response.writeHead(302, { location: 'http://127.0.0.1:9/login?token=1' }).end();
      });
      const env = { [variable]: cloud === 'google' ? portal.origin.replace('http://', '') : portal.origin };
      const config = () => ({ metadata: { giveUpAfter: '3s' } });
      const words = refusalOf(await bootOnCloud(t, { cloud, env, config }), 'metadata');
      assert.match(
        words,
        /answered with a redirect \(302\) to http:\/\/127.0.0.1:9\/login, which is not followed\n/,
      );
      assert.match(words, /what to do: something else than the metadata service answers .* captive portal/);
    });
  }
});
