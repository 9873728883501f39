/** What a run has told about itself so far, for whoever looks: the status page, the service manager, the summary. */
import type { Clock } from '../clock.ts';
import type { RunnerConfig } from '../config/runner-config.ts';
import type { OutputSource, Severity } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { RunEvent } from '../run-event.ts';
import { snapshotOf, type Told } from './snapshot.ts';
import type { Snapshot } from './status.ts';
import { createTail } from './tail.ts';

const KEPT_NOTICES = 10;
const KEPT_TROUBLES = 10;

export interface RunRecord {
  /** Takes what the run tells; never throws. */
  readonly tell: (event: RunEvent) => void;
  /** Takes what the runner config says, once it is read. */
  configured(config: RunnerConfig): void;
  /** Takes a line of the runner's own. */
  entry(severity: Severity, message: string): void;
  /** Takes whole lines of the worker, each ending in \n. */
  output(source: OutputSource, text: string): void;
  /** The run at this moment, redacted with every secret that is known by now. */
  snapshot(): Snapshot;
}

export interface RecordOptions {
  readonly clock: Clock;
  readonly redactor: Redactor;
  /** Of start-worker. */
  readonly version: string;
}

/** The phase `starting` begins now. */
export function createRecord({ clock, redactor, version }: RecordOptions): RunRecord {
  const told: Told = {
    version,
    config: undefined,
    phases: [{ phase: 'starting', startMs: clock.elapsed(), at: clock.now() }],
    latest: {},
    endMs: undefined,
    renewals: 0,
    notices: [],
    troubles: [],
    looks: new Map(),
    messages: { 'to-worker': new Map(), 'from-worker': new Map() },
    calls: new Map(),
    callsInPhase: 0,
    droppedBytes: 0,
    tail: createTail(),
  };

  function tell(event: RunEvent): void {
    switch (event.kind) {
      case 'phase':
        told.phases.push({ phase: event.phase, startMs: clock.elapsed(), at: clock.now() });
        told.callsInPhase = 0;
        return;
      case 'credentials':
        told.latest.credentials = event;
        if (event.renewed) told.renewals += 1;
        return;
      case 'notice':
        keep(told.notices, { at: clock.now(), event }, KEPT_NOTICES);
        return;
      case 'looked': {
        const answeredMs = told.looks.get(event.source)?.answeredMs ?? clock.elapsed();
        const { answered } = event;
        told.looks.set(event.source, { answered, answeredMs: answered ? clock.elapsed() : answeredMs });
        return;
      }
      case 'message':
        count(told.messages[event.direction], event.type);
        return;
      case 'call':
        count(told.calls, JSON.stringify([event.name, event.result]));
        told.callsInPhase += 1;
        told.latest.call = event;
        return;
      case 'dropped':
        told.droppedBytes += event.bytes;
        return;
      case 'ended':
        told.latest.ended = event;
        told.endMs = clock.elapsed();
        return;
      case 'identified':
        told.latest.identified = event;
        return;
      case 'renewal-due':
        told.latest['renewal-due'] = event;
        return;
      case 'renewal-begun':
        return;
      case 'worker-started':
        told.latest['worker-started'] = event;
        return;
      case 'hello':
        told.latest.hello = event;
    }
  }

  return {
    tell,
    configured(config) {
      told.config = config;
    },
    entry(severity, message) {
      const at = clock.now();
      told.tail.add(at, 'runner', `${message}\n`);
      if (severity !== 'info') keep(told.troubles, { at, severity, message }, KEPT_TROUBLES);
    },
    output: (source, text) => told.tail.add(clock.now(), source, text),
    snapshot: () => snapshotOf(told, { now: clock.now(), elapsed: clock.elapsed(), redactor }),
  };
}

function keep<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.shift();
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
