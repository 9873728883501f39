/**
 * What a run reaches the machine through: handed down with the world, so that the whole story can be told on a machine
 * that a test has made up, where each of these may fail, hang, or be the last thing that happens.
 */
import type { ProviderConfig } from '../config/runner-config.ts';
import { exists } from '../platform/exists.ts';
import { readPrivateFile, writePrivateFile } from '../files/private-file.ts';
import { sweepFolder } from '../files/sweep.ts';
import { writeFiles } from '../files/write-files.ts';
import { systemBootTime } from '../platform/boot-time.ts';
import { haltHost, type HaltOptions } from '../platform/halt.ts';
import { releaseMemory } from '../platform/memory.ts';
import { type Processes, systemProcesses } from '../platform/processes.ts';
import { createDefaultsRestorer } from '../platform/restore-defaults.ts';
import { createProvider } from '../providers/index.ts';
import type { Provider, ProviderWorld } from '../providers/provider.ts';
import { stateDisk } from '../state/disk.ts';
import type { StateDisk } from '../state/state.ts';
import type { ProcessOptions, RunningProcess } from '../supervision/process.ts';
import { loadLibrary, startProcess } from '../supervision/start.ts';

export interface System {
  createProvider(config: ProviderConfig, world: ProviderWorld): Provider;
  /** The files of the worker pool and its secrets. */
  readonly writeFiles: typeof writeFiles;
  /** The worker's config file, for its user (default: ours); and our claim to it. */
  readonly writePrivateFile: typeof writePrivateFile;
  readonly readPrivateFile: typeof readPrivateFile;
  /** Removes what a start-worker that is gone has not finished writing there, before we write. Never rejects. */
  sweepFolder(folder: string): Promise<void>;
  /** Whether there is anything at a path. Never rejects. */
  exists(path: string): Promise<boolean>;
  readonly stateDisk: StateDisk;
  bootTime(): Promise<Date | undefined>;
  /** Gets ready for `startProcess`, while a reply is waited for. Never rejects. */
  prepareStart(): void;
  readonly createDefaultsRestorer: typeof createDefaultsRestorer;
  startProcess(options: ProcessOptions): Promise<RunningProcess>;
  /** All processes of the machine, those of earlier starts too. */
  readonly processes: Processes;
  halt(options: HaltOptions, signal: AbortSignal): Promise<void>;
  /** Gives back what the boot needed of memory. */
  releaseMemory(): void;
}

export const realSystem: System = {
  createProvider,
  writeFiles,
  writePrivateFile,
  readPrivateFile,
  exists,
  stateDisk,
  bootTime: systemBootTime,
  prepareStart: () => void loadLibrary().catch(() => undefined),
  createDefaultsRestorer,
  startProcess,
  processes: systemProcesses,
  sweepFolder,
  halt: haltHost,
  releaseMemory,
};
