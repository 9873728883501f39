import type { RunnerConfig } from '../config/runner-config.ts';
import type { Phase } from '../run-event.ts';

/** What comes on top of the run's own patience before anybody should worry. */
const SLACK_MS = 60_000;
const FILES_MS = 10 * 60_000;
const CLOUD_DELAY_MS = 2 * 60_000;
const DISPOSAL_MS = 10 * 60_000;

/**
 * How long a phase may last, in milliseconds; undefined: for any time. A phase that lasts longer than the run itself
 * would have let it hangs.
 */
export function phaseLimitMs(phase: Phase, config: RunnerConfig): number | undefined {
  const { network, lifecycle, metadata } = config;
  switch (phase) {
    case 'starting':
      // The worker that an earlier start has left is ended first.
      return lifecycle.killAfterMs + SLACK_MS;
    case 'identifying':
      // The identity and the first look for notices.
      return 2 * metadata.giveUpAfterMs + SLACK_MS;
    case 'registering':
      // Each try brings a proof, and the time for that is not the call's.
      return network.retryForMs + network.attemptTimeoutMs + 2 * metadata.giveUpAfterMs + SLACK_MS;
    case 'collecting secrets':
      return network.retryForMs + network.attemptTimeoutMs + SLACK_MS;
    case 'writing files':
      return FILES_MS;
    case 'starting the worker':
      return lifecycle.helloTimeoutMs + SLACK_MS;
    case 'running':
    // A worker may be let finish its tasks.
    case 'draining':
      return undefined;
    case 'ending':
      return lifecycle.drainTimeoutMs + (lifecycle.onFailure.delayMs ?? CLOUD_DELAY_MS) + DISPOSAL_MS;
  }
}
