/** The simulated machine: what its metadata service tells, and what has happened to it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { SimulatedCloud } from './simulated-cloud.ts';
import { parseEvent, type MetadataMode } from './events.ts';
import type { MachineSettings } from './settings.ts';

/** One announcement that the machine's end is near. */
export interface MachineNotice {
  /** `spot-interruption`, `freeze of other-vm` */
  readonly event: string;
  readonly kind: string;
  readonly otherVm: boolean;
  readonly id: string;
  readonly shownAt: Date;
  readonly deadline: Date;
  /** Whether it has been withdrawn. */
  withdrawn: boolean;
  /** How many answers showed it. */
  asked: number;
  /** azure: whether it has begun, because it was due or because the machine said that nobody need wait. */
  started: boolean;
  acknowledged: boolean;
}

export interface Machine {
  readonly settings: MachineSettings;
  readonly cloud: SimulatedCloud;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** When the simulator was started. */
  readonly startedMs: number;
  /** What identity proofs are signed with. */
  readonly key: Buffer;
  /** The root URL that the metadata service tells; known once the simulated Taskcluster listens. */
  rootUrl: string;
  mode: MetadataMode;
  /** All notices ever; see standing(). */
  readonly notices: MachineNotice[];
  /** aws: session tokens, and when each ends. */
  readonly tokens: Map<string, number>;
  /** azure: when the scheduled events are ready, once somebody has asked for them. */
  eventsReadyMs: number | undefined;
  /** azure: goes up with each change of the events. */
  incarnation: number;
  readonly usedProofs: Set<string>;
  /** `happened`, with words for the log, after each change. */
  readonly changes: EventEmitter<{ happened: [words: string] }>;
}

export function createMachine(settings: MachineSettings, cloud: SimulatedCloud, now: () => number): Machine {
  // Every hanging request listens.
  const changes = new EventEmitter<{ happened: [string] }>().setMaxListeners(0);
  return {
    settings,
    cloud,
    now,
    startedMs: now(),
    key: randomBytes(32),
    rootUrl: settings.rootUrl,
    mode: 'normal',
    notices: [],
    tokens: new Map(),
    eventsReadyMs: undefined,
    incarnation: 1,
    usedProofs: new Set(),
    changes,
  };
}

/** The notices that are in force. */
export function standing(machine: Machine, ...kinds: readonly string[]): MachineNotice[] {
  return machine.notices.filter(
    ({ kind, withdrawn }) => !withdrawn && (kinds.length === 0 || kinds.includes(kind)),
  );
}

/** The newest notice of a kind that is in force, for an answer that shows it. */
export function shown(machine: Machine, kind: string): MachineNotice | undefined {
  const notice = standing(machine, kind).at(-1);
  if (notice !== undefined) notice.asked += 1;
  return notice;
}

/** Whether the metadata service has a value at all. */
export function has(machine: Machine, name: string): boolean {
  return !machine.settings.absent.has(name);
}

/** @param event one in which eventMistake() found nothing */
export function happen(machine: Machine, event: string): void {
  const parsed = parseEvent(event);
  withdrawNotices(machine, event);
  if (parsed.kind === 'metadata') machine.mode = parsed.mode;
  else if (parsed.kind === 'tokens lost') machine.tokens.clear();
  else {
    const { notice: kind, otherVm } = parsed;
    const shownAt = new Date(machine.now());
    const deadline = new Date(shownAt.getTime() + (machine.cloud.notices[kind] ?? 0));
    const id = randomUUID().toUpperCase();
    const fresh = { withdrawn: false, asked: 0, started: false, acknowledged: false };
    machine.notices.push({ event, kind, otherVm, id, shownAt, deadline, ...fresh });
    machine.incarnation += 1;
  }
  machine.changes.emit('happened', event);
}

/** Takes back what has happened, as if it had never been announced. */
export function withdraw(machine: Machine, event: string): void {
  const parsed = parseEvent(event);
  if (parsed.kind === 'metadata') {
    if (machine.mode === parsed.mode) machine.mode = 'normal';
  } else if (withdrawNotices(machine, event)) machine.incarnation += 1;
  machine.changes.emit('happened', `the end of ${event}`);
}

function withdrawNotices(machine: Machine, event: string): boolean {
  const notices = standing(machine).filter(notice => notice.event === event);
  for (const notice of notices) notice.withdrawn = true;
  return notices.length > 0;
}
