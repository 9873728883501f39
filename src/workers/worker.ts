import type { JsonObject } from '../json.ts';
import type { Identified, Registered } from '../model.ts';

/** What a worker implementation may look at: who the worker is, and its credentials. */
export interface WorkerContext {
  readonly identified: Identified;
  readonly registered: Registered;
}

/** A worker implementation, as pure descriptions: the runner does the writing, the starting and the talking. */
export interface Worker {
  /** The `implementation` of the runner config. */
  readonly name: string;
  /** The name under which provider configuration nests this worker's part: `genericWorker`. */
  readonly configKey: string;
  /**
   * The keys that the implementation itself sets. They are merged above every source of configuration, by the same
   * rule as the sources.
   * @throws RunnerError `worker.identity` where the identity does not fit the implementation
   */
  configure(context: WorkerContext): JsonObject;
  readonly launch: Launch;
}

export type Launch =
  /** Nothing is started: the state is shown instead. */
  | { readonly kind: 'show' }
  | {
      readonly kind: 'command';
      readonly file: string;
      readonly args: readonly string[];
      /** What is started where there is no `file`, if the file `needs` is there. */
      readonly otherwise?: {
        readonly needs: string;
        readonly file: string;
        readonly args: readonly string[];
      };
      /** After its `shutdown` message this worker does nothing more, and waits to be ended. */
      readonly waitsAfterShutdown?: true;
      /** The soft limit of open files; absent: what we were started with. POSIX only. */
      readonly openFiles?: number;
      /** Added to the inherited environment. */
      readonly env: Readonly<Record<string, string>>;
      /** Where the rendered configuration is written, as strict JSON. */
      readonly configPath: string;
    };
