/** As whom the worker runs: worker.user. */
import type { WorkerConfigSection } from '../config/runner-config.ts';
import { RunnerError } from '../errors.ts';
import { findAccount } from '../platform/accounts.ts';
import { createRunAs, type RunAs } from '../platform/run-as.ts';

export interface WorkerAccount {
  readonly uid: number;
  readonly gid: number;
  readonly runAs: RunAs;
  /** What a login would set, as systemd's User= does. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * @returns undefined where the worker runs as we do
 * @throws RunnerError `worker.user`, exit `workerStart`, where there is no such user or we may not become it
 */
export async function accountOf(worker: WorkerConfigSection): Promise<WorkerAccount | undefined> {
  if (worker.implementation === 'dummy' || worker.user === undefined) return undefined;
  const wanted = worker.user;
  if (process.platform === 'win32')
    throw refusal(`worker.user "${wanted}" is not possible on Windows`, 'leave worker.user out');
  const account = await findAccount(wanted);
  if ('unknown' in account) {
    const { kind, name } = account.unknown;
    throw refusal(
      `worker.user: this machine has no ${kind} ${name}`,
      "create it in the machine's image, or correct worker.user",
    );
  }
  // As is usual, the group of a numeric id has its number.
  const { uid, gid = uid, user } = account;
  const [userName = '', groupName] = wanted.split(':');
  const ours = process.geteuid?.();
  if (ours === uid && (groupName === undefined || process.getegid?.() === gid)) return undefined;
  if (ours !== 0) {
    throw refusal(
      `start-worker runs as uid ${ours ?? '?'} and may not start the worker as ${wanted}`,
      'run start-worker as root, or take worker.user out',
    );
  }
  const runAs = await createRunAs({ uid, gid }, user !== undefined);
  const hindrance = await runAs.hindrance();
  if (hindrance !== undefined) {
    throw refusal(
      `start-worker may not start the worker as ${wanted}: ${hindrance}`,
      'let start-worker have the capabilities CAP_SETUID and CAP_SETGID, and the ids of that user; or take worker.user out',
    );
  }
  const { name = userName, home = '/', shell = '/bin/sh' } = user ?? {};
  const env = { HOME: home, USER: name, LOGNAME: name, SHELL: shell };
  return { uid, gid, runAs, env };
}

function refusal(message: string, advice: string): RunnerError {
  return new RunnerError('worker.user', message, { exit: 'workerStart', advice });
}
