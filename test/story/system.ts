/** What a run does to its machine, done to a made-up one. */
import { dirname } from 'node:path';
import { RunnerError } from '../../src/errors.ts';
import { createProvider } from '../../src/providers/index.ts';
import type { System } from '../../src/runner/system.ts';
import type { StateDisk } from '../../src/state/state.ts';
import { createCloud } from './cloud.ts';
import { diskError } from './disk.ts';
import { CONFIG_PATH, generationIn, RECORD_PATH } from './machine.ts';
import { isKeptBySignal } from './service.ts';
import { type SimulatedWorker, startSimulatedWorker } from './worker.ts';
import type { Scenery } from './world.ts';

/** No worker has such a process id. */
const RUNNER_PID = 5000;

interface DiskDoors {
  readonly stateDisk: StateDisk;
  readonly write: (path: string, text: string) => Promise<void>;
  readonly exists: (path: string) => Promise<boolean>;
}

function createDiskDoors({ stage, machine, life, invariants }: Scenery): DiskDoors {
  const { random, strikes } = stage;

  function disk<T>(what: string, path: string, writes: boolean, effect: () => T): Promise<T> {
    return life.act(`disk: ${what} ${path}`, strikes('slow disk') ? random.int(50, 1000) : 1, () => {
      if (writes && strikes('read-only disk')) throw diskError('EROFS', path);
      const result = effect();
      if (writes) invariants.diskChanged();
      return result;
    });
  }

  const stateDisk: StateDisk = {
    read: path => disk('read', path, false, () => machine.disk.read(path)),
    create: (path, text) =>
      disk('create', path, true, () => {
        if (!strikes('disk full')) machine.disk.create(path, text);
        else {
          if (random.percent(50)) machine.disk.create(path, text.slice(0, random.int(0, 20)));
          throw diskError('ENOSPC', path);
        }
      }),
    sync: path =>
      disk('sync', path, false, () => {
        if (strikes('disk error')) throw diskError('EIO', path);
        machine.disk.sync(path);
        invariants.diskChanged();
      }),
    rename: (from, to) => disk('rename', to, true, () => machine.disk.rename(from, to)),
    syncFolder: path =>
      disk('sync folder', path, false, () => {
        if (strikes('disk error')) throw diskError('EIO', path);
        machine.disk.syncFolder(path);
        invariants.diskChanged();
      }),
    remove: path => disk('remove', path, true, () => machine.disk.remove(path)),
    tighten: path => disk('tighten', path, true, () => machine.disk.tighten(path)),
  };

  /** As src/files does it: whole or not at all, and durable. */
  function write(path: string, text: string): Promise<void> {
    return disk('write', path, true, () => {
      if (strikes('disk full')) {
        throw new RunnerError('files.write', `${path}: there is no room (ENOSPC)`, { exit: 'files' });
      }
      machine.disk.remove(path);
      machine.disk.create(path, text);
      machine.disk.sync(path);
      machine.disk.syncFolder(dirname(path));
      if (path === RECORD_PATH) machine.recorded += text;
    });
  }

  const exists = (path: string) => disk('look for', path, false, () => machine.disk.read(path) !== undefined);
  return { stateDisk, write, exists };
}

/** The made-up machine behind the door that a run reaches it through. */
export function createSystem(scenery: Scenery): System {
  const { stage, machine, life } = scenery;
  const { random, strikes, witness, time } = stage;
  const { stateDisk, write, exists } = createDiskDoors(scenery);

  return {
    createProvider: (section, world) =>
      section.providerType === 'google' ? createCloud(stage, machine, life) : createProvider(section, world),
    async writeFiles(files, _limits, _log, signal) {
      for (const { entry } of files) {
        signal?.throwIfAborted();
        await write(entry.path, atob(entry.content));
      }
    },
    writePrivateFile: write,
    readPrivateFile: async path => (await stateDisk.read(path))?.text,
    stateDisk,
    exists,
    sweepFolder: () => Promise.resolve(),
    processes: createProcesses(scenery),
    bootTime: () => life.act('boot time', 1, () => new Date(time.wall() - time.elapsed())),
    prepareStart: () => undefined,
    createDefaultsRestorer: () =>
      life.act('looks at its limits', 1, () => ({
        wrap: command => command,
        obstacle: undefined,
        afterStart: () => Promise.resolve(),
      })),
    async startProcess() {
      const pid = scenery.nextPid();
      const started = await life.act(`starts worker ${pid}`, 20, () => startWorker(pid, scenery));
      return started.process;
    },
    halt: () =>
      life.act('halts the machine', 500, () => {
        if (strikes('halt fails')) {
          life.facts.haltFailed = true;
          throw new RunnerError('host.not-halted', 'it does not halt', { exit: 'internal' });
        }
        if (isKeptBySignal(stage, life))
          witness.violate('nothing is taken away after a signal', 'it is halted');
        machine.haltAsked = true;
        time.after(random.int(1000, 20_000), () => (machine.gone ??= 'halted'));
      }),
    releaseMemory: () => undefined,
  };
}

function createProcesses({ machine, life }: Scenery): System['processes'] {
  const self = RUNNER_PID + life.number;

  function workerOf(pid: number): SimulatedWorker | undefined {
    return [...machine.workers].find(worker => worker.pid === pid && worker.alive());
  }

  function startTimeOf(pid: number): string | undefined {
    return pid === self || workerOf(pid) !== undefined ? `${machine.boot}:${pid}` : undefined;
  }

  return {
    self,
    startTimeOf: pid => life.act(`looks at process ${pid}`, 1, () => startTimeOf(pid)),
    kill: (pid, signal) => life.moment(`sends ${signal} to ${pid}`) && (workerOf(pid)?.kill(signal) ?? false),
    killGroup: (pid, signal) =>
      life.moment(`sends ${signal} to the group of ${pid}`) && (workerOf(pid)?.kill(signal) ?? false),
  };
}

function startWorker(pid: number, { stage, machine, life, invariants }: Scenery): SimulatedWorker {
  const { story, witness } = stage;
  const behavior = story.workers[pid % story.workers.length];
  if (behavior === undefined) throw new Error('a story has workers');
  invariants.workerStarts(life, life.facts.received < 0);
  const text = machine.disk.read(CONFIG_PATH)?.text ?? '';
  const generation = generationIn(text, machine.workerId, 'token');
  witness.note(`worker ${pid} starts with credentials of generation ${generation}`);
  const { accessToken = '' } = JSON.parse(text || '{}') as { accessToken?: string };
  const worker = startSimulatedWorker(stage, {
    pid,
    life,
    behavior,
    secrets: [accessToken],
    hears: (message, hearing) => {
      invariants.workerHears(message, hearing, life);
    },
    ended: (_, exit) => {
      if (life.alive()) life.facts.workerExit = exit;
    },
  });
  machine.workers.add(worker);
  life.workerStarted();
  return worker;
}
