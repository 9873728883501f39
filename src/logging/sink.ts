/** Between what is logged and the target: a bounded queue that outlives a full disk, a slow reader and a gone one. */
import { systemCode } from '../errors.ts';
import { settlesWithin } from '../settles-within.ts';
import { createQueue, isLoss, NOTHING, sumOfLosses, type Batch, type Loss } from './queue.ts';
import type { Target } from './target.ts';

/** From this many waiting characters on, whoever forwards worker output is asked to wait. */
const FULL = 256 * 1024;
/** The runner's own entries wait in a queue of this many characters; what comes on top is dropped and counted. */
const MOST_ENTRIES = 1024 * 1024;
/** A target that failed is tried again when this time has passed and something is logged. */
const RETRY_AFTER_MS = 2000;
/** Nobody will read from the other end again. */
const GONE: ReadonlySet<string> = new Set([
  'EPIPE',
  'EBADF',
  'ECONNRESET',
  'ENOTCONN',
  'ERR_STREAM_DESTROYED',
]);

export interface Sink {
  /** Queues one of the runner's own entries. */
  entry(text: string): void;
  /** Queues worker output; nothing of it is dropped while the target works, however slowly. */
  output(text: string): void;
  /** A promise for when output should go on, where the queue is full. */
  room(): Promise<void> | undefined;
  reopen(): void;
  /** Writes what is queued, for at most `timeoutMs`, and frees the target. Says what had to be given up. */
  close(timeoutMs: number): Promise<Loss | undefined>;
}

export interface SinkOptions {
  readonly target: Target;
  /** Makes the line that tells of a loss, once the target works again. */
  lossNotice(loss: Loss): string;
  /** Told how much was given up, whenever that happens. */
  onDropped(bytes: number): void;
  /** Called when a target that worked, or that nothing was written to yet, fails. */
  onFailure(error: unknown): void;
}

export function createSink(options: SinkOptions): Sink {
  const { target } = options;
  const queue = createQueue();
  let inFlight = NOTHING;
  let lost = NOTHING.loss;
  let state: 'works' | 'fails' | 'gone' | 'closed' = 'works';
  let retryAt = 0;
  let reopenWanted = false;
  let running: Promise<void> | undefined;
  let waiting: PromiseWithResolvers<undefined> | undefined;

  function push(text: string, loss: Loss): void {
    if (state === 'closed') return;
    const full = loss.entries > 0 && queue.entriesLength > MOST_ENTRIES;
    if (state === 'gone' || full || (state === 'fails' && Date.now() < retryAt)) {
      lose(text, loss);
      return;
    }
    pushLossNotice();
    queue.push(text, loss);
    run();
  }

  function lose(text: string, loss: Loss): void {
    lost = sumOfLosses(lost, loss);
    if (text !== '') options.onDropped(Buffer.byteLength(text));
  }

  /** Just where the loss happened. Should the notice be lost as well, its numbers return to the count. */
  function pushLossNotice(): void {
    if (!isLoss(lost)) return;
    queue.push(options.lossNotice(lost), lost);
    lost = NOTHING.loss;
  }

  /** Starts writing, unless that is under way. The first write is begun before this returns. */
  function run(): void {
    if (running !== undefined) return;
    running = writeAll().finally(() => {
      running = undefined;
      if (hasWork()) run();
    });
  }

  function hasWork(): boolean {
    return state !== 'gone' && state !== 'closed' && (reopenWanted || queue.length > 0);
  }

  async function writeAll(): Promise<void> {
    while (hasWork()) {
      if (reopenWanted) {
        reopenWanted = false;
        await target.reopen();
      }
      if (queue.length > 0) await writeBatch(queue.take());
      if (state === 'works' && queue.length === 0) pushLossNotice();
    }
  }

  async function writeBatch(batch: Batch): Promise<void> {
    inFlight = batch;
    try {
      await target.write(batch.text);
      if (state === 'fails') state = 'works';
    } catch (error) {
      lose(batch.text, batch.loss);
      fail(error);
    }
    inFlight = NOTHING;
    wakeUp();
  }

  function fail(error: unknown): void {
    if (state === 'closed') return;
    const first = state === 'works';
    state = GONE.has(systemCode(error) ?? '') ? 'gone' : 'fails';
    retryAt = Date.now() + RETRY_AFTER_MS;
    // What waits would only keep the worker waiting.
    const { text, loss } = queue.take();
    lose(text, loss);
    if (first) options.onFailure(error);
  }

  function isFull(): boolean {
    const works = state === 'works' || state === 'fails';
    return works && queue.length + inFlight.text.length >= FULL;
  }

  function wakeUp(): void {
    if (isFull()) return;
    waiting?.resolve(undefined);
    waiting = undefined;
  }

  async function finish(): Promise<void> {
    if (state === 'fails') {
      retryAt = 0;
      pushLossNotice();
    }
    run();
    while (running !== undefined) await running;
  }

  return {
    entry: text => push(text, { entries: 1, output: 0 }),
    output: text => push(text, { entries: 0, output: text.length }),
    room() {
      if (!isFull()) return undefined;
      waiting ??= Promise.withResolvers<undefined>();
      return waiting.promise;
    },
    reopen() {
      reopenWanted = true;
      // Whoever asks may just have made room.
      retryAt = 0;
      run();
    },
    async close(timeoutMs) {
      if (state === 'closed') return undefined;
      await settlesWithin(finish(), timeoutMs);
      const left = sumOfLosses(lost, queue.loss, inFlight.loss);
      state = 'closed';
      target.close();
      wakeUp();
      return isLoss(left) ? left : undefined;
    },
  };
}
