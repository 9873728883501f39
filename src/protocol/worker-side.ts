/**
 * The worker's side of protocol.md, for workers that run on Node. It needs nothing besides Node, and it outlives the
 * runner: once that is gone, methods return false and nothing throws.
 */
import type { Readable, Writable } from 'node:stream';
import { frame, jsonOf, visitLines } from './framing.ts';
import { createLineSplitter } from './line-splitter.ts';
import { CAPABILITIES, type Capability, type WorkerMessage } from './messages.ts';

/** The runner's messages are short; a longer line is not one. */
const MAX_LINE_BYTES = 1024 * 1024;

const DEFAULT_WELCOME_TIMEOUT_MS = 30_000;

/** Taskcluster credentials to use from now on. */
export interface NewCredentials {
  readonly clientId: string;
  readonly accessToken: string;
  /** The JSON text that comes with temporary credentials. */
  readonly certificate?: string;
}

/** What worker-manager shows to the owners of the worker pool: hold no secret in it. */
export interface ErrorReport {
  /** A short name of lower-case letters, digits and `-`. */
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface ConnectToRunnerOptions {
  /** What hello names. Default: all that the worker sends, and what there are callbacks for. */
  readonly capabilities?: readonly Capability[];
  /** Where the runner's messages come from; default: stdin. */
  readonly input?: Readable;
  /** Where messages go; lines of plain text may be written to it besides. Default: stdout. */
  readonly output?: Writable;
  /** How long the runner may take to say welcome; default: 30 s. */
  readonly welcomeTimeoutMs?: number;
  /** End soon; with `finishTasks`, there is time to finish the tasks that are running. */
  onGracefulTermination?(finishTasks: boolean): void;
  onNewCredentials?(credentials: NewCredentials): void;
}

export interface RunnerLink {
  /** What hello and welcome agree on. */
  readonly capabilities: ReadonlySet<Capability>;
  /** Resolves once no more messages can come: the runner is gone, or the link was closed. */
  readonly ended: Promise<void>;
  /** A line for the log, or an object whose `textPayload` is the text. False where the runner takes none. */
  log(entry: string | Readonly<Record<string, unknown>>): boolean;
  /** Asks for this machine to be ended. False where the runner can't be asked. */
  shutdown(): boolean;
  /** False where the runner takes no reports. */
  reportError(report: ErrorReport): boolean;
  /** Resolves once all that was sent is out. After that, the link keeps no process alive. */
  close(): Promise<void>;
}

/**
 * Says hello and waits for welcome.
 * @throws Error where the input ends, or the timeout passes, without welcome: then no runner started this program
 */
export async function connectToRunner(options: ConnectToRunnerOptions = {}): Promise<RunnerLink> {
  const {
    input = process.stdin,
    output = process.stdout,
    welcomeTimeoutMs = DEFAULT_WELCOME_TIMEOUT_MS,
  } = options;
  const capabilities = options.capabilities ?? capabilitiesOf(options);
  const welcome = deferred<ReadonlySet<Capability>>();
  const outgoing = createOutgoing(output);
  const incoming = listen(input, message => {
    if (message.type === 'welcome') welcome.resolve(commonCapabilities(capabilities, message.capabilities));
    else act(message, options);
  });
  const timer = setTimeout(() => {
    welcome.reject(
      new Error(`no welcome within ${welcomeTimeoutMs / 1000} s: was this worker started by start-worker?`),
    );
  }, welcomeTimeoutMs);
  void incoming.ended.then(() => {
    welcome.reject(new Error('the input ended without welcome: was this worker started by start-worker?'));
  });

  outgoing.write({ type: 'hello', capabilities });
  try {
    return createLink(await welcome.promise, incoming, outgoing);
  } catch (error) {
    incoming.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: Error): void;
}

/** Promise.withResolvers, for workers on a Node before 22: the runner has its own Node, a worker takes what it finds. */
function deferred<T>(): Deferred<T> {
  let settle: Pick<Deferred<T>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, resolve: value => settle?.resolve(value), reject: reason => settle?.reject(reason) };
}

function capabilitiesOf(options: ConnectToRunnerOptions): readonly Capability[] {
  const unheard = new Set<Capability>();
  if (options.onGracefulTermination === undefined) unheard.add('graceful-termination');
  if (options.onNewCredentials === undefined) unheard.add('new-credentials');
  return CAPABILITIES.filter(capability => !unheard.has(capability));
}

function commonCapabilities(ours: readonly Capability[], theirs: unknown): ReadonlySet<Capability> {
  const offered: readonly unknown[] = Array.isArray(theirs) ? theirs : [];
  return new Set(ours.filter(capability => offered.includes(capability)));
}

function createLink(
  capabilities: ReadonlySet<Capability>,
  incoming: Incoming,
  outgoing: Outgoing,
): RunnerLink {
  function send(message: WorkerMessage): boolean {
    return capabilities.has(message.type) && outgoing.write(message);
  }
  return {
    capabilities,
    ended: incoming.ended,
    log: entry => send({ type: 'log', body: typeof entry === 'string' ? { textPayload: entry } : entry }),
    shutdown: () => send({ type: 'shutdown' }),
    reportError: ({ kind, title, description, extra = {} }) =>
      send({ type: 'error-report', kind, title, description, extra }),
    close() {
      incoming.close();
      return outgoing.close();
    },
  };
}

/** A message of the runner's whose fields have yet to be looked at. */
type RawMessage = Readonly<Record<string, unknown>>;

function act(message: RawMessage, options: ConnectToRunnerOptions): void {
  switch (message.type) {
    case 'graceful-termination':
      options.onGracefulTermination?.(message['finish-tasks'] === true);
      return;
    case 'new-credentials': {
      const { 'client-id': clientId, 'access-token': accessToken, certificate } = message;
      if (typeof clientId !== 'string' || typeof accessToken !== 'string') return;
      const forTasks =
        typeof certificate === 'string' ? { clientId, accessToken, certificate } : { clientId, accessToken };
      options.onNewCredentials?.(forTasks);
    }
  }
}

interface Incoming {
  readonly ended: Promise<void>;
  close(): void;
}

function listen(input: Readable, onMessage: (message: RawMessage) => void): Incoming {
  const ended = deferred<undefined>();
  const splitter = createLineSplitter({
    lineBytes: MAX_LINE_BYTES,
    onLines: bytes =>
      visitLines(bytes.toString('utf8'), { text: () => undefined, message: line => read(line) }),
    onLongLine: () => undefined,
  });

  function read(line: string): void {
    const message = parse(line);
    if (message !== undefined) onMessage(message);
  }
  function push(chunk: Buffer): void {
    splitter.push(chunk);
  }
  function end(): void {
    input.off('data', push);
    ended.resolve(undefined);
  }

  input.on('data', push);
  input.on('end', end);
  input.on('close', end);
  // The runner is gone: no news for a worker that has to finish its tasks.
  input.on('error', end);
  return {
    ended: ended.promise,
    close() {
      end();
      // A stream that is being read keeps the process alive.
      input.pause();
    },
  };
}

function parse(line: string): RawMessage | undefined {
  try {
    // What begins with { and is JSON is an object.
    return JSON.parse(jsonOf(line)) as RawMessage;
  } catch {
    return undefined;
  }
}

interface Outgoing {
  /** False where the runner is gone. */
  write(
    message: WorkerMessage | { readonly type: 'hello'; readonly capabilities: readonly string[] },
  ): boolean;
  close(): Promise<void>;
}

function createOutgoing(output: Writable): Outgoing {
  let closed = false;
  // EPIPE. The listener stays after close(), since the worker may write plain lines to the end.
  output.on('error', () => undefined);
  return {
    write(message) {
      if (closed || !output.writable) return false;
      output.write(frame(message));
      return true;
    },
    close() {
      closed = true;
      if (!output.writable) return Promise.resolve();
      // Behind all that was written before.
      return new Promise(resolve => {
        output.write('', () => resolve());
      });
    },
  };
}
