/**
 * While the worker runs its credentials are renewed (facts §3.16). The secret that renews them works once, and the
 * answer brings the next: it is kept before anybody hears of the answer.
 */
import { doublingDelayMs } from '../backoff.ts';
import type { RenewalSettings } from '../config/runner-config.ts';
import { messageOf, RunnerError } from '../errors.ts';
import type { Credentials, Registered, Run } from '../model.ts';
import type { Connection } from '../protocol/connection.ts';
import { settlesWithin } from '../settles-within.ts';
import type { KeptState, StateStore } from '../state/state.ts';
import type { Renewal, Taskcluster } from '../taskcluster/taskcluster.ts';
import { durationWords } from '../words.ts';
import type { Launch, Worker } from '../workers/worker.ts';
import { failureLines } from './failure.ts';
import { render } from './render.ts';
import {
  type Lease,
  leaseOf,
  msUntil,
  renewalDueAt,
  renewalRetryMs,
  sleepUntil,
} from './renewal-schedule.ts';
import { createRenewalTeller, type RenewalTeller } from './tell-renewal.ts';
import type { WorkerAccount } from './worker-account.ts';
import type { World } from './world.ts';

export interface RenewalRequest {
  /** Whose the worker's config file is. */
  readonly account: WorkerAccount | undefined;
  readonly worker: Worker;
  readonly launch: Extract<Launch, { kind: 'command' }>;
  readonly run: Run;
  /** Whether an earlier start of this machine registered: nobody knows how long ago. */
  readonly resumed: boolean;
  readonly state: KeptState;
  readonly store: Pick<StateStore, 'save'>;
  readonly renewal: RenewalSettings;
}

export type RenewalWorld = Pick<World, 'clock' | 'log' | 'tell'> & {
  readonly services: {
    taskcluster(rootUrl: string): Promise<Pick<Taskcluster, 'reregisterWorker'>>;
    useCredentials(credentials: Credentials): void;
  };
  readonly system: Pick<World['system'], 'writePrivateFile'>;
};

export interface RenewalOfWorker {
  /**
   * The worker has ended: no renewal begins any more. A try that is under way may have used the secret; it is waited for,
   * but no longer than this, or until `giveUp`.
   */
  finish(timeoutMs: number): Promise<void>;
  giveUp(): void;
}

/** A machine whose disk is full has time until its credentials end. */
const SAVE_DELAY_MS = { first: 1000, longest: 30_000 } as const;

/** Begins with the worker. What goes wrong is in the log, and the worker is told in time. */
export function startRenewal(
  request: RenewalRequest,
  connection: Pick<Connection, 'able' | 'agreed' | 'send'>,
  world: RenewalWorld,
): RenewalOfWorker {
  const { clock, log } = world;
  const { registered } = request.run;
  // Standalone: nobody said that they end.
  if (registered.credentialsExpireAt === undefined) return { finish: () => Promise.resolve(), giveUp() {} };
  const ended = new AbortController();
  const cut = new AbortController();
  const teller = createRenewalTeller(connection, log);
  const lease = leaseOf(
    request.resumed ? 'earlier start' : 'registration',
    registered.credentialsExpireAt,
    clock,
  );
  const renewing = keepRenewing(
    { ...request, teller, ended: ended.signal, cut: cut.signal },
    { lease, registered },
    world,
  );

  function giveUp(): void {
    cut.abort(new Error('the run ends'));
  }

  return {
    giveUp,
    async finish(timeoutMs) {
      teller.close();
      ended.abort(new Error('the worker has ended'));
      if (!(await settlesWithin(renewing, timeoutMs, clock))) giveUp();
      await renewing;
    },
  };
}

interface Renewing extends RenewalRequest {
  readonly teller: RenewalTeller;
  /** Fires with the end of the worker: from then on nothing is waited for but a try that is under way. */
  readonly ended: AbortSignal;
  /** Fires where that is waited for no longer either. */
  readonly cut: AbortSignal;
}

/** The credentials that the worker has, or is about to get, and their time. */
interface Holding {
  readonly registered: Registered;
  readonly lease: Lease;
}

/** Never rejects. Resolves once the worker has ended, or its credentials can't be renewed and it was told. */
async function keepRenewing(renewing: Renewing, first: Holding, world: RenewalWorld): Promise<void> {
  const { ended } = renewing;
  let holding = first;
  try {
    for (;;) holding = await renewOnce(renewing, holding, world);
  } catch (error) {
    if (!ended.aborted) await announceEnd(error, renewing, holding, world).catch(() => undefined);
    else if (error !== ended.reason)
      world.log.warn(`the credentials were being renewed as the worker ended: ${messageOf(error)}`);
  }
}

/** @throws RunnerError where they cannot be renewed; the reason of `ended` or `cut` */
async function renewOnce(renewing: Renewing, holding: Holding, world: RenewalWorld): Promise<Holding> {
  const { clock, log, services, tell } = world;
  const { ended, teller } = renewing;
  const { lease } = holding;
  const { registrationSecret: secret } = holding.registered;
  const oldEndAt = new Date(lease.expiresMs);
  if (secret === undefined) throw noSecret();
  const dueMs = renewalDueAt(lease, renewing.renewal.beforeMs);
  tell({ kind: 'renewal-due', at: new Date(dueMs) });
  await sleepUntil(dueMs, lease, clock, ended);
  log.info(`renewing the credentials, which end at ${oldEndAt.toISOString()}`);
  const retryForMs = renewalRetryMs(lease, renewing.renewal, clock);
  const giveUpMs = clock.elapsed() + retryForMs;
  tell({ kind: 'renewal-begun', forMs: retryForMs });
  const answer = await reregister(renewing, secret, retryForMs, world);
  const { credentials, expiresAt } = answer;
  const registered: Registered = {
    ...holding.registered,
    credentials,
    credentialsExpireAt: expiresAt,
    registrationSecret: answer.secret,
  };
  const renewed: Holding = { registered, lease: leaseOf('renewal', expiresAt, clock) };
  try {
    await save(registered, renewing, giveUpMs, world);
  } finally {
    // Also where they were not kept: the end of the run needs some that are alive.
    services.useCredentials(credentials);
  }
  log.info(`renewed the credentials; they end at ${expiresAt.toISOString()}`);
  tell({ kind: 'credentials', expireAt: expiresAt, renewed: true });
  ended.throwIfAborted();
  await writeConfig(registered, renewing, world);
  teller.renewed(credentials, oldEndAt);
  return renewed;
}

const NO_SECRET = 'renewal.no-secret';

function noSecret(): RunnerError {
  return new RunnerError(NO_SECRET, 'worker-manager has sent no secret that renews them', {
    exit: 'refused',
    advice: 'update Taskcluster: worker-manager sends one since version 29',
  });
}

async function reregister(
  { run, ended, cut }: Renewing,
  secret: string,
  retryForMs: number,
  { services }: RenewalWorld,
): Promise<Renewal> {
  const { identity } = run.identified;
  const taskcluster = await services.taskcluster(identity.rootUrl);
  return taskcluster.reregisterWorker(identity, secret, cut, { retryForMs, noMoreTries: ended });
}

/** Tried until the credentials that the worker has are about to end; where it has ended, once. */
async function save(
  registered: Registered,
  { state, store, ended }: Renewing,
  giveUpMs: number,
  { clock, log }: RenewalWorld,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await store.save({ ...state, registered });
      return;
    } catch (error) {
      const { first, longest } = SAVE_DELAY_MS;
      const delayMs = doublingDelayMs(first, longest, tries, clock.random());
      const words = `the renewed credentials could not be kept: ${messageOf(error)}`;
      if (ended.aborted || clock.elapsed() + delayMs > giveUpMs) {
        log.error(words);
        throw notKept(error);
      }
      log.warn(`${words} (try ${tries}); next try in ${durationWords(delayMs)}`);
      await clock.sleep(delayMs, ended).catch(() => undefined);
    }
  }
}

function notKept(cause: unknown): RunnerError {
  return new RunnerError(
    'renewal.not-kept',
    'new ones were issued, but could not be kept for the next start, and so the worker does not get them',
    { exit: 'files', advice: 'make room where cacheOverRestarts is, or let its folder be written to', cause },
  );
}

/** A worker that starts again by itself finds the new ones there. One that runs hears of them all the same. */
async function writeConfig(
  registered: Registered,
  { worker, launch, run, account }: Renewing,
  { log, system }: RenewalWorld,
): Promise<void> {
  try {
    await system.writePrivateFile(launch.configPath, render(worker, { ...run, registered }).text, account);
  } catch (error) {
    log.error(`the worker's config file still holds the old credentials: ${messageOf(error)}`);
  }
}

/** Says at once that the credentials end, and asks the worker to end in time: until then its tasks may go on. */
async function announceEnd(
  error: unknown,
  { teller, ended, renewal }: Renewing,
  { lease }: Holding,
  { clock, log, tell }: RenewalWorld,
): Promise<void> {
  const endAt = new Date(lease.expiresMs);
  const askAtMs = lease.expiresMs - renewal.giveUpMs;
  tell({ kind: 'renewal-due', at: undefined });
  const [what, ...more] = error instanceof RunnerError ? failureLines(error) : [messageOf(error)];
  // That of an older service was so from the beginning, and is days away.
  const level = error instanceof RunnerError && error.code === NO_SECRET ? 'warn' : 'error';
  log[level](`the credentials cannot be renewed: ${what ?? ''}`);
  for (const line of more) log[level](line);
  if (msUntil(askAtMs, lease, clock) > 0) {
    log[level](
      `they end at ${endAt.toISOString()}; the worker is asked to end at ${new Date(askAtMs).toISOString()}`,
    );
    await sleepUntil(askAtMs, lease, clock, ended);
  }
  teller.cannotRenew(endAt);
}
