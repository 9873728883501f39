import { dirname } from 'node:path';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { workerName } from '../worker-name.ts';
import { readState, textOfState } from './kept-file.ts';
import type { KeptState, Recognition, StateDisk, StateFile, StateStore } from './state.ts';

export interface StoreOptions {
  /** The cache file; undefined: nothing is kept. */
  readonly path: string | undefined;
  /** The `providerType` of this start. */
  readonly provider: string;
  readonly disk: StateDisk;
  readonly log: Log;
  /** Whether another start-worker may be at work with the same file: what it is writing is left alone. */
  readonly beside?: boolean;
}

export function createStateStore({ path, ...options }: StoreOptions): StateStore {
  return path === undefined ? NOTHING_KEPT : storeAt(path, options);
}

const NOTHING_KEPT: StateStore = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  disown: () => Promise.resolve(),
};

/**
 * What stands at the path is somebody's who may not read it, or the disk's fault; everything else there is no file of
 * ours.
 */
const FILE_ALL_THE_SAME: readonly (string | undefined)[] = ['EACCES', 'EPERM', 'EIO'];

function storeAt(
  path: string,
  { provider, disk, log, beside = false }: Omit<StoreOptions, 'path'>,
): StateStore {
  /** Always the same name: whatever a start leaves there that was killed, the next one takes or removes. */
  const temporary = beside ? `${path}.show.new` : `${path}.new`;
  /** Why nothing may be renamed over what stands at the path. */
  let obstacle: string | undefined;
  /** Whether there is nothing to keep any more: a renewal that is still under way must not bring it back. */
  let isOver = false;
  /** Settles with the last save. */
  let saved: Promise<unknown> = Promise.resolve();

  async function read(): Promise<StateFile | undefined> {
    try {
      return await disk.read(path);
    } catch (error) {
      if (FILE_ALL_THE_SAME.includes(systemCode(error))) {
        await setAside('.bad', `cannot be read (${messageOf(error)})`);
      } else {
        obstacle = messageOf(error);
        log.warn(`cacheOverRestarts: ${path} cannot be read: ${obstacle}`);
      }
      return undefined;
    }
  }

  async function tighten(): Promise<void> {
    const seen = `cacheOverRestarts: other users could read or change ${path}, which holds secrets`;
    try {
      await disk.tighten(path);
      log.warn(`${seen}: its permissions are 0600 now`);
    } catch (error) {
      log.warn(`${seen}, and it stays so: ${messageOf(error)}`);
    }
  }

  /** Whoever owns it can go on writing to it: a new file is ours. */
  async function takeOver(state: KeptState): Promise<void> {
    const seen = `cacheOverRestarts: ${path} belongs to another user, who may have changed it`;
    try {
      await write(state);
      log.warn(`${seen}: it is written anew, as ours`);
    } catch (error) {
      log.warn(`${seen}, and it stays so: ${messageOf(error)}`);
    }
  }

  async function setAside(suffix: '.bad' | '.other', why: string): Promise<undefined> {
    const what = `cacheOverRestarts: ${path} ${why}: ${isOver ? 'the next' : 'this'} start begins anew`;
    try {
      await disk.rename(path, path + suffix);
      await disk.syncFolder(dirname(path));
      log.warn(`${what}, and the file is ${path + suffix} now`);
    } catch (error) {
      log.warn(`${what}; it could not be set aside: ${messageOf(error)}`);
    }
  }

  /** @returns why a kept state is not this machine's */
  async function foreign(
    state: KeptState,
    recognize: (instance: string) => Promise<Recognition>,
  ): Promise<string | undefined> {
    if (state.provider !== provider) return `is of the provider ${state.provider}, not of ${provider}`;
    if ((await recognize(state.instance)) !== 'another') return undefined;
    return anothers(state.instance);
  }

  /** A start may have been killed between fsync and rename: the only secret that is still good is in that file alone. */
  async function newest(): Promise<StateFile | undefined> {
    const file = await read();
    if (beside) return file;
    const left = await disk.read(temporary).catch(() => undefined);
    if (left === undefined || obstacle !== undefined || !isNewer(left, file, provider)) {
      await disk.remove(temporary).catch(() => undefined);
      return file;
    }
    try {
      await disk.sync(temporary);
      await disk.rename(temporary, path);
      log.info(`cacheOverRestarts: an earlier start was ended as it wrote ${path}: that is finished now`);
    } catch (error) {
      log.warn(`cacheOverRestarts: ${temporary}, which is newer than ${path}, stays so: ${messageOf(error)}`);
    }
    return left;
  }

  async function write(state: KeptState): Promise<void> {
    if (obstacle !== undefined) throw new Error(obstacle);
    await disk.remove(temporary);
    await disk.create(temporary, textOfState(state));
    await disk.sync(temporary);
    await disk.rename(temporary, path);
    await disk.syncFolder(dirname(path));
  }

  return {
    async load(recognize) {
      const file = await newest();
      if (file === undefined) return undefined;
      if (file.open) await tighten();
      const found = readState(file.text, provider);
      if (found.kind === 'unusable') return setAside('.bad', found.why);
      const why = await foreign(found.state, recognize);
      if (why !== undefined) return setAside('.other', why);
      // A start may have been killed between rename and fsync. A power cut would then bring back an older secret, which
      // is used.
      await disk.syncFolder(dirname(path)).catch(() => undefined);
      if (file.foreign && !beside) await takeOver(found.state);
      return found.state;
    },
    async save(state) {
      if (isOver) return;
      try {
        const writing = write(state);
        saved = writing.catch(() => undefined);
        await writing;
      } catch (error) {
        await disk.remove(temporary).catch(() => undefined);
        throw writeFault(path, error);
      }
    },
    async disown(instance) {
      isOver = true;
      await saved;
      await setAside('.other', anothers(instance));
    },
    async forget() {
      isOver = true;
      await saved;
      try {
        await disk.remove(path);
        await disk.syncFolder(dirname(path));
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return;
        log.warn(`cacheOverRestarts: ${path} could not be removed: ${messageOf(error)}`);
      }
    },
  };
}

/** Whether a file that never got its name is whole, and goes on where the one that has it ends. */
function isNewer(left: StateFile, file: StateFile | undefined, provider: string): boolean {
  const found = readState(left.text, provider);
  if (found.kind === 'unusable' || found.state.provider !== provider) return false;
  if (file === undefined) return true;
  // It is begun only when the one before it has its name: of the same worker, it is the newer.
  const before = readState(file.text, provider);
  return before.kind === 'unusable' || isSameWorker(found.state, before.state);
}

function isSameWorker(one: KeptState, other: KeptState): boolean {
  return (
    one.provider === other.provider &&
    one.instance === other.instance &&
    workerName(one.identified.identity) === workerName(other.identified.identity)
  );
}

function anothers(instance: string): string {
  return `is of another machine, ${instance}`;
}

const ADVICE: Readonly<Record<string, string>> = {
  EBUSY: 'where the file itself is mounted (in a container), mount its folder instead',
  EDQUOT: 'make room on the disk, or use a larger one',
  ENOSPC: 'make room on the disk, or use a larger one',
  EROFS: 'let cacheOverRestarts name a file on a writable filesystem',
};

function writeFault(path: string, error: unknown): RunnerError {
  return new RunnerError('state.write', `cannot write cacheOverRestarts ${path}: ${messageOf(error)}`, {
    exit: 'files',
    advice:
      ADVICE[systemCode(error) ?? ''] ??
      'let cacheOverRestarts name a file that the user of start-worker may write, in a folder where it may make files',
    cause: error,
  });
}
