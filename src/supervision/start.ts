/** Starts a worker's process, or says why it can't be started. */
import type { ChildProcess } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import { findExecutable } from './executable.ts';
import type { ProcessExit, ProcessOptions, RunningProcess } from './process.ts';

/**
 * Loads what `startProcess` needs, to be called while a reply is waited for. Nothing else moves meanwhile, so what was
 * just begun gets out first.
 */
export async function loadLibrary(): Promise<void> {
  await setImmediate();
  await import('execa');
}

/**
 * Resolves once the process runs. Its output must be listened to before anything else is waited for: Node throws away
 * what nobody reads by the time of its exit. Its environment is `options.env` and nothing else; on POSIX it leads a process group
 * of its own. It is not ended with us: who starts it, sees to its end.
 * @throws RunnerError `worker.missing`, `worker.not-executable`, `worker.start-failed`
 */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { args, env, ids, wrap } = options;
  const file = await findExecutable(options.file, env);
  const command = wrap?.({ file, args }) ?? { file, args };
  const { execa } = await import('execa');
  const subprocess = execa(command.file, command.args, {
    env,
    extendEnv: false,
    ...ids,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    // Bytes: lines are decoded one by one.
    encoding: 'buffer',
    reject: false,
    cleanup: false,
    detached: process.platform !== 'win32',
  });
  const { pid, nodeChildProcess, stdin, stdout, stderr } = subprocess;
  if (pid === undefined) throw startFailed(file, (await subprocess).cause);
  function leave(): void {
    for (const stream of [stdin, stdout, stderr]) stream.destroy();
    nodeChildProcess.unref();
  }
  return { pid, stdin, stdout, stderr, leave, ...endOf(nodeChildProcess, pid) };
}

function endOf(child: ChildProcess, pid: number): Pick<RunningProcess, 'exited' | 'kill' | 'killGroup'> {
  const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>();
  let gone = false;
  // Not `close`: that waits for whoever else holds the pipes.
  child.once('exit', (code, signal) => {
    gone = true;
    resolve({ code: code ?? undefined, signal: signal ?? undefined });
  });
  // A signal that may not be sent, for one; kill() says false then.
  child.on('error', () => undefined);

  function kill(signal: NodeJS.Signals): boolean {
    // Once it is gone, its process id may be another's.
    return !gone && child.kill(signal);
  }

  return {
    exited,
    kill,
    // What the process left in its group outlives it, and keeps the group's id from being given away.
    killGroup: signal => (process.platform === 'win32' ? kill(signal) : signalGroup(pid, signal)),
  };
}

function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    // ESRCH: nobody is left in it.
    return false;
  }
}

interface StartFailure {
  readonly reason: string;
  readonly advice: string;
}

const MORE_ROOM = 'give start-worker more room: see the limits of its service or container';

/** What the system says when it can't start a program that looked startable. */
const START_FAILURES: Readonly<Record<string, StartFailure>> = {
  E2BIG: {
    reason: 'its arguments and environment are longer than the system allows',
    advice: 'take large variables out of the environment of start-worker',
  },
  ENOENT: {
    reason: 'something that it needs is not there, such as its loader or our working directory',
    advice: 'check that it was built for the C library of this system, and where start-worker was started',
  },
  EAGAIN: { reason: 'there are too many processes', advice: MORE_ROOM },
  EMFILE: { reason: 'start-worker has too many open files', advice: MORE_ROOM },
  ENFILE: { reason: 'the system has too many open files', advice: MORE_ROOM },
  ENOMEM: { reason: 'there is not enough memory', advice: MORE_ROOM },
};

function startFailed(file: string, cause: unknown): RunnerError {
  const code = systemCode(cause) ?? '';
  const known = START_FAILURES[code];
  const reason = known === undefined ? messageOf(cause) : `${known.reason} (${code})`;
  return new RunnerError(
    'worker.start-failed',
    `the worker program ${file} could not be started: ${reason}`,
    {
      exit: 'workerStart',
      advice: known?.advice ?? 'try it in a shell: it must run there by itself',
      cause,
    },
  );
}
