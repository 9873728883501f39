/** The door of the logging room: what everyone else sees of it. */

export type Severity = 'info' | 'warning' | 'error';

/** Added to an entry; values that are no strings are written as JSON. */
export type Fields = Readonly<Record<string, unknown>>;

/** A piece of what the worker wrote, in the order it wrote it. */
export type OutputItem =
  /** One or more whole lines, each ending in \n (also the last one of all). */
  | { readonly kind: 'text'; readonly text: string }
  /** The body of a structured `log` message. */
  | { readonly kind: 'log'; readonly body: Readonly<Record<string, unknown>> };

export type OutputSource = 'worker' | 'worker-stderr';

/** Where the log goes and what it looks like (docs/logging.md). */
export type LoggingOptions =
  /** Lines for people on stderr. */
  | { readonly implementation: 'stdio' }
  /** One JSON object a line on stderr. */
  | { readonly implementation: 'json' }
  /** Lines for people in a file that is rotated by size. */
  | {
      readonly implementation: 'file';
      readonly path: string;
      /** Bytes after which the file is rotated. */
      readonly maxSizeBytes: number;
      /** How many rotated files are kept beside the current one. */
      readonly keep: number;
    };

export interface Log {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /**
   * Takes a batch of worker output on the fast path. Returns nothing where the sink can take more, or a promise that
   * resolves once it can: the caller stops reading the worker until then.
   */
  output(source: OutputSource, items: readonly OutputItem[]): Promise<void> | undefined;
  /** Opens the log file anew, at SIGHUP: another program has moved it away. On stderr nothing happens. */
  reopen(): void;
  /**
   * Resolves once all that was logged is with the operating system; a sink that fails or hangs is given up after a
   * bounded time. What is logged afterwards is dropped.
   */
  close(): Promise<void>;
}
