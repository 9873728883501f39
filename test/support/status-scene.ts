/** A run that a test tells step by step, and the server that shows it. */
import { request } from 'node:http';
import type { TestContext } from 'node:test';
import type { RunnerConfig, StatusAddress } from '../../src/config/runner-config.ts';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import type { Redactor } from '../../src/logging/redactor.ts';
import { createRecord, type RunRecord } from '../../src/status/record.ts';
import { serveStatus } from '../../src/status/server.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';

export interface StatusScene {
  readonly clock: ManualClock;
  readonly redactor: Redactor;
  readonly record: RunRecord;
}

/** What a record needs of a runner config. */
const CONFIG = {
  path: 'runner.yml',
  provider: { providerType: 'aws' },
  worker: { implementation: 'generic-worker', path: 'worker', configPath: 'worker.json' },
  network: { retryForMs: 600_000, attemptTimeoutMs: 30_000 },
  lifecycle: {
    helloTimeoutMs: 30_000,
    drainTimeoutMs: 20 * 60_000,
    killAfterMs: 10_000,
    onFailure: { action: 'remove', delayMs: undefined },
  },
  metadata: { giveUpAfterMs: 120_000 },
};

export const IDENTIFIED = {
  identity: {
    rootUrl: 'https://tc.example',
    workerPoolId: 'demo/aws',
    workerGroup: 'us-west-2',
    workerId: 'i-0123',
  },
  location: { cloud: 'aws', region: 'us-west-2' },
  metadata: {},
} as const;

export function createStatusScene({ isConfigured = true } = {}): StatusScene {
  const clock = createManualClock();
  const redactor = createRedactor();
  const record = createRecord({ clock, redactor, version: '1.2.3' });
  if (isConfigured) record.configured(CONFIG as unknown as RunnerConfig);
  return { clock, redactor, record };
}

export interface Served extends StatusScene {
  readonly log: MemoryLog;
  /** Of the log's line about it. */
  readonly port: number;
  readonly close: () => void;
}

export async function serveScene(
  t: TestContext,
  listen: StatusAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 },
): Promise<Served> {
  const scene = createStatusScene();
  const log = createMemoryLog();
  const server = await serveStatus({ listen, log, snapshot: () => scene.record.snapshot() });
  t.after(() => server.close());
  const port = Number(/:(\d+)\/$/.exec(log.entries[0]?.message ?? '')?.[1]);
  return { ...scene, log, port, close: () => server.close() };
}

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Asking {
  readonly port?: number;
  readonly socketPath?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** fetch() lets nobody choose a Host header. */
export function get(path: string, asking: Asking): Promise<Got> {
  return new Promise((resolve, reject) => {
    const options = asking.socketPath === undefined ? { host: '127.0.0.1', ...asking } : asking;
    request({ ...options, path, agent: false }, response => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    })
      .on('error', reject)
      .end();
  });
}
