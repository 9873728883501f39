/**
 * Notifications to a service manager, as sd_notify(3) describes them. Node has no datagrams of Unix sockets, so
 * systemd's own little program sends them, one after another.
 */
import { runCommand } from '../platform/run-command.ts';

const PROGRAM = 'systemd-notify';
/** It waits for the service manager for 5 s at most. */
const GIVE_UP_MS = 10_000;
/** How long the end of the process waits for the last one. */
const CLOSE_MS = 2_000;

/** What a notification may say: `READY`, `STATUS` and the like. */
export type Assignments = Readonly<Record<string, string>>;

export interface Notifications {
  /** Says this as soon as what is under way has been said; of what waits, the newest value of each variable. */
  send(assignments: Assignments): void;
  /** Says what waits, for a bounded time. Nothing is said any more afterwards. */
  close(): Promise<void>;
}

/**
 * systemd-notify waits until its message was taken, so that systemd can see from whom it is. Not everyone who takes such
 * messages can tell (`BARRIER=1`): then it is not waited for any more.
 * @param onFailure told of the first notification that could not be sent
 */
export function createNotifications(
  env: NodeJS.ProcessEnv,
  onFailure: (reason: string) => void,
): Notifications {
  let waiting: Assignments = {};
  let running: Promise<void> | undefined;
  let failed = false;
  let closed = false;
  let options: readonly string[] = [];
  const giveUp = new AbortController();

  async function sendAll(): Promise<void> {
    while (Object.keys(waiting).length > 0) {
      const args = Object.entries(waiting).map(([name, value]) => `${name}=${value}`);
      waiting = {};
      const failure = await run([...options, ...args], env, giveUp.signal);
      if (failure?.includes('barrier') === true) options = ['--no-block'];
      else if (failure !== undefined && !failed) {
        failed = true;
        onFailure(failure);
      }
    }
  }

  return {
    send(assignments) {
      if (closed) return;
      waiting = { ...waiting, ...assignments };
      running ??= sendAll().finally(() => {
        running = undefined;
      });
    },
    async close() {
      closed = true;
      const timer = setTimeout(() => giveUp.abort(), CLOSE_MS);
      await running;
      clearTimeout(timer);
    },
  };
}

/** @returns what went wrong, in words */
async function run(
  args: readonly string[],
  { PATH, NOTIFY_SOCKET }: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string | undefined> {
  const options = { env: { PATH, NOTIFY_SOCKET }, timeoutMs: GIVE_UP_MS, signal };
  const { error, stderr } = await runCommand(PROGRAM, args, options);
  if (error === undefined || signal.aborted) return undefined;
  if (error.code === 'ENOENT') return `there is no ${PROGRAM} in PATH`;
  if (error.killed === true) return `${PROGRAM} took too long`;
  // The system's own reasons are words (ENOMEM), an exit code is none.
  if (typeof error.code === 'string') return `${PROGRAM} could not be started: ${error.message}`;
  return `${PROGRAM} failed: ${stderr.trim() || error.message}`;
}
