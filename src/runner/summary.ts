/** The last line of a run: how long each phase took, and why it ended. */
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { Phase, Tell } from '../run-event.ts';
import { durationWords } from '../words.ts';
import type { RunEnd } from './ends.ts';
import { describeExit } from './exit.ts';
import { SignalledError } from './signals.ts';

export interface PhaseTime {
  readonly phase: Phase;
  readonly ms: number;
}

/** `the run ended with exit code 0, since …; it took 3 min 2 s: registering 0.3 s, running 3 min, …` */
export function summaryOf(phases: readonly PhaseTime[], exitCode: number, because: string): string {
  const wholeMs = phases.reduce((sum, { ms }) => sum + ms, 0);
  const parts = phases.map(({ phase, ms }) => `${phase} ${preciseWords(ms)}`);
  return `the run ended with exit code ${exitCode}: ${because}; it took ${durationWords(wholeMs)} (${parts.join(', ')})`;
}

function preciseWords(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : durationWords(ms);
}

/**
 * A listener that writes the summary once the run has ended; the phase `starting` began at `startMs`, by
 * clock.elapsed().
 */
export function createSummary(startMs: number, clock: Pick<Clock, 'elapsed'>, log: Pick<Log, 'info'>): Tell {
  const begun: { readonly phase: Phase; readonly atMs: number }[] = [{ phase: 'starting', atMs: startMs }];
  return event => {
    if (event.kind === 'phase') begun.push({ phase: event.phase, atMs: clock.elapsed() });
    if (event.kind !== 'ended') return;
    const endMs = clock.elapsed();
    const phases = begun.map(({ phase, atMs }, index) => ({
      phase,
      ms: (begun[index + 1]?.atMs ?? endMs) - atMs,
    }));
    log.info(summaryOf(phases, event.exitCode, event.because));
  };
}

/** Why a run ended, as a clause. @param asked fires where a signal asked for the end */
export function reasonOf(end: RunEnd, asked: AbortSignal): string {
  switch (end.kind) {
    case 'shown':
      return 'the dummy worker has shown the state';
    case 'worker':
      return `the worker ${describeExit(end.exit)}${asked.aborted ? `, after ${messageOf(asked.reason)}` : ''}`;
    case 'failure':
      return end.error instanceof SignalledError
        ? `${end.error.signal} came before the worker was started`
        : messageOf(end.error);
  }
}
