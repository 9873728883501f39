/**
 * A start-worker's claim to the worker of a configPath: `<configPath>.run.json` says who runs it, for as long as the run
 * lasts. So another start sees that this one is there; and the worker of one that was killed, which goes on without it,
 * is found by the next.
 */
import { dirname } from 'node:path';
import { messageOf, RunnerError } from '../errors.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import { isAlive, type ProcessMark } from '../platform/processes.ts';
import { endFormerWorker } from './former-worker.ts';
import type { World } from './world.ts';

export interface Claim {
  /**
   * Says that the worker of a configPath is ours. What a start-worker that is gone left there is seen to first: its
   * worker is ended, and what it had not finished writing is removed.
   * @param killAfterMs how long that worker has at SIGTERM
   * @returns why there can be no worker of ours
   * @throws RunnerError `worker.busy`, exit `busy`, where another start-worker is there; the signal's reason
   */
  take(configPath: string, killAfterMs: number, signal: AbortSignal): Promise<RunnerError | undefined>;
  /** Adds our worker to it. Never rejects: without that all else goes on. */
  addWorker(pid: number): Promise<void>;
  /** The run ends. A worker that goes on stays recorded, for the next start to end it. Never rejects. */
  release(): Promise<void>;
}

interface ClaimRecord {
  readonly runner: ProcessMark;
  /** Ours, or the one that is being ended; absent: nobody has started one yet. */
  readonly worker?: ProcessMark;
}

type ClaimWorld = Pick<World, 'clock' | 'log' | 'system'>;

export function createClaim(world: ClaimWorld): Claim {
  const { log, system } = world;
  const { processes } = system;
  let claimed: { readonly path: string; readonly runner: ProcessMark } | undefined;
  let worker: ProcessMark | undefined;
  /** Settles with the last write; never rejects. */
  let written: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    if (claimed === undefined) return;
    const { path, runner } = claimed;
    const record: ClaimRecord = { runner, ...(worker === undefined ? {} : { worker }) };
    // The folder may be the worker's, which must not choose where we write.
    await system.writePrivateFile(path, `${JSON.stringify(record)}\n`, undefined, 'trusted');
  }

  async function add(pid: number): Promise<void> {
    const mark = await markOf(pid, world);
    // It may have ended already.
    if (mark === undefined) return;
    worker = mark;
    await write().catch((error: unknown) => {
      log.warn(`the worker is not recorded, so a later start would not find it: ${messageOf(error)}`);
    });
  }

  return {
    async take(configPath, killAfterMs, signal) {
      const path = `${configPath}.run.json`;
      await system.sweepFolder(dirname(configPath));
      const found = await readRecord(path, world);
      if (found !== undefined && (await isAlive(found.runner, processes))) throw busy(found, configPath);
      const former = found?.worker;
      const left = former !== undefined && (await isAlive(former, processes)) ? former : undefined;
      const runner = await markOf(processes.self, world);
      if (runner === undefined) {
        log.info(
          'this system does not say when a process was started: another start-worker, or a worker that one has left behind, would not be found',
        );
      } else {
        claimed = { path, runner };
        worker = left;
        written = write().catch((error: unknown) => {
          log.info(`another start-worker would not see this one: ${messageOf(error)}`);
        });
        await written;
      }
      if (found === undefined || left === undefined) return undefined;
      log.warn(
        `an earlier start-worker (pid ${found.runner.pid}) ended without its worker (pid ${left.pid}): that is ended first`,
      );
      return endFormerWorker(left, killAfterMs, world, signal);
    },
    addWorker(pid) {
      written = add(pid);
      return written;
    },
    async release() {
      await written;
      if (claimed === undefined || (worker !== undefined && (await isAlive(worker, processes)))) return;
      // Of two starts in the same moment the later one has it.
      const holder = await readRecord(claimed.path, world);
      if (holder !== undefined && holder.runner.pid !== claimed.runner.pid) return;
      try {
        await system.stateDisk.remove(claimed.path);
      } catch (error) {
        log.info(`${claimed.path} could not be removed: ${messageOf(error)}`);
      }
    },
  };
}

function busy({ runner, worker }: ClaimRecord, configPath: string): RunnerError {
  const does = worker === undefined ? 'is about to start' : 'is running';
  return new RunnerError(
    'worker.busy',
    `another start-worker (pid ${runner.pid}) ${does} the worker of ${configPath}`,
    { exit: 'busy', advice: 'end that one first, or give this one a configPath of its own' },
  );
}

async function markOf(pid: number, { system }: ClaimWorld): Promise<ProcessMark | undefined> {
  const startTime = await system.processes.startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** What is no record of ours, or could be somebody else's, says nothing. */
async function readRecord(path: string, { log, system }: ClaimWorld): Promise<ClaimRecord | undefined> {
  try {
    const text = await system.readPrivateFile(path);
    return text === undefined ? undefined : parseRecord(JSON.parse(text) as JsonValue);
  } catch (error) {
    log.warn(
      `${path} cannot be trusted, so a worker that an earlier start-worker left would not be found: ${messageOf(error)}`,
    );
    return undefined;
  }
}

function parseRecord(value: JsonValue): ClaimRecord | undefined {
  if (!isJsonObject(value)) return undefined;
  const { runner, worker } = value;
  if (!isMark(runner)) return undefined;
  if (worker === undefined) return { runner };
  // 1 would be everything, as a group. We may be 1 ourselves, in a container.
  return isMark(worker) && worker.pid > 1 ? { runner, worker } : undefined;
}

function isMark(value: unknown): value is ProcessMark {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('startTime' in value))
    return false;
  const { pid, startTime } = value;
  return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && typeof startTime === 'string';
}
