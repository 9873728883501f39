/**
 * What SIGTERM, SIGINT and SIGHUP do, in one place.
 *
 * - Before the worker runs, SIGTERM or SIGINT ends the boot: the abort signal that every step carries fires.
 * - While the worker runs, whoever runs it takes the signals over with `onSignal`, and is told how many came.
 * - SIGHUP means "the log was rotated away": the log is opened again. A terminal that is closed sends it too, and a
 *   daemon outlives its terminal.
 */
import { constants } from 'node:os';
import { RunnerError } from '../errors.ts';

export type EndSignal = 'SIGTERM' | 'SIGINT';

export interface Signals {
  /**
   * Fires with the first SIGTERM or SIGINT, whenever it comes: from then on nothing is taken away any more. Its reason is
   * an error whose message is the signal's name.
   */
  readonly asked: AbortSignal;
  /** Fires when a signal comes before `onSignal` was called; its reason is a SignalledError. */
  readonly boot: AbortSignal;
  /** From now on signals go to `handler`, instead of an earlier one: the signal and how many came so far (from 1). */
  onSignal(handler: (signal: EndSignal, count: number) => void): void;
  onHangup(handler: () => void): void;
}

/** The run was ended by a signal before a worker ran: no fault, and the exit code is 128 + the signal's number. */
export class SignalledError extends RunnerError {
  readonly signal: EndSignal;

  constructor(signal: EndSignal) {
    super('run.signalled', `${signal} came before the worker was started: the boot ends here`, {
      exit: 'internal',
    });
    this.signal = signal;
  }

  override get exitCode(): number {
    return exitCodeOfSignal(this.signal);
  }
}

/** The code by which shells report a death by signal. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + ((constants.signals[signal] as number | undefined) ?? 0);
}

/**
 * Listens until the process is gone (or whatever else the signals come from): a signal in its last moment must not
 * replace the exit code.
 */
export function listenForSignals(source: Pick<NodeJS.EventEmitter, 'on'> = process): Signals {
  const asked = new AbortController();
  const boot = new AbortController();
  let count = 0;
  let handler: ((signal: EndSignal, count: number) => void) | undefined;
  let hangup: (() => void) | undefined;
  /** Came before a handler was there, and too late to end the boot. */
  let untold: EndSignal | undefined;

  function receive(signal: EndSignal): void {
    count += 1;
    asked.abort(new Error(signal));
    if (handler !== undefined) {
      handler(signal, count);
      return;
    }
    untold = signal;
    boot.abort(new SignalledError(signal));
  }
  const listeners = {
    SIGTERM: () => receive('SIGTERM'),
    SIGINT: () => receive('SIGINT'),
    SIGHUP: () => hangup?.(),
  } as const;
  for (const [signal, listener] of Object.entries(listeners)) source.on(signal, listener);

  return {
    asked: asked.signal,
    boot: boot.signal,
    onSignal(newHandler) {
      handler = newHandler;
      // One that came while the worker was being started ended the boot too late: it is told now.
      if (untold !== undefined) newHandler(untold, count);
      untold = undefined;
    },
    onHangup(newHandler) {
      hangup = newHandler;
    },
  };
}
