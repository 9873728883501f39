/** Taskcluster as a story has it: worker-manager's records with secrets that work once, and two secrets. */
import type { Credentials } from '../../src/model.ts';
import type { Life, Stage } from './life.ts';
import { CACHE_PATH, generationIn, type Machine, MARK } from './machine.ts';

export interface Answer {
  readonly status: number;
  readonly body: object;
  /** To be called when the reply has arrived. */
  readonly received?: () => void;
}

export interface Request {
  readonly method: string;
  readonly args: readonly unknown[];
  readonly credentials: Partial<Credentials>;
}

interface WorkerRecord {
  state: 'requested' | 'running' | 'stopping';
  generation: number;
  readonly expiries: number[];
}

export interface Service {
  /** Does what a request asks for. */
  readonly handle: (request: Request, machine: Machine, life: Life) => Answer;
  /** When credentials of a generation end; Infinity where they never do. */
  readonly expiryOf: (workerId: string, generation: number) => number;
  readonly generationOf: (workerId: string) => number;
  readonly isRegistered: (workerId: string) => boolean;
}

const SKEW_LIMIT_MS = 60_000;
/**
 * Taskcluster's credentials, registration secret and leases carry the generation, so that everybody can see how new
 * they are.
 */
function tokenOf(workerId: string, generation: number): string {
  return `${MARK}-token-of-${workerId}-g${generation}-abcdefghijkl`;
}

function secretOf(workerId: string, generation: number): string {
  return `${MARK}-secret-of-${workerId}-g${generation}-abcdefghij`;
}

export function createService(stage: Stage): Service {
  const { story, time, witness } = stage;
  const records = new Map<string, WorkerRecord>();

  function recordOf(workerId: string): WorkerRecord {
    const known = records.get(workerId) ?? { state: 'requested', generation: -1, expiries: [] };
    records.set(workerId, known);
    return known;
  }

  function issue(workerId: string, record: WorkerRecord, life: Life): Answer {
    record.state = 'running';
    record.generation += 1;
    const { generation } = record;
    const expiresMs = time.truth() + story.leaseMinutes * 60_000;
    record.expiries[generation] = expiresMs;
    return {
      status: 200,
      body: {
        expires: new Date(expiresMs).toISOString(),
        credentials: {
          clientId: `worker/${workerId}`,
          accessToken: tokenOf(workerId, generation),
          certificate: JSON.stringify({
            version: 1,
            signature: `${MARK}-signature-of-${workerId}-g${generation}`,
          }),
        },
        ...(story.oldService ? {} : { secret: secretOf(workerId, generation) }),
      },
      received() {
        life.facts.received = Math.max(life.facts.received, generation);
      },
    };
  }

  function register(payload: { readonly workerId: string }, life: Life): Answer {
    const record = recordOf(payload.workerId);
    if (story.provider === 'cloud' && record.state !== 'requested') {
      return refusal(400, 'InputError', 'worker is either stopped or running');
    }
    // A static worker may register whenever it likes: its older secrets end with that.
    const answer = issue(payload.workerId, record, life);
    return { ...answer, body: { ...answer.body, workerConfig: POOL_CONFIG } };
  }

  function reregister(
    payload: { readonly workerId: string; readonly secret: string },
    machine: Machine,
    life: Life,
  ): Answer {
    const record = recordOf(payload.workerId);
    if (payload.secret !== secretOf(payload.workerId, record.generation)) {
      const used = generationIn(payload.secret, payload.workerId, 'secret');
      witness.met('a used secret is refused');
      if (life.facts.received > used) {
        witness.violate(
          'a secret is used once',
          `generation ${used} after ${life.facts.received} was received`,
        );
      }
      if (machine.kept > used && story.cache && story.provider !== 'static') {
        witness.violate('a secret is used once', `generation ${used} after ${machine.kept} was kept`);
      }
      return refusal(400, 'InputError', 'the secret is not right');
    }
    witness.met('renewed');
    return issue(payload.workerId, record, life);
  }

  function remove(workerId: string, machine: Machine, life: Life): Answer {
    if (story.provider !== 'cloud')
      witness.violate('no removal of a machine that is somebody’s own', workerId);
    if (workerId !== machine.workerId) witness.violate('no removal of another worker', workerId);
    if (isKeptBySignal(stage, life)) witness.violate('nothing is taken away after a signal', workerId);
    recordOf(workerId).state = 'stopping';
    machine.removalAccepted = true;
    return {
      status: 200,
      body: {},
      received() {
        life.facts.removalsReceived += 1;
        if (life.facts.removalsReceived > 1) witness.violate('one removal at most', workerId);
      },
    };
  }

  function isSigned({ credentials }: Request, machine: Machine): Answer | undefined {
    const { accessToken = '' } = credentials;
    if (Math.abs(time.wall() - time.truth()) > SKEW_LIMIT_MS) {
      witness.met('a request is refused for the clock');
      return refusal(401, 'AuthenticationFailed', 'Stale timestamp');
    }
    if (story.provider === 'standalone') return undefined;
    const generation = generationIn(accessToken, machine.workerId, 'token');
    const expiresMs = recordOf(machine.workerId).expiries[generation];
    if (expiresMs !== undefined && expiresMs > time.truth()) return undefined;
    witness.met('dead credentials are refused');
    return refusal(401, 'AuthenticationFailed', 'ext.certificate.expiry < now');
  }

  return {
    handle(request, machine, life) {
      const { method, args } = request;
      const [first] = args;
      if (method === 'registerWorker') return register(first as { workerId: string }, life);
      const refused = isSigned(request, machine);
      if (refused !== undefined) return refused;
      switch (method) {
        case 'reregisterWorker':
          return reregister(first as { workerId: string; secret: string }, machine, life);
        case 'removeWorker':
          return remove(String(args[2]), machine, life);
        case 'get':
          return secretNamed(String(first));
        default:
          if (JSON.stringify(args).includes(MARK)) {
            witness.violate('no secret where it does not belong', `an error report: ${JSON.stringify(args)}`);
          }
          witness.met('an error report arrives');
          return { status: 200, body: {} };
      }
    },
    expiryOf: (workerId, generation) => records.get(workerId)?.expiries[generation] ?? Infinity,
    generationOf: workerId => records.get(workerId)?.generation ?? -1,
    isRegistered: workerId => records.get(workerId)?.state === 'running',
  };
}

export const POOL_FILE = '/srv/files/of-the-pool';
export const SECRET_FILE = '/srv/files/of-the-secret';

const POOL_CONFIG = {
  genericWorker: {
    config: { order: ['provider'] },
    files: [{ path: POOL_FILE, content: btoa('pool'), encoding: 'base64', format: 'file' }],
  },
};

function secretNamed(name: string): Answer {
  if (name.startsWith('worker-type:')) return refusal(404, 'ResourceNotFound', 'there is no such secret');
  const config = { order: ['secret'], sentryKey: `${MARK}-key-from-the-secrets-service` };
  const files = [{ path: SECRET_FILE, content: btoa('secret'), encoding: 'base64', format: 'file' }];
  return { status: 200, body: { secret: { config, files }, expires: '2030-01-01T00:00:00.000Z' } };
}

export function refusal(status: number, code: string, message: string): Answer {
  return { status, body: { code, message, requestInfo: { method: 'x', params: {}, payload: {}, time: '' } } };
}

/** Whether a signal has said that the machine is kept. What was under way in that moment may still arrive. */
export function isKeptBySignal({ story, time }: Stage, { facts: { signalledMs } }: Life): boolean {
  return story.onSignal === 'keep' && signalledMs !== undefined && time.elapsed() - signalledMs > 1000;
}

/** How new the credentials are that every possible power cut would leave on the disk. */
export function keptGeneration(machine: Machine): number {
  const texts = machine.disk.survivors(CACHE_PATH);
  return Math.min(...texts.map(text => generationIn(text, machine.workerId, 'secret')));
}
