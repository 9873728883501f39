/** How long a run that a signal ends may take: what the worker is given, and what is left to do behind it. */

/** After the last moment at which a signal ends the worker, the run has this long. */
const END_AFTER_KILL_MS = 15_000;

/** From the first signal to the end of the run, at most. */
export function longestEndMs({
  gracePeriodMs,
  killAfterMs,
}: {
  readonly gracePeriodMs: number;
  readonly killAfterMs: number;
}): number {
  return gracePeriodMs + killAfterMs + END_AFTER_KILL_MS;
}
