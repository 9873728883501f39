/** The cloud of a story, behind the door of the providers. */
import { RunnerError } from '../../src/errors.ts';
import type { Notice } from '../../src/model.ts';
import type { Identification, NoticeSource, Provider } from '../../src/providers/provider.ts';
import type { Life, Stage } from './life.ts';
import { type Machine, MARK } from './machine.ts';

export const ROOT_URL = 'https://tc.example';

/** What the cloud announces is asked for again after so long without a change. */
const HANGING_LOOK_MS = 60_000;

export function createCloud(
  { story, random, time, strikes, witness }: Stage,
  machine: Machine,
  life: Life,
): Provider {
  async function ask<T>(what: string, answer: () => T): Promise<T> {
    if (strikes('metadata slow'))
      await life.act(`${what} is slow`, random.int(1000, 20_000), () => undefined);
    if (strikes('metadata down')) {
      await life.act(`${what} fails`, 120_000, () => undefined);
      throw new RunnerError('metadata.unreachable', 'the metadata service did not answer', {
        exit: 'metadata',
      });
    }
    return life.act(what, random.int(1, 30), () => {
      life.facts.certain = true;
      return answer();
    });
  }

  function identification(): Identification {
    return {
      identified: {
        identity: {
          rootUrl: ROOT_URL,
          workerPoolId: 'pool/one',
          workerGroup: 'zone',
          workerId: machine.workerId,
        },
        location: { cloud: 'google', region: 'here' },
        metadata: { 'instance-id': machine.instance },
      },
      instance: machine.instance,
      registration: {
        kind: 'register',
        providerId: 'google',
        prove: signal =>
          untilAborted(
            life.act('proves who it is', 5, () => ({ token: `${MARK}-proof-of-${machine.instance}-abcdef` })),
            signal,
          ),
        patience: { unknownWorkerForMs: 60_000, refusedTries: random.pick([1, 5]) },
        ifRefused: 'ask the cloud',
      },
    };
  }

  const source: NoticeSource = {
    name: 'notices',
    everyMs: 0,
    prompt: true,
    look: createLook(machine, life, { random, time, witness }),
  };

  return {
    name: 'google',
    identify: signal => untilAborted(ask('identifies itself', identification), signal),
    recognize: (instance, signal) =>
      untilAborted(
        ask('recognizes the instance', () => (instance === machine.instance ? 'same' : 'another')),
        signal,
      ).catch(() => 'unknown'),
    noticeSources: [source],
    host() {
      if (!story.mayHalt || !life.facts.certain)
        return { kind: 'provisioned', mayHalt: false, because: 'nobody has said that it is a cloud’s' };
      return { kind: 'provisioned', mayHalt: true };
    },
    close: () => undefined,
  };
}

/** The first look is answered at once, and each later one with the next change, or after a while. */
function createLook(
  machine: Machine,
  life: Life,
  { time }: Pick<Stage, 'random' | 'time' | 'witness'>,
): NoticeSource['look'] {
  let looked = false;

  return async signal => {
    if (looked) {
      await untilAborted(
        new Promise<void>(resolve => {
          const takeBack = time.after(HANGING_LOOK_MS, resolve);
          function changed(): void {
            machine.onNotices.delete(changed);
            takeBack();
            resolve();
          }
          machine.onNotices.add(changed);
        }),
        signal,
      );
    }
    const standing = await life.act('looks for notices', 2, () => machine.notices);
    looked = true;
    return standing;
  };
}

const NOTICES: readonly [NoticeSpec, ...NoticeSpec[]] = [
  { kind: 'spot-interruption', finishTasks: false, deadlineMs: 120_000 },
  { kind: 'terminate', finishTasks: false, deadlineMs: 30_000 },
  { kind: 'maintenance', finishTasks: true, deadlineMs: 3_600_000 },
  { kind: 'rebalance', finishTasks: true },
];

interface NoticeSpec extends Pick<Notice, 'kind' | 'finishTasks'> {
  /** From the announcement on. */
  readonly deadlineMs?: number;
}

export function createNotice(machine: Machine, { random, time }: Stage): Notice {
  const { kind, finishTasks, deadlineMs } = random.pick(NOTICES);
  machine.announced += 1;
  return {
    id: `notice-${machine.announced}`,
    kind,
    finishTasks,
    reason: 'so it is written',
    ...(deadlineMs === undefined ? {} : { deadline: new Date(time.wall() + deadlineMs) }),
  };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject);
  });
}
