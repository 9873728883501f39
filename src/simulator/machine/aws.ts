/**
 * AWS: the instance metadata service, version 2 only.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { JsonObject } from '../../json.ts';
import {
  textReply,
  type MetadataReply,
  type MetadataRequest,
  type SimulatedCloud,
} from './simulated-cloud.ts';
import { TOKENS_LOST } from './events.ts';
import { has, shown, type Machine } from './machine.ts';

const TOKEN_PATH = '/latest/api/token';
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds';
const MOST_TTL_SECONDS = 21_600;
const DAY_MS = 24 * 3_600_000;
const MAINTENANCE_MS = 2 * 3_600_000;
const IMAGE = 'ami-0abcdef1234567890';
const INSTANCE_TYPE = 'm5.large';
const PRIVATE_IP = '172.31.16.139';

const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** What stands at a path; undefined where there is nothing. */
type Value = (machine: Machine) => string | undefined;

/** By the name that `absent` takes: the path under /latest, and the value. */
const VALUES: Readonly<Record<string, readonly [path: string, value: Value]>> = {
  'user-data': ['user-data', userData],
  document: ['dynamic/instance-identity/document', documentOf],
  signature: [
    'dynamic/instance-identity/signature',
    machine => signatureOf(machine.key, documentOf(machine)),
  ],
  'instance-id': ['meta-data/instance-id', ({ settings }) => settings.worker.workerId],
  image: ['meta-data/ami-id', () => IMAGE],
  'instance-type': ['meta-data/instance-type', () => INSTANCE_TYPE],
  'local-ipv4': ['meta-data/local-ipv4', () => PRIVATE_IP],
  'public-hostname': ['meta-data/public-hostname', () => 'ec2-203-0-113-25.compute-1.amazonaws.com'],
  'public-ipv4': ['meta-data/public-ipv4', () => '203.0.113.25'],
  'availability-zone': ['meta-data/placement/availability-zone', machine => `${regionOf(machine)}a`],
  region: ['meta-data/placement/region', regionOf],
  'instance-action': ['meta-data/spot/instance-action', instanceAction],
  'termination-time': ['meta-data/spot/termination-time', terminationTime],
  rebalance: ['meta-data/events/recommendations/rebalance', rebalance],
  maintenance: ['meta-data/events/maintenance/scheduled', maintenance],
};

const BY_PATH: ReadonlyMap<string, { readonly name: string; readonly value: Value }> = new Map(
  Object.entries(VALUES).map(([name, [path, value]]) => [`/latest/${path}`, { name, value }]),
);

export const AWS: SimulatedCloud = {
  defaults: { workerGroup: 'us-east-1', workerId: 'i-0123456789abcdef0' },
  variable: 'AWS_EC2_METADATA_SERVICE_ENDPOINT',
  variableValue: hostAndPort => `http://${hostAndPort}`,
  values: Object.keys(VALUES),
  notices: { 'spot-interruption': 120_000, rebalance: 0, maintenance: DAY_MS },
  otherEvents: [TOKENS_LOST],
  answer,
  refusal: status => errorPage(status),
  proofProblem,
};

function answer(request: MetadataRequest, machine: Machine): MetadataReply {
  const { method, path, headers } = request;
  if (path === TOKEN_PATH) return method === 'PUT' ? issueToken(request, machine) : errorPage(405);
  if (method !== 'GET' && method !== 'HEAD') return errorPage(405);
  const token = headers['x-aws-ec2-metadata-token'];
  const endsMs = typeof token === 'string' ? machine.tokens.get(token) : undefined;
  if (endsMs === undefined || endsMs <= machine.now()) return errorPage(401);
  const found = BY_PATH.get(path);
  const text = found !== undefined && has(machine, found.name) ? found.value(machine) : undefined;
  return text === undefined ? errorPage(404) : textReply(200, text, 'text/plain', { server: 'EC2ws' });
}

function issueToken({ headers }: MetadataRequest, { tokens, now }: Machine): MetadataReply {
  // A request that came through a proxy may be anybody's.
  if (headers['x-forwarded-for'] !== undefined) return errorPage(403);
  const wanted = String(headers[TTL_HEADER] ?? '');
  const seconds = /^\d{1,5}$/.test(wanted) ? Number(wanted) : 0;
  if (seconds < 1 || seconds > MOST_TTL_SECONDS) return errorPage(400);
  for (const [token, endsMs] of tokens) if (endsMs <= now()) tokens.delete(token);
  const token = `AQAEAA${randomBytes(36).toString('base64url')}==`;
  tokens.set(token, now() + seconds * 1000);
  return textReply(200, token, 'text/plain', { server: 'EC2ws', [TTL_HEADER]: String(seconds) });
}

function errorPage(status: number): MetadataReply {
  const title = `${status} - ${STATUS_WORDS[status] ?? 'Error'}`;
  const page = `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>${title}</title>
 </head>
 <body>
  <h1>${title}</h1>
 </body>
</html>
`;
  return textReply(status, page, 'text/html', { server: 'EC2ws' });
}

/** A worker group need not be a region. */
function regionOf({ settings }: Machine): string {
  const { workerGroup } = settings.worker;
  return /^[a-z]{2}(-[a-z]+)+-\d$/.test(workerGroup) ? workerGroup : AWS.defaults.workerGroup;
}

function userData({ settings, rootUrl }: Machine): string {
  const { workerPoolId, providerId, workerGroup } = settings.worker;
  // What counts is the workerConfig that registerWorker answers.
  return JSON.stringify({ workerPoolId, providerId, workerGroup, rootUrl, workerConfig: {} });
}

/** Its exact bytes are what is signed: pretty-printed, with blanks around the colons, as AWS writes it. */
function documentOf(machine: Machine): string {
  const document: JsonObject = {
    accountId: '123456789012',
    architecture: 'x86_64',
    availabilityZone: `${regionOf(machine)}a`,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: IMAGE,
    instanceId: machine.settings.worker.workerId,
    instanceType: INSTANCE_TYPE,
    kernelId: null,
    pendingTime: wholeSeconds(new Date(machine.startedMs)),
    privateIp: PRIVATE_IP,
    ramdiskId: null,
    region: regionOf(machine),
    version: '2017-09-30',
  };
  const lines = Object.entries(document).map(([key, value]) => `  "${key}" : ${JSON.stringify(value)}`);
  return `{\n${lines.join(',\n')}\n}`;
}

/** As long as an RSA signature, and in lines like one. */
function signatureOf(key: Buffer, document: string): string {
  const parts = ['one', 'two'].map(part => createHmac('sha512', key).update(part).update(document).digest());
  return Buffer.concat(parts)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n');
}

function instanceAction(machine: Machine): string | undefined {
  const notice = shown(machine, 'spot-interruption');
  return notice && JSON.stringify({ action: 'terminate', time: wholeSeconds(notice.deadline) });
}

function terminationTime(machine: Machine): string | undefined {
  const notice = shown(machine, 'spot-interruption');
  return notice && wholeSeconds(notice.deadline);
}

function rebalance(machine: Machine): string | undefined {
  const notice = shown(machine, 'rebalance');
  return notice && JSON.stringify({ noticeTime: wholeSeconds(notice.shownAt) });
}

function maintenance(machine: Machine): string {
  const notice = shown(machine, 'maintenance');
  if (notice === undefined) return '[]';
  const event = {
    NotBefore: maintenanceTime(notice.deadline),
    Code: 'system-reboot',
    Description: 'scheduled reboot',
    EventId: `instance-event-${notice.id.toLowerCase().replaceAll('-', '').slice(0, 17)}`,
    NotAfter: maintenanceTime(new Date(notice.deadline.getTime() + MAINTENANCE_MS)),
    State: 'active',
  };
  return JSON.stringify([event], undefined, 2);
}

/** `2026-11-21T10:22:15Z` */
function wholeSeconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** `21 Nov 2026 10:22:15 GMT` */
function maintenanceTime(time: Date): string {
  return time.toUTCString().replace(/^\w+, /, '');
}

function proofProblem({ document, signature }: JsonObject, { key }: Machine): string | undefined {
  if (typeof document !== 'string' || typeof signature !== 'string') {
    return 'The identity proof must hold a document and a signature';
  }
  const bare = (text: string): string => text.replace(/\s/g, '');
  return bare(signature) === bare(signatureOf(key, document)) ? undefined : 'Signature validation error';
}
