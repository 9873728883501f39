/**
 * What a story is made of: all that is drawn before it is told. fast-check draws it, and makes it smaller where it
 * fails.
 */
import fc from 'fast-check';

/** What befalls a request. */
export const NETWORK_FAULTS = [
  'lost request',
  'lost reply',
  'cut body',
  'server error',
  'slow service',
  'HTML',
  'wrong shape',
  'refusal',
] as const;

/** The first phase: each of these is on or off for a whole story, so that stories differ in character. */
export const FAULTS = [
  ...NETWORK_FAULTS,
  'metadata down',
  'metadata slow',
  'disk full',
  'read-only disk',
  'disk error',
  'halt fails',
  'slow log',
  'slow disk',
] as const;
export type Fault = (typeof FAULTS)[number];

export const EVENTS = [
  'signal',
  'kill',
  'power cut',
  'clock forward',
  'clock back',
  'suspend',
  'notice',
  'withdrawal',
  'outage',
  'hangup',
  'fault of ours',
] as const;
export type EventKind = (typeof EVENTS)[number];

export interface StoryEvent {
  /** In which life of the runner, from 0. */
  readonly life: number;
  /** After so many steps of that life, after so many seconds of it, or so many seconds after its worker was started. */
  readonly at: { readonly step: number } | { readonly second: number } | { readonly workerSecond: number };
  readonly kind: EventKind;
}

export const CAPABILITIES = [
  'graceful-termination',
  'new-credentials',
  'error-report',
  'log',
  'shutdown',
] as const;

export interface WorkerBehavior {
  readonly hello: 'soon' | 'late' | 'never' | 'twice';
  readonly capabilities: readonly (typeof CAPABILITIES)[number][];
  /** It ends by itself after so long. */
  readonly livesSeconds: number;
  readonly exitCode: number;
  readonly onGraceful: 'soon' | 'slowly' | 'never';
  readonly onTerm: 'ends' | 'ignores';
  readonly asksForShutdown: boolean;
  readonly errorReports: number;
  /** Prints its own credentials, and reports them. */
  readonly indiscreet: boolean;
  readonly closesStdout: boolean;
  readonly floods: boolean;
  /** What it leaves behind holds its output for ever. */
  readonly grandchild: boolean;
  readonly readsStdin: boolean;
}

export interface Story {
  /** Draws all that is not drawn here: durations, and the second phase of each fault. */
  readonly seed: number;
  readonly provider: 'cloud' | 'static' | 'standalone';
  /** Whether the machine can prove that it is a cloud's. */
  readonly mayHalt: boolean;
  readonly cache: boolean;
  readonly leaseMinutes: number;
  /** Services before v29 send no registration secret. */
  readonly oldService: boolean;
  readonly onSignal: 'keep' | 'remove';
  readonly onFailure: 'keep' | 'remove';
  readonly finishTasks: boolean;
  readonly gracePeriodSeconds: number;
  readonly skewSeconds: number;
  readonly faults: readonly Fault[];
  readonly faultPercent: number;
  readonly workers: readonly WorkerBehavior[];
  readonly events: readonly StoryEvent[];
  /** What comes after a life that left the machine running: the same machine again, or a copy of its disk elsewhere. */
  readonly next: readonly ('restart' | 'reboot' | 'clone')[];
}

const worker: fc.Arbitrary<WorkerBehavior> = fc.record({
  hello: fc.constantFrom('soon', 'soon', 'soon', 'late', 'never', 'twice'),
  capabilities: fc.oneof(
    { weight: 3, arbitrary: fc.constant([...CAPABILITIES]) },
    { weight: 1, arbitrary: fc.subarray([...CAPABILITIES]) },
  ),
  livesSeconds: fc.constantFrom(0, 1, 45, 300, 2000, 5000, 12_000),
  exitCode: fc.constantFrom(0, 0, 67, 67, 67, 68, 69, 70, 72, 1, 64),
  onGraceful: fc.constantFrom('soon', 'soon', 'slowly', 'never'),
  onTerm: fc.constantFrom('ends', 'ends', 'ignores'),
  asksForShutdown: rarely(),
  errorReports: fc.constantFrom(0, 0, 0, 1, 3),
  indiscreet: fc.boolean(),
  closesStdout: rarely(),
  floods: rarely(),
  grandchild: rarely(),
  readsStdin: fc.constantFrom(true, true, true, true, true, true, false),
});

const event: fc.Arbitrary<StoryEvent> = fc.record({
  life: fc.constantFrom(0, 0, 0, 1, 1, 2, 3),
  at: fc.oneof(
    fc.record({ step: fc.integer({ min: 1, max: 150 }) }),
    fc.record({ workerSecond: fc.constantFrom(0, 2, 40, 200, 1000, 2500) }),
    fc.record({ second: fc.constantFrom(0, 1, 10, 60, 600, 2000, 2500, 6000) }),
  ),
  kind: fc.constantFrom(...EVENTS, 'notice', 'notice', 'kill', 'power cut'),
});

export const stories: fc.Arbitrary<Story> = fc.record({
  seed: fc.nat(),
  provider: fc.constantFrom('cloud', 'cloud', 'cloud', 'cloud', 'static', 'standalone'),
  mayHalt: fc.constantFrom(true, true, true, false),
  cache: fc.constantFrom(true, true, true, true, false),
  leaseMinutes: fc.constantFrom(1, 8, 45, 45, 120, 120),
  oldService: rarely(),
  onSignal: fc.constantFrom('keep', 'keep', 'remove'),
  onFailure: fc.constantFrom('remove', 'remove', 'keep'),
  finishTasks: fc.boolean(),
  gracePeriodSeconds: fc.constantFrom(5, 60, 300),
  skewSeconds: fc.constantFrom(0, 0, 0, 0, 30, -30, 600),
  faults: fc.oneof(
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.subarray([...FAULTS], { maxLength: 5 }) },
  ),
  faultPercent: fc.constantFrom(3, 10, 30, 60),
  workers: fc.array(worker, { minLength: 1, maxLength: 4, size: 'max' }),
  events: fc.array(event, { maxLength: 6, size: 'max' }),
  next: fc.array(fc.constantFrom('restart', 'reboot', 'reboot', 'reboot', 'clone'), {
    minLength: 4,
    maxLength: 4,
  }),
});

function rarely(): fc.Arbitrary<boolean> {
  return fc.constantFrom(false, false, false, false, false, false, false, true);
}
