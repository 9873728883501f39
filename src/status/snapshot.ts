/** Makes of what a run has told the one shape that everybody reads: page, terminal, metrics, service manager. */
import type { RunnerConfig } from '../config/runner-config.ts';
import type { Severity } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Phase, RunEvent } from '../run-event.ts';
import { problemsOf } from './health.ts';
import { phaseLimitMs } from './phase-limits.ts';
import type { Snapshot } from './status.ts';
import type { Tail } from './tail.ts';
import { waitsFor } from './waits.ts';

type Event<Kind extends RunEvent['kind']> = Extract<RunEvent, { readonly kind: Kind }>;
type LatestKind =
  'identified' | 'credentials' | 'renewal-due' | 'worker-started' | 'hello' | 'call' | 'ended';

/**
 * What a run has told so far. `…Ms` is the clock's `elapsed`: what lasts, lasts also where the clock is set; `at` is
 * its `now`.
 */
export interface Told {
  readonly version: string;
  config: RunnerConfig | undefined;
  readonly phases: [PhaseStart, ...PhaseStart[]];
  /** The last event of each kind that replaces the one before it. */
  readonly latest: { [Kind in LatestKind]?: Event<Kind> };
  endMs: number | undefined;
  renewals: number;
  readonly notices: { readonly at: number; readonly event: Event<'notice'> }[];
  readonly troubles: {
    readonly at: number;
    readonly severity: Exclude<Severity, 'info'>;
    readonly message: string;
  }[];
  /** By source; a source that has never answered is silent since the first look. */
  readonly looks: Map<string, { readonly answered: boolean; readonly answeredMs: number }>;
  readonly messages: Readonly<Record<Event<'message'>['direction'], Map<string, number>>>;
  /** By name and result, as a JSON array. */
  readonly calls: Map<string, number>;
  callsInPhase: number;
  droppedBytes: number;
  readonly tail: Tail;
}

interface PhaseStart {
  readonly phase: Phase;
  readonly startMs: number;
  readonly at: number;
}

export interface Moment {
  /** Since the epoch, in milliseconds. */
  readonly now: number;
  /** Of the same clock as the phases' `startMs`. */
  readonly elapsed: number;
  readonly redactor: Redactor;
}

export function snapshotOf(told: Told, { now, elapsed, redactor }: Moment): Snapshot {
  const { latest, phases, config } = told;
  const clean = (text: string): string => redactor.redact(text);
  const [first] = phases;
  const current = phases.at(-1) ?? first;
  const ended = latest.ended;
  const untilMs = told.endMs ?? elapsed;
  const limitMs = config === undefined ? undefined : phaseLimitMs(current.phase, config);
  const snapshot = {
    time: iso(now),
    version: told.version,
    pid: process.pid,
    state: ended === undefined ? STATES[current.phase] : 'stopped',
    phase: current.phase,
    since: iso(current.at),
    phaseSeconds: seconds(untilMs - current.startMs),
    ...present('overdueAfterSeconds', limitMs === undefined ? undefined : seconds(limitMs)),
    ...present('waitsFor', ended === undefined ? waitsFor(told, current.phase) : undefined),
    runSeconds: seconds(untilMs - first.startMs),
    phases: phases.map(({ phase, startMs }, index) => ({
      phase,
      startSeconds: seconds(startMs - first.startMs),
      seconds: seconds((phases[index + 1]?.startMs ?? untilMs) - startMs),
    })),
    ...present('setup', config === undefined ? undefined : setupOf(config, clean)),
    resumed: latest.identified?.resumed ?? false,
    ...whoAndWhere(told, clean),
    credentials: credentialsOf(told),
    notices: told.notices.map(notice => noticeOf(notice, clean)),
    looks: [...told.looks].map(([source, { answered, answeredMs }]) => ({
      source,
      answered,
      ...present('silentSeconds', answered ? undefined : seconds(elapsed - answeredMs)),
    })),
    worker: {
      ...present('pid', latest['worker-started']?.pid),
      ...present('capabilities', latest.hello?.capabilities.map(clean)),
    },
    counts: countsOf(told),
    troubles: told.troubles.map(({ at, severity, message }) => ({
      at: iso(at),
      severity,
      message: clean(message),
    })),
    lines: told.tail.lines(redactor),
    ...present(
      'ended',
      ended === undefined ? undefined : { exitCode: ended.exitCode, because: clean(ended.because) },
    ),
  } satisfies Omit<Snapshot, 'problems'>;
  return { ...snapshot, problems: [...problemsOf(snapshot, now)] };
}

const STATES: Readonly<Record<Phase, Snapshot['state']>> = {
  starting: 'starting',
  identifying: 'starting',
  registering: 'starting',
  'collecting secrets': 'starting',
  'writing files': 'starting',
  'starting the worker': 'starting',
  running: 'running',
  draining: 'draining',
  ending: 'draining',
};

type Clean = (text: string) => string;

function setupOf(config: RunnerConfig, clean: Clean): NonNullable<Snapshot['setup']> {
  return {
    runnerConfig: clean(config.path),
    provider: config.provider.providerType,
    worker: config.worker.implementation,
  };
}

function whoAndWhere({ latest }: Told, clean: Clean): Pick<Snapshot, 'identity' | 'location'> {
  if (latest.identified === undefined) return {};
  const { identity, location } = latest.identified.identified;
  return {
    identity: {
      rootUrl: clean(identity.rootUrl),
      workerPoolId: clean(identity.workerPoolId),
      workerGroup: clean(identity.workerGroup),
      workerId: clean(identity.workerId),
    },
    location: Object.fromEntries(Object.entries(location).map(([key, value]) => [key, clean(value)])),
  };
}

function credentialsOf({ latest, renewals }: Told): Snapshot['credentials'] {
  return {
    held: latest.credentials !== undefined,
    ...present('expireAt', latest.credentials?.expireAt?.toISOString()),
    renewals,
    ...present('nextRenewal', latest['renewal-due']?.at?.toISOString()),
  };
}

function noticeOf({ at, event }: Told['notices'][number], clean: Clean): Snapshot['notices'][number] {
  const { kind, reason, deadline, finishTasks } = event.notice;
  return {
    at: iso(at),
    kind,
    reason: clean(reason),
    ...present('deadline', deadline?.toISOString()),
    finishTasks,
    stands: event.stands,
  };
}

function countsOf({ tail, messages, calls, droppedBytes }: Told): Snapshot['counts'] {
  return {
    lines: { worker: tail.counts.worker, 'worker-stderr': tail.counts['worker-stderr'] },
    toWorker: Object.fromEntries(messages['to-worker']),
    fromWorker: Object.fromEntries(messages['from-worker']),
    calls: [...calls].map(([key, count]) => {
      const [name, result] = JSON.parse(key) as [string, string];
      return { name, result, count };
    }),
    droppedBytes,
  };
}

/** A key only where there is a value for it. */
function present<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** To the millisecond. */
function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
