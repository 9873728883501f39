/** The real disk under a kept state: each function is one step of making it durable. */
import { constants } from 'node:fs';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../errors.ts';
import { exists } from '../platform/exists.ts';
import { sync, syncFolder } from '../platform/sync.ts';
import type { StateDisk, StateFile } from './state.ts';

export const stateDisk: StateDisk = {
  read,
  create,
  sync,
  rename,
  syncFolder,
  remove: path => rm(path, { force: true }),
  tighten: path => chmod(path, 0o600),
};

/** It lacks the flag, and modes. */
const WINDOWS = process.platform === 'win32';

async function read(path: string): Promise<StateFile | undefined> {
  try {
    // A FIFO would let us wait for whoever opens its other end.
    const file = await open(path, WINDOWS ? 'r' : constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      // A device may have no end; a folder the system itself refuses.
      if (!stats.isFile() && !stats.isDirectory()) throw new Error('it is a device, a FIFO or a socket');
      return {
        text: await file.readFile('utf8'),
        open: !WINDOWS && (stats.mode & 0o077) !== 0,
        foreign: ![0, process.geteuid?.() ?? stats.uid].includes(stats.uid),
      };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function create(path: string, text: string): Promise<void> {
  const file = await openNew(path);
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}

async function openNew(path: string) {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    await makeFolder(dirname(path));
    return open(path, 'wx', 0o600);
  }
}

/**
 * With the folders above it, and durably: what is in a folder lasts no longer than the folder's own name. One by one:
 * Node's recursive mkdir never returns where a folder can't be made though the one above it is there (/proc).
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, 0o700);
  } catch (error) {
    const above = dirname(path);
    if (systemCode(error) === 'EEXIST') return;
    if (systemCode(error) !== 'ENOENT' || above === path || (await exists(above))) throw error;
    await makeFolder(above);
    await mkdir(path, 0o700);
  }
  await syncFolder(dirname(path));
}
