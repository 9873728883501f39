/**
 * What the end of a run means for its machine and for its worker pool: the whole table, without doing any of it
 * (docs/lifecycle.md tells the same).
 */
import type { HostAction, LifecycleSettings } from '../config/runner-config.ts';
import { RunnerError } from '../errors.ts';
import type { ExitCodeName } from '../exit-codes.ts';
import type { Notice } from '../model.ts';
import type { Host } from '../providers/provider.ts';
import type { ProcessExit } from '../supervision/process.ts';
import { describeExit } from './exit.ts';
import { SignalledError } from './signals.ts';

export type RunEnd =
  /** The dummy worker has shown the state. */
  | { readonly kind: 'shown' }
  | WorkerEnd
  /** Our own error, a signal's or a notice's during the boot, or a fault of ours. */
  | { readonly kind: 'failure'; readonly error: unknown };

export interface WorkerEnd {
  readonly kind: 'worker';
  readonly exit: ProcessExit;
  /** Whether worker-manager has taken an error report of the worker's own. */
  readonly reported: boolean;
}

/** What counts besides the end itself, as it stands at the end. */
export interface Circumstances {
  readonly host: Host;
  readonly dummy: boolean;
  /** Whether worker-manager knows this machine as its worker: never on standalone. */
  readonly registered: boolean;
  /** Whether SIGTERM or SIGINT asked for the end, at any time. */
  readonly signalled: boolean;
  /** What the cloud has announced of this machine and not withdrawn. */
  readonly notices: readonly Notice[];
  readonly nowMs: number;
  /** Whether the worker asked for the end of this machine with its `shutdown` message. */
  readonly shutdownAsked: boolean;
  readonly lifecycle: LifecycleSettings;
}

export interface EndPlan {
  /**
   * `remove`: by removeWorker, or else by halting the host. `halt`: there is nothing that worker-manager could remove.
   */
  readonly machine: 'keep' | 'remove' | 'halt';
  /** For the log. */
  readonly because: string;
  /** How long the machine is left as it is before that. */
  readonly delayMs: number;
  /** Whether the worker pool is told, by reportWorkerError. */
  readonly report: boolean;
  /** Whether the cloud takes the machine away soon: nothing waits for anything then. */
  readonly hurry: boolean;
}

interface Row {
  readonly when: (end: RunEnd, now: Circumstances) => boolean;
  readonly action: (end: RunEnd, now: Circumstances) => HostAction;
  readonly because: (end: RunEnd) => string;
  /** The default of lifecycle.onFailure.delay; absent: nothing is waited for. */
  readonly delayMs?: number;
}

const REBOOT_NEEDED = 67;

/** The first row that fits counts. */
const TABLE: readonly Row[] = [
  {
    when: (_, { dummy }) => dummy,
    action: keep,
    because: () => 'the dummy worker disposes of nothing',
  },
  {
    when: end => failedWith(end) === 'busy',
    action: keep,
    because: () => 'another start-worker is running its worker',
  },
  {
    when: (_, { signalled, lifecycle }) => signalled && lifecycle.onSignal === 'keep',
    action: keep,
    because: () => 'a signal asked for the end of the run',
  },
  {
    when: (end, { host, lifecycle, shutdownAsked }) =>
      shutdownAsked && planOfShutdown(host, lifecycle) !== 'keep' && codeOf(end) !== REBOOT_NEEDED,
    action: remove,
    because: () => 'the worker asked for it',
  },
  {
    when: (_, { host }) => host.kind === 'owned',
    action: keep,
    because: () => 'it is no machine of a cloud',
  },
  {
    when: end => end.kind === 'worker',
    action: (end, { lifecycle: { onExit } }) => onExit.codes.get(codeOf(end) ?? -1) ?? onExit.other,
    because: end => `the worker ${end.kind === 'worker' ? describeExit(end.exit) : ''} (lifecycle.onExit)`,
  },
  {
    when: end => end.kind === 'failure' && end.error instanceof SignalledError,
    action: remove,
    because: () => 'a signal ended the boot (lifecycle.onSignal)',
  },
  {
    when: end => failedWith(end) === 'interrupted',
    action: remove,
    because: () => 'no worker is started while the notice of the cloud stands',
  },
  {
    when: (_, { registered }) => registered,
    action: onFailure,
    because: () => 'the run failed (lifecycle.onFailure)',
    delayMs: 0,
  },
  {
    when: () => true,
    action: onFailure,
    because: () => 'the run failed before this machine was registered (lifecycle.onFailure)',
    delayMs: 120_000,
  },
];

export function planOf(end: RunEnd, now: Circumstances): EndPlan {
  const row = TABLE.find(({ when }) => when(end, now));
  if (row === undefined) throw new Error('the last row fits everything');
  // A run that was asked to end waits for nobody.
  const wantedMs =
    row.delayMs === undefined || now.signalled ? 0 : (now.lifecycle.onFailure.delayMs ?? row.delayMs);
  const hurry = now.notices.some(notice => isUrgent(notice, now.nowMs + wantedMs));
  const base = { because: row.because(end), report: isReported(end, now), hurry };
  if (row.action(end, now) === 'keep') return { ...base, machine: 'keep', delayMs: 0 };
  return {
    ...base,
    machine: canBeRemoved(end, now) ? 'remove' : 'halt',
    // Waiting is for somebody who looks at a machine that will be gone.
    delayMs: !hurry && now.host.kind === 'provisioned' && now.host.mayHalt ? wantedMs : 0,
  };
}

function canBeRemoved(end: RunEnd, { host, registered }: Circumstances): boolean {
  // Never removeWorker on static: worker-manager would refuse its later registrations (facts §1).
  if (!registered || host.kind !== 'provisioned') return false;
  // Credentials that have ended sign nothing. Where we may not halt it is tried all the same: our clock may be wrong.
  return !(host.mayHalt && failedWith(end) === 'expired');
}

function keep(): HostAction {
  return 'keep';
}

function remove(): HostAction {
  return 'remove';
}

function onFailure(_: RunEnd, { lifecycle }: Circumstances): HostAction {
  return lifecycle.onFailure.action;
}

/** Whether a cloud that announces this will not wait until then. Maintenance of next week leaves time to look. */
export function isUrgent({ finishTasks, deadline }: Notice, untilMs: number): boolean {
  return !finishTasks || (deadline !== undefined && deadline.getTime() < untilMs);
}

/** Failures that may come from the worker pool's configuration. Reports are for those who keep it: no network trouble. */
const REPORTED_FAILURES: ReadonlySet<ExitCodeName | undefined> = new Set<ExitCodeName>([
  'badSource',
  'files',
  'workerStart',
]);

/** By these codes generic-worker says that its configuration or its environment is at fault (docs/exit-codes.md). */
function isConfigurationCode(code: number | undefined): boolean {
  return code === 64 || code === 65 || (code !== undefined && code >= 73 && code <= 84);
}

function isReported(end: RunEnd, { dummy, registered, signalled }: Circumstances): boolean {
  if (dummy || !registered || signalled) return false;
  // Of what the worker has told by itself, its code is only the echo.
  const told = end.kind === 'worker' && end.reported;
  return (
    (isConfigurationCode(codeOf(end)) && !told) || isFault(end) || REPORTED_FAILURES.has(failedWith(end))
  );
}

/** Something of ours that nobody has foreseen. */
function isFault(end: RunEnd): boolean {
  return end.kind === 'failure' && !(end.error instanceof RunnerError);
}

function codeOf(end: RunEnd): number | undefined {
  return end.kind === 'worker' ? end.exit.code : undefined;
}

function failedWith(end: RunEnd): ExitCodeName | undefined {
  return end.kind === 'failure' && end.error instanceof RunnerError ? end.error.exit : undefined;
}

/** What the worker's `shutdown` message means, while it goes on running. */
export function planOfShutdown(host: Host, lifecycle: LifecycleSettings): EndPlan['machine'] {
  if (host.kind === 'provisioned') return 'remove';
  return lifecycle.shutdownHost ? 'halt' : 'keep';
}
