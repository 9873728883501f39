/** A machine of a story: its disk, what runs on it, what the cloud says of it, and what became of it. */
import type { Notice } from '../../src/model.ts';
import { createDisk, type Disk } from './disk.ts';
import type { SimulatedWorker } from './worker.ts';

export interface Machine {
  readonly number: number;
  readonly instance: string;
  readonly workerId: string;
  readonly disk: Disk;
  boot: number;
  /** Worker processes that live. */
  readonly workers: Set<SimulatedWorker>;
  notices: readonly Notice[];
  /** All that were ever announced. */
  announced: number;
  readonly onNotices: Set<() => void>;
  /** The machine is no more, and this is why. */
  gone: 'removed' | 'halted' | 'taken' | undefined;
  removalAccepted: boolean;
  haltAsked: boolean;
  /** All records of workers, one after the other. */
  recorded: string;
  /** The generation that is on the platter for good. */
  kept: number;
}

export const CONFIG_PATH = '/run/worker/worker.json';
/** Where the runner records its worker. */
export const RECORD_PATH = `${CONFIG_PATH}.run.json`;
export const CACHE_PATH = '/var/cache/runner/state.json';

/** Every secret of a story holds this, so that any part of one that gets anywhere is seen. */
export const MARK = 'zqx9';

export function createMachine(number: number, disk: Disk = createDisk()): Machine {
  return {
    number,
    instance: `instance-${number}`,
    workerId: `worker-${number}`,
    disk,
    boot: 0,
    workers: new Set(),
    notices: [],
    announced: 0,
    onNotices: new Set(),
    gone: undefined,
    removalAccepted: false,
    haltAsked: false,
    recorded: '',
    kept: -1,
  };
}

/** The generation of credentials of a worker that a text holds; -1: none. */
export function generationIn(text: string | undefined, workerId: string, what: 'secret' | 'token'): number {
  const found = [...(text ?? '').matchAll(new RegExp(`${MARK}-${what}-of-${workerId}-g(\\d+)-`, 'g'))];
  return Math.max(-1, ...found.map(match => Number(match[1])));
}
