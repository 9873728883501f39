/**
 * What a service manager (systemd) is told of a run: that it is ready, what it does, that it ends, and that it is
 * alive.
 */
import type { Clock } from '../clock.ts';
import type { LifecycleSettings } from '../config/runner-config.ts';
import { longestEndMs } from '../end-budget.ts';
import type { Log } from '../logging/log.ts';
import type { RunEvent, Tell } from '../run-event.ts';
import { createNotifications, type Notifications } from './notifications.ts';
import { createProgress } from './progress.ts';

export interface ServiceManager {
  /** Takes what the run tells. */
  readonly tell: Tell;
  /** Ends the pings, and says what is still to be said, for a bounded time. */
  close(): Promise<void>;
}

export interface ServiceManagerOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** Fires with the signal that asks for the end. */
  readonly asked: AbortSignal;
  readonly lifecycle: Pick<LifecycleSettings, 'gracePeriodMs' | 'killAfterMs'>;
  /** What hangs, in words, besides what the events show. */
  readonly hanging: () => readonly string[];
}

/** To be made once the configuration is known to be valid: that is what READY=1 says. A boot may take ten minutes. */
export function createServiceManager(options: ServiceManagerOptions): ServiceManager {
  const { env, clock, log, asked, lifecycle } = options;
  const notifications = createNotifications(env, reason =>
    log.warn(`the service manager cannot be notified: ${reason}`),
  );
  const closing = new AbortController();
  const status = createStatus(notifications);
  const progress = createProgress(clock);
  notifications.send({ READY: '1' });
  startWatchdog(
    { ...options, hanging: () => [...options.hanging(), ...progress.standstills()] },
    notifications,
    closing.signal,
  );

  function stopping(): void {
    // Else the service manager's own patience (90 s) would cut the worker's short.
    notifications.send({ STOPPING: '1', EXTEND_TIMEOUT_USEC: String(longestEndMs(lifecycle) * 1000) });
  }
  if (asked.aborted) stopping();
  else asked.addEventListener('abort', stopping, { once: true, signal: closing.signal });

  return {
    tell(event) {
      status(event);
      progress.tell(event);
      // Not before: from here on the service manager counts the time until it kills.
      if (event.kind === 'ended' && !asked.aborted) notifications.send({ STOPPING: '1' });
    },
    async close() {
      closing.abort(new Error('the run has ended'));
      await notifications.close();
    },
  };
}

/** One line for people: `running as pool/group/worker`. */
function createStatus(notifications: Notifications): Tell {
  let who = '';
  let phase = 'starting';
  let notice = '';
  let last = '';

  /** @returns whether there is something new to say */
  function take(event: RunEvent): boolean {
    if (event.kind === 'phase') phase = event.phase;
    else if (event.kind === 'notice')
      notice = event.stands ? `; the cloud announces: ${event.notice.kind}` : '';
    else if (event.kind === 'identified') {
      const { workerPoolId, workerGroup, workerId } = event.identified.identity;
      who = ` as ${workerPoolId}/${workerGroup}/${workerId}`;
    } else return false;
    return true;
  }

  return event => {
    if (event.kind === 'ended') say(`ended with exit code ${event.exitCode}: ${event.because}`);
    else if (take(event)) say(`${phase}${who}${notice}`);
  };

  function say(text: string): void {
    const line = text.replace(/\s+/g, ' ');
    if (line === last) return;
    last = line;
    notifications.send({ STATUS: line });
  }
}

/** Pings at half the interval, but only while the run can go on: a bare timer would prove that the event loop lives. */
function startWatchdog(
  { env, clock, log, hanging }: ServiceManagerOptions,
  notifications: Notifications,
  signal: AbortSignal,
): void {
  const intervalMs = watchdogMs(env);
  if (intervalMs === undefined) return;
  let told = '';

  function ping(): void {
    const found = hanging().join('; ');
    if (found === '') notifications.send({ WATCHDOG: '1' });
    if (found === told) return;
    told = found;
    if (found === '') log.info('the watchdog is fed again');
    else log.warn(`the watchdog of the service manager is not fed while this lasts: ${found}`);
  }

  async function pingForEver(everyMs: number): Promise<never> {
    for (;;) {
      ping();
      await clock.sleep(everyMs, signal);
    }
  }
  pingForEver(intervalMs / 2).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** The watchdog's interval where it is meant for us; WATCHDOG_PID may be another's. */
function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return undefined;
  const ms = Number(WATCHDOG_USEC) / 1000;
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
