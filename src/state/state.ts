/** The door of the state room: what one start of a machine leaves for the next (cacheOverRestarts). */
import type { JsonObject } from '../json.ts';
import type { ConfigSource, Identified, Registered } from '../model.ts';

/**
 * The sources of a run, not its result: each start renders afresh. Saved as `registered` at once after registration,
 * since a second one would be refused, and as `ready` as the last step before the worker starts.
 */
export interface KeptState {
  readonly phase: 'registered' | 'ready';
  /** The `providerType` that it belongs to … */
  readonly provider: string;
  /** … and the instance, as Identification.instance names it. */
  readonly instance: string;
  readonly identified: Identified;
  /** With the newest credentials and the newest secret. */
  readonly registered: Registered;
  /** What the secrets service said; empty while `registered`. */
  readonly secrets: readonly ConfigSource[];
  /** Where the reference wrote it: its finished worker configuration, which stands in for all sources. */
  readonly finished?: JsonObject;
}

export interface StateStore {
  /**
   * What an earlier start of this machine left. What is not usable, or another machine's, is set aside with a warning
   * and counts as nothing.
   * @param recognize whether this machine is that instance
   */
  load(recognize: (instance: string) => Promise<Recognition>): Promise<KeptState | undefined>;
  /**
   * Durable once it resolves: after a crash at any instant there is the old state or the new one.
   * @throws RunnerError `state.write`, exit `files`
   */
  save(state: KeptState): Promise<void>;
  /**
   * After the worker was removed there is nothing to go on with: no later `save` writes it again. Never rejects; a
   * failure is in the log.
   */
  forget(): Promise<void>;
  /**
   * What was loaded turned out to be another machine's: it is set aside, and no later `save` writes it again. Never
   * rejects.
   */
  disown(instance: string): Promise<void>;
}

/** `unknown`: nobody has said so in time. */
export type Recognition = 'same' | 'another' | 'unknown';

/** The few things that a state is made durable with, one system call each, so that a test may crash between any two. */
export interface StateDisk {
  /** undefined where there is no such file. */
  read(path: string): Promise<StateFile | undefined>;
  /** Makes a new private file (0600) and writes it; it is not durable yet. Fails where it exists. */
  create(path: string, text: string): Promise<void>;
  /** fsync of a file. */
  sync(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** fsync of a folder: what was created, renamed or removed in it is durable. */
  syncFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes a file its owner's alone (0600). */
  tighten(path: string): Promise<void>;
}

export interface StateFile {
  readonly text: string;
  /** Whether others than its owner may read or write it. */
  readonly open: boolean;
  /** Whether its owner is neither us nor root: who could have written it, and still can. */
  readonly foreign: boolean;
}
