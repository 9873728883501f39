/** Azure: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service */
import { createHmac, randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts';
import { acknowledge, AZURE_NOTICES, scheduledEvents } from './azure-events.ts';
import {
  jsonReply,
  textReply,
  type MetadataReply,
  type MetadataRequest,
  type ProofContext,
  type SimulatedCloud,
} from './simulated-cloud.ts';
import { ofOtherVm } from './events.ts';
import { has, type Machine } from './machine.ts';

const VM_ID = '5c08b38e-4d57-4c23-ac45-aca61037f084';
const SUBSCRIPTION = 'aaaabbbb-0000-cccc-1111-dddd2222eeee';
const NEWEST_VERSIONS = ['2025-04-07', '2024-07-17', '2023-11-15'] as const;
const API_VERSIONS = new Set([
  ...[...NEWEST_VERSIONS, '2023-07-01', '2021-12-13', '2021-11-15', '2021-11-01', '2021-10-01', '2021-05-01'],
  ...['2021-03-01', '2021-02-01', '2021-01-01', '2020-12-01', '2020-10-01', '2020-09-01', '2020-07-15'],
  ...['2020-06-01', '2019-11-01', '2019-08-15', '2019-08-01', '2019-06-04', '2019-06-01', '2019-04-30'],
]);
const EVENT_VERSIONS = ['2020-07-01', '2019-08-01', '2019-04-01', '2019-01-01'] as const;

const TAGS = ['worker-pool-id', 'provider-id', 'worker-group', 'root-url'] as const;

export const AZURE: SimulatedCloud = {
  defaults: { workerGroup: 'eastus', workerId: 'vm-demo-1' },
  variable: 'AZURE_METADATA_SERVICE_ENDPOINT',
  variableValue: hostAndPort => `http://${hostAndPort}`,
  values: ['vm-id', 'name', 'instance-type', 'region', 'local-ipv4', 'public-ipv4', 'document', ...TAGS],
  notices: AZURE_NOTICES,
  otherEvents: ofOtherVm(AZURE_NOTICES),
  answer,
  refusal: (status, message) => jsonReply(status, { error: message ?? 'The scenario asked for it' }),
  proofProblem,
};

function answer(request: MetadataRequest, machine: Machine): MetadataReply {
  const { method, path, query, headers } = request;
  if (headers.metadata?.toString().toLowerCase() !== 'true') {
    return jsonReply(400, { error: 'Bad request. Required metadata header not specified' });
  }
  if (headers['x-forwarded-for'] !== undefined) {
    return jsonReply(400, { error: 'Bad request. A request may not come through a proxy' });
  }
  const isEvents = path === '/metadata/scheduledevents';
  const version = query.get('api-version') ?? '';
  const known: readonly string[] = isEvents ? EVENT_VERSIONS : [...API_VERSIONS];
  if (!known.includes(version)) {
    return jsonReply(400, {
      error: 'Bad request. api-version is invalid or was not specified in the request.',
      'newest-versions': isEvents ? EVENT_VERSIONS.slice(0, 3) : NEWEST_VERSIONS,
    });
  }
  if (isEvents && method === 'POST') return acknowledge(request, machine);
  if (method !== 'GET') return jsonReply(405, { error: 'Method not allowed' });
  if (isEvents) return scheduledEvents(machine);
  if (path === '/metadata/attested/document' && has(machine, 'document')) return attested(request, machine);
  const instancePath = /^\/metadata\/instance(?:\/(.*))?$/.exec(path);
  return instancePath === null ? notFound() : instancePart(instancePath[1] ?? '', query, machine);
}

function notFound(): MetadataReply {
  return jsonReply(404, { error: 'Not found' });
}

/** A value within the whole is given as text only, where format=text asks for it. */
function instancePart(part: string, query: URLSearchParams, machine: Machine): MetadataReply {
  const parts = part.split('/').filter(name => name !== '');
  const value = parts.reduce<JsonValue | undefined>(
    (inner, name) => (typeof inner === 'object' && inner !== null ? (inner as JsonObject)[name] : undefined),
    instance(machine),
  );
  if (value === undefined) return notFound();
  if (typeof value === 'object') return jsonReply(200, value);
  return query.get('format') === 'text'
    ? textReply(200, String(value), 'text/plain; charset=utf-8')
    : jsonReply(400, { error: `Bad request. format=text is needed for ${part}` });
}

function instance(machine: Machine): JsonObject {
  const { worker, interfaces } = machine.settings;
  const values: Readonly<Record<(typeof TAGS)[number], string>> = {
    'worker-pool-id': worker.workerPoolId,
    'provider-id': worker.providerId,
    'worker-group': worker.workerGroup,
    'root-url': machine.rootUrl,
  };
  const tags = TAGS.filter(name => has(machine, name)).map(name => ({ name, value: values[name] }));
  const compute: JsonObject = {
    azEnvironment: 'AzurePublicCloud',
    evictionPolicy: 'Delete',
    ...(has(machine, 'region') ? { location: locationOf(machine) } : {}),
    ...(has(machine, 'name') ? { name: worker.workerId } : {}),
    osType: 'Linux',
    priority: 'Spot',
    resourceGroupName: 'demo-group',
    resourceId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/demo-group/providers/Microsoft.Compute/virtualMachines/${worker.workerId}`,
    subscriptionId: SUBSCRIPTION,
    tags: tags.map(({ name, value }) => `${name}:${value}`).join(';'),
    tagsList: [{ name: 'created-by', value: 'taskcluster-wm' }, ...tags],
    ...(has(machine, 'vm-id') ? { vmId: VM_ID } : {}),
    ...(has(machine, 'instance-type') ? { vmSize: 'Standard_F8s_v2' } : {}),
    zone: '',
  };
  return {
    compute,
    network: { interface: Array.from({ length: interfaces }, (_, nth) => networkInterface(machine, nth)) },
  };
}

function networkInterface(machine: Machine, nth: number): JsonObject {
  const address = {
    privateIpAddress: `10.0.${nth}.4`,
    publicIpAddress: has(machine, 'public-ipv4') ? `203.0.113.${nth + 25}` : '',
  };
  return {
    ipv4: {
      ipAddress: has(machine, 'local-ipv4') ? [address] : [],
      subnet: [{ address: `10.0.${nth}.0`, prefix: '24' }],
    },
    ipv6: { ipAddress: [] },
    macAddress: `0022480ABC0${nth}`,
  };
}

/** A worker group need not be a location. */
function locationOf({ settings }: Machine): string {
  const { workerGroup } = settings.worker;
  return /^[a-z]+\d?$/.test(workerGroup) ? workerGroup : AZURE.defaults.workerGroup;
}

/** Content and signature in one, as in PKCS#7; of another form than the real one, which clients pass on as it is. */
function attested({ query }: MetadataRequest, machine: Machine): MetadataReply {
  const createdMs = machine.now();
  const content = JSON.stringify({
    licenseType: '',
    nonce: query.get('nonce') ?? randomUUID(),
    sku: '13-gen2',
    subscriptionId: SUBSCRIPTION,
    timeStamp: {
      createdOn: new Date(createdMs).toISOString(),
      expiresOn: new Date(createdMs + machine.settings.proofLastsMs).toISOString(),
    },
    vmId: VM_ID,
  });
  const signature = Buffer.concat([seal(machine.key, content), Buffer.from(content)]).toString('base64');
  return jsonReply(200, { encoding: 'pkcs7', signature });
}

function seal(key: Buffer, content: string): Buffer {
  return createHmac('sha256', key).update(content).digest();
}

function proofProblem(
  { document }: JsonObject,
  { key }: Machine,
  { nowMs }: ProofContext,
): string | undefined {
  if (typeof document !== 'string') return 'The identity proof must hold a document';
  const bytes = Buffer.from(document, 'base64');
  const content = bytes.subarray(32).toString();
  if (bytes.length <= 32 || !seal(key, content).equals(bytes.subarray(0, 32)))
    return 'Signature validation error';
  const { timeStamp } = JSON.parse(content) as JsonObject;
  const expiresOn = isJsonObject(timeStamp) ? timeStamp.expiresOn : undefined;
  return typeof expiresOn === 'string' && Date.parse(expiresOn) > nowMs ? undefined : 'Expired message';
}
