/** Talks to a simulated metadata service as a client of its cloud does. */
import assert from 'node:assert/strict';
import type { ScenarioMachine, Simulator } from '../../src/simulator/index.ts';
import { client, MACHINES, type Lease } from '../support/simulator.ts';

export interface MetadataReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export async function ask(
  { metadataUrl = '' }: Simulator,
  path: string,
  init: RequestInit = {},
): Promise<MetadataReply> {
  const response = await fetch(`${metadataUrl}${path}`, { redirect: 'error', ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** A session token of AWS. */
export async function awsToken(simulator: Simulator, ttlSeconds = 60): Promise<string> {
  const { status, text } = await ask(simulator, '/latest/api/token', {
    method: 'PUT',
    headers: { 'X-aws-ec2-metadata-token-ttl-seconds': String(ttlSeconds) },
  });
  assert.equal(status, 200);
  return text;
}

export async function askAws(simulator: Simulator, path: string, token?: string): Promise<MetadataReply> {
  const headers = { 'X-aws-ec2-metadata-token': token ?? (await awsToken(simulator)) };
  return ask(simulator, `/latest/${path}`, { headers });
}

export function askGoogle(
  simulator: Simulator,
  path: string,
  init: RequestInit = {},
): Promise<MetadataReply> {
  return ask(simulator, `/computeMetadata/v1/${path}`, { headers: { 'Metadata-Flavor': 'Google' }, ...init });
}

export function askAzure(simulator: Simulator, path: string, init: RequestInit = {}): Promise<MetadataReply> {
  return ask(simulator, `/metadata/${path}`, { headers: { Metadata: 'true' }, ...init });
}

/** What the simulator calls its machine. */
export const IDENTITIES = {
  aws: { workerGroup: 'us-east-1', workerId: 'i-0123456789abcdef0' },
  azure: { workerGroup: 'eastus', workerId: 'vm-demo-1' },
  google: { workerGroup: 'us-central1-a', workerId: '4567890123456789012' },
} as const;

/** Registers the machine with the proof that it has. */
export async function registerMachine(
  simulator: Simulator,
  cloud: ScenarioMachine['cloud'],
  workerIdentityProof: object,
): Promise<Lease> {
  const { workerPoolId, providerId } = MACHINES[cloud];
  const workerManager = await client('WorkerManager', simulator.rootUrl);
  return workerManager.registerWorker({
    workerPoolId,
    providerId,
    ...IDENTITIES[cloud],
    workerIdentityProof,
  });
}

/** The proof that worker-manager expects of a cloud's machine. */
export async function proofOf(simulator: Simulator, cloud: ScenarioMachine['cloud']): Promise<object> {
  switch (cloud) {
    case 'aws': {
      const token = await awsToken(simulator);
      const { text: document } = await askAws(simulator, 'dynamic/instance-identity/document', token);
      const { text: signature } = await askAws(simulator, 'dynamic/instance-identity/signature', token);
      return { document, signature };
    }
    case 'google':
      return { token: await googleToken(simulator, simulator.rootUrl) };
    case 'azure': {
      const { text } = await askAzure(simulator, 'attested/document?api-version=2025-04-07');
      return { document: (JSON.parse(text) as { readonly signature: string }).signature };
    }
  }
}

export async function googleToken(simulator: Simulator, audience: string, format = 'full'): Promise<string> {
  const query = new URLSearchParams({ audience, format });
  const { text } = await askGoogle(
    simulator,
    `instance/service-accounts/default/identity?${query.toString()}`,
  );
  return text;
}
