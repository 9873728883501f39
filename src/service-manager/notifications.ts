/**
 * Notifications to a service manager, as sd_notify(3) describes them. Node has no datagrams of Unix sockets, so
 * systemd's own little program sends them, one after another.
 */
import { execFile } from 'node:child_process';
import { messageOf } from '../errors.ts';

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
function run(
  args: readonly string[],
  { PATH, NOTIFY_SOCKET }: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string | undefined> {
  const options = { env: { PATH, NOTIFY_SOCKET }, timeout: GIVE_UP_MS, signal };
  return new Promise(resolve => {
    try {
      execFile(PROGRAM, args, options, (error, _, stderr) => {
        resolve(error === null || signal.aborted ? undefined : words(error, stderr));
      });
    } catch (error) {
      // What keeps a process from being made (ENOMEM, for one) is thrown at once.
      resolve(`${PROGRAM} could not be started: ${messageOf(error)}`);
    }
  });
}

function words(
  { code, killed }: { readonly code?: unknown; readonly killed?: boolean },
  stderr: string,
): string {
  if (code === 'ENOENT') return `there is no ${PROGRAM} in PATH`;
  if (killed === true) return `${PROGRAM} took too long`;
  return `${PROGRAM} failed: ${stderr.trim() === '' ? String(code) : stderr.trim()}`;
}
