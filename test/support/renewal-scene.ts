/** A worker whose credentials are renewed, with worker-manager, disk and time in the hands of the test. */
import type { PassThrough } from 'node:stream';
import type { TestContext } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json.ts';
import type { Registered } from '../../src/model.ts';
import type { RunEvent } from '../../src/run-event.ts';
import { type RenewalOfWorker, startRenewal } from '../../src/runner/renewal.ts';
import { createWorker } from '../../src/workers/index.ts';
import { converse, type Conversation } from './conversation.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export interface RenewalScene {
  readonly clock: ManualClock;
  readonly talk: Conversation;
  readonly renewal: RenewalOfWorker;
  /** What happened, in order: `call first-secret`, `save 2`, `use 2`, `file 2`, `told`; the numbers are the leases'. */
  readonly happened: readonly string[];
  readonly events: readonly RunEvent[];
  /** What the worker was told, without the welcome. */
  told(): readonly JsonObject[];
  /** The log's lines of this severity. */
  said(severity: 'info' | 'warning' | 'error'): readonly string[];
  /** The `retryForMs` of each call. */
  readonly patience: readonly (number | undefined)[];
}

export interface RenewalSceneOptions {
  /** How long each lease lasts. Default: 96 h. */
  readonly lastsMs?: number;
  readonly resumed?: boolean;
  /** Default: the worker's registration brought one. */
  readonly secret?: string | undefined;
  /** What becomes of each call beyond being answered. */
  readonly calling?: (noMoreTries: AbortSignal, cut: AbortSignal) => Promise<void>;
  readonly saving?: () => Promise<void>;
  readonly writing?: () => Promise<void>;
  readonly helloTimeoutMs?: number;
}

export function refusal(): RunnerError {
  return new RunnerError('taskcluster.refused', 'reregisterWorker failed: the service refused it', {
    exit: 'refused',
    advice: 'look at it',
  });
}

export function renewalScene(t: TestContext, options: RenewalSceneOptions = {}): RenewalScene {
  const { lastsMs = 96 * HOUR, resumed = false, helloTimeoutMs = MINUTE } = options;
  const { calling, saving, writing } = options;
  const clock = createManualClock();
  const talk = converse(t, { clock, helloTimeoutMs });
  const happened: string[] = [];
  const events: RunEvent[] = [];
  const patience: (number | undefined)[] = [];
  let leases = 1;

  const expiry = () => new Date(clock.now() + lastsMs);
  const credentialsOf = (n: number) => ({ clientId: 'worker', accessToken: `token-${n}`, certificate: '{}' });
  const secret = 'secret' in options ? options.secret : 'secret-1';
  const registered: Registered = {
    credentials: credentialsOf(1),
    credentialsExpireAt: expiry(),
    ...(secret === undefined ? {} : { registrationSecret: secret }),
    providerConfig: {},
  };
  const identity = {
    rootUrl: 'https://tc.example.com',
    workerPoolId: 'demo/pool',
    workerGroup: 'group',
    workerId: 'id',
  };
  const identified = { identity, location: { cloud: 'aws' }, metadata: {} };
  const worker = createWorker({
    implementation: 'generic-worker',
    path: '/worker',
    configPath: '/worker.json',
  });
  if (worker.launch.kind !== 'command') throw new Error('it is a command');
  const numberOf = (text: string) => /token-(\d+)/.exec(text)?.[1] ?? '?';

  const renewal = startRenewal(
    {
      worker,
      launch: worker.launch,
      account: undefined,
      run: { identified, registered, sources: [] },
      resumed,
      state: { phase: 'ready', provider: 'aws', instance: 'i-1', identified, registered, secrets: [] },
      store: {
        async save({ registered: kept }) {
          happened.push(`save ${numberOf(kept.credentials.accessToken)} ${kept.registrationSecret ?? ''}`);
          await saving?.();
        },
      },
      renewal: { beforeMs: 30 * MINUTE, giveUpMs: 5 * MINUTE },
    },
    {
      ...talk.connection,
      async send(message) {
        const delivery = await talk.connection.send(message);
        happened.push(`tell ${message.type}`);
        return delivery;
      },
    },
    {
      clock,
      log: talk.log,
      tell: event => void events.push(event),
      services: {
        taskcluster: () =>
          Promise.resolve({
            async reregisterWorker(_, withSecret, cut, callOptions) {
              happened.push(`call ${withSecret}`);
              patience.push(callOptions?.retryForMs);
              await calling?.(callOptions?.noMoreTries ?? cut, cut);
              leases += 1;
              return {
                credentials: credentialsOf(leases),
                expiresAt: expiry(),
                secret: `secret-${leases}`,
              };
            },
          }),
        useCredentials: ({ accessToken }) => void happened.push(`use ${numberOf(accessToken)}`),
      },
      system: {
        async writePrivateFile(path, text) {
          await writing?.();
          happened.push(`write ${path} ${numberOf(text)}`);
        },
      },
    },
  );
  t.after(() => renewal.finish(0));

  return {
    clock,
    talk,
    renewal,
    happened,
    events,
    patience,
    told: () => linesOf(talk.stdin),
    said: severity =>
      talk.log.entries.filter(entry => entry.severity === severity).map(({ message }) => message),
  };
}

const heard = new WeakMap<PassThrough, string>();

function linesOf(stdin: PassThrough): readonly JsonObject[] {
  let text = heard.get(stdin) ?? '';
  for (let chunk = stdin.read() as Buffer | null; chunk !== null; chunk = stdin.read() as Buffer | null)
    text += chunk.toString();
  heard.set(stdin, text);
  return text
    .split('\n')
    .filter(line => line !== '' && !line.includes('"welcome"'))
    .map(line => JSON.parse(line.slice(1)) as JsonObject);
}
