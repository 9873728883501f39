import { durationWords } from '../words.ts';
import type { Problem, Snapshot } from './status.ts';

/** A cloud's metadata service may rest for a while. */
const LOOKS_FAIL_AFTER_S = 300;
/** A renewal that is due takes a moment, and is tried again where it fails. */
const RENEWAL_LATE_AFTER_MS = 300_000;

/**
 * What is wrong with a run; nothing: it is healthy. The service manager's watchdog and /healthz ask the same.
 * @param now since the epoch, in milliseconds
 */
export function problemsOf(run: Omit<Snapshot, 'problems'>, now: number): readonly Problem[] {
  return [...ended(run), ...phaseOverdue(run), ...credentials(run, now), ...looks(run)];
}

function ended({ ended: end }: Omit<Snapshot, 'problems'>): readonly Problem[] {
  if (end === undefined) return [];
  return [{ kind: 'ended', text: `the run has ended with exit code ${end.exitCode}: ${end.because}` }];
}

function phaseOverdue(run: Omit<Snapshot, 'problems'>): readonly Problem[] {
  const { phase, phaseSeconds, overdueAfterSeconds = Infinity, state } = run;
  if (state === 'stopped' || phaseSeconds <= overdueAfterSeconds) return [];
  const [lasts, limit] = [phaseSeconds, overdueAfterSeconds].map(value => durationWords(value * 1000));
  return [
    { kind: 'phase-overdue', text: `"${phase}" has lasted ${lasts}; it should be over after ${limit}` },
  ];
}

function credentials(run: Omit<Snapshot, 'problems'>, now: number): readonly Problem[] {
  const { expireAt, nextRenewal } = run.credentials;
  if (run.state === 'stopped') return [];
  if (expireAt !== undefined && Date.parse(expireAt) <= now)
    return [{ kind: 'credentials-ended', text: `the worker's credentials have ended at ${expireAt}` }];
  if (nextRenewal !== undefined && Date.parse(nextRenewal) + RENEWAL_LATE_AFTER_MS <= now)
    return [
      {
        kind: 'renewal-overdue',
        text: `the worker's credentials were to be renewed at ${nextRenewal}, and are not yet`,
      },
    ];
  return [];
}

function looks({ looks: sources }: Omit<Snapshot, 'problems'>): readonly Problem[] {
  return sources
    .filter(({ silentSeconds = 0 }) => silentSeconds > LOOKS_FAIL_AFTER_S)
    .map(({ source, silentSeconds = 0 }) => ({
      kind: 'looks-fail',
      text: `${source} has not answered for ${durationWords(silentSeconds * 1000)}: an announcement of this machine's end would not be heard`,
    }));
}
