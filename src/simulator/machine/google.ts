/** Google Cloud: https://docs.cloud.google.com/compute/docs/metadata/querying-metadata */
import { createHash, createHmac } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../../json.ts';
import {
  textReply,
  type MetadataReply,
  type MetadataRequest,
  type ProofContext,
  type SimulatedCloud,
} from './simulated-cloud.ts';
import { has, shown, standing, type Machine } from './machine.ts';

const ROOT = '/computeMetadata/v1/';
const FLAVOR = { 'metadata-flavor': 'Google', server: 'Metadata Server for VM' } as const;
/** Who asks to be told of a change without saying how long he waits. */
const LONGEST_HOLD_MS = 24 * 3_600_000;
const PROJECT = { id: 'demo-project', number: '123456789012' } as const;

/** What stands at a path; undefined where there is nothing. */
type Value = (machine: Machine) => string | undefined;

/** By path under /computeMetadata/v1/: the name that `absent` takes, and the value. */
const VALUES: Readonly<Record<string, readonly [name: string, value: Value]>> = {
  'instance/id': ['instance-id', ({ settings }) => settings.worker.workerId],
  'instance/name': ['name', () => 'demo-vm'],
  'instance/hostname': ['public-hostname', () => `demo-vm.c.${PROJECT.id}.internal`],
  'instance/image': ['image', () => 'projects/debian-cloud/global/images/debian-13-trixie-v20261110'],
  'instance/machine-type': ['instance-type', () => `projects/${PROJECT.number}/machineTypes/n2-standard-4`],
  'instance/zone': ['zone', machine => `projects/${PROJECT.number}/zones/${zoneOf(machine)}`],
  'instance/attributes/taskcluster': ['taskcluster', taskcluster],
  'instance/scheduling/on-host-maintenance': ['policy', ({ settings }) => settings.policy.toUpperCase()],
  'instance/scheduling/preemptible': ['preemptible', () => 'TRUE'],
  'instance/preempted': ['preempted', preempted],
  'instance/maintenance-event': ['maintenance-event', maintenanceEvent],
  'project/project-id': ['project-id', () => PROJECT.id],
  'project/numeric-project-id': ['numeric-project-id', () => PROJECT.number],
};
const IDENTITY = 'instance/service-accounts/default/identity';

export const GOOGLE: SimulatedCloud = {
  defaults: { workerGroup: 'us-central1-a', workerId: '4567890123456789012' },
  variable: 'GCE_METADATA_HOST',
  variableValue: hostAndPort => hostAndPort,
  values: [...Object.values(VALUES).map(([name]) => name), 'local-ipv4', 'public-ipv4', 'identity'],
  notices: { 'spot-interruption': 30_000, maintenance: 60_000 },
  otherEvents: [],
  answer,
  refusal: (status, message) => errorPage(status, message ?? 'the scenario asked for it'),
  proofProblem,
};

function answer(request: MetadataRequest, machine: Machine): MetadataReply {
  const { method, path, headers } = request;
  if (headers['metadata-flavor'] !== 'Google' && path !== '/') {
    return errorPage(403, 'Missing Metadata-Flavor:Google header.');
  }
  if (headers['x-forwarded-for'] !== undefined)
    return errorPage(403, 'X-Forwarded-For header is not allowed.');
  if (method !== 'GET' && method !== 'HEAD') return errorPage(405, `${method} is not allowed here.`);
  if (path === '/') return textReply(200, 'computeMetadata/\n', 'application/text', FLAVOR);
  const key = path.startsWith(ROOT) ? path.slice(ROOT.length) : undefined;
  if (key === IDENTITY && has(machine, 'identity')) return identity(request, machine);
  if (key === undefined || valueAt(machine, key) === undefined) {
    return errorPage(404, 'The requested URL was not found on this server.');
  }
  const reply = current(machine, key);
  const hold = holdOf(request, machine, key, reply);
  return hold === undefined ? reply : { ...reply, hold };
}

function current(machine: Machine, key: string): MetadataReply {
  const text = valueAt(machine, key) ?? '';
  if (key === 'instance/preempted') shown(machine, 'spot-interruption');
  if (key === 'instance/maintenance-event') shown(machine, 'maintenance');
  return textReply(200, text, 'application/text', { ...FLAVOR, etag: etagOf(text) });
}

/** The same for the same value: a change between two requests shows in it. */
function etagOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** `wait_for_change`: until the value is another than the one with `last_etag`, or, without that, than it is now. */
function holdOf(
  { query }: MetadataRequest,
  machine: Machine,
  key: string,
  { headers }: MetadataReply,
): MetadataReply['hold'] {
  if (query.get('wait_for_change')?.toLowerCase() !== 'true') return undefined;
  const known = query.get('last_etag') ?? headers.etag;
  const seconds = Number(query.get('timeout_sec') ?? 0);
  return {
    mostMs: seconds > 0 ? Math.min(seconds * 1000, LONGEST_HOLD_MS) : LONGEST_HOLD_MS,
    isOver: () => etagOf(valueAt(machine, key) ?? '') !== known,
    then: () => current(machine, key),
  };
}

function valueAt(machine: Machine, key: string): string | undefined {
  const [name = '', value] = VALUES[key] ?? [];
  if (value !== undefined) return has(machine, name) ? value(machine) : undefined;
  const [, index, part] = /^instance\/network-interfaces\/(\d)\/(.+)$/.exec(key) ?? [];
  const nth = Number(index ?? NaN);
  if (!(nth < machine.settings.interfaces)) return undefined;
  if (part === 'ip') return has(machine, 'local-ipv4') ? `10.128.0.${nth + 2}` : undefined;
  if (part !== 'access-configs/0/external-ip') return undefined;
  return has(machine, 'public-ipv4') ? `203.0.113.${nth + 25}` : undefined;
}

/** A worker group need not be a zone. */
function zoneOf({ settings }: Machine): string {
  const { workerGroup } = settings.worker;
  return /^[a-z]+-[a-z]+\d+-[a-z]$/.test(workerGroup) ? workerGroup : GOOGLE.defaults.workerGroup;
}

function taskcluster({ settings, rootUrl }: Machine): string {
  const { workerPoolId, providerId, workerGroup } = settings.worker;
  return JSON.stringify({ workerPoolId, providerId, workerGroup, rootUrl, workerConfig: {} });
}

function preempted(machine: Machine): string {
  return standing(machine, 'spot-interruption').length === 0 ? 'FALSE' : 'TRUE';
}

function maintenanceEvent(machine: Machine): string {
  return standing(machine, 'maintenance').length === 0
    ? 'NONE'
    : `${machine.settings.policy.toUpperCase()}_ON_HOST_MAINTENANCE`;
}

function identity({ query }: MetadataRequest, machine: Machine): MetadataReply {
  const audience = query.get('audience') ?? '';
  if (audience === '') return textReply(400, 'non-empty audience parameter required\n', 'text/html', FLAVOR);
  const seconds = Math.floor(machine.now() / 1000);
  const email = `${PROJECT.number}-compute@developer.gserviceaccount.com`;
  const claims = {
    aud: audience,
    azp: '109876543210987654321',
    email,
    email_verified: true,
    exp: seconds + Math.ceil(machine.settings.proofLastsMs / 1000),
    iat: seconds,
    iss: 'https://accounts.google.com',
    sub: '109876543210987654321',
  };
  const instance = {
    instance_creation_timestamp: Math.floor(machine.startedMs / 1000),
    instance_id: machine.settings.worker.workerId,
    instance_name: 'demo-vm',
    project_id: PROJECT.id,
    project_number: Number(PROJECT.number),
    zone: zoneOf(machine),
  };
  const full = query.get('format') === 'full';
  const token = sign(machine.key, full ? { ...claims, google: { compute_engine: instance } } : claims);
  return textReply(200, token, 'text/html', FLAVOR);
}

function sign(key: Buffer, claims: JsonObject): string {
  const header = { alg: 'HS256', kid: 'simulate-cloud', typ: 'JWT' };
  const parts = [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return [...parts, signatureOf(key, parts.join('.'))].join('.');
}

function signatureOf(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url');
}

function errorPage(status: number, message: string): MetadataReply {
  const page = `<!DOCTYPE html>
<html lang=en>
  <title>Error ${status}</title>
  <p><b>${status}.</b> <ins>That’s an error.</ins>
  <p>${message}  <ins>That’s all we know.</ins>
`;
  return textReply(status, page, 'text/html; charset=UTF-8', FLAVOR);
}

function proofProblem(
  { token }: JsonObject,
  machine: Machine,
  { rootUrl, nowMs }: ProofContext,
): string | undefined {
  if (typeof token !== 'string') return 'The identity proof must hold a token';
  const [header = '', claims = '', signature] = token.split('.');
  if (signature !== signatureOf(machine.key, `${header}.${claims}`)) return 'Token validation error';
  const { aud, exp, google } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as JsonObject;
  if (aud !== rootUrl) return `Token validation error: its audience is not exactly ${rootUrl}`;
  if (typeof exp !== 'number' || exp * 1000 <= nowMs) return 'Token validation error: it has expired';
  const engine = isJsonObject(google) ? google.compute_engine : undefined;
  return isJsonObject(engine) && engine.instance_id === machine.settings.worker.workerId
    ? undefined
    : 'Token validation error: it names no instance, as one of format=full does';
}
