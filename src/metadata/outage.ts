/** Tells of a metadata service that keeps the boot waiting: once, and once when that is over. */
import type { Clock } from '../clock.ts';
import type { Log } from '../logging/log.ts';
import { durationWords } from '../words.ts';

interface Outage {
  /** A request waits from now on, until the returned function is called. All requests together count as one. */
  wait(): (answered: boolean) => void;
}

const WARN_AFTER_MS = 15_000;

export function createOutage(options: {
  readonly service: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly giveUpAfterMs: number;
}): Outage {
  const { service, clock, log, giveUpAfterMs } = options;
  let waiting = 0;
  let warned: 'not yet' | 'warned' | 'over' = 'not yet';
  let timer = new AbortController();

  async function warnLater(signal: AbortSignal): Promise<void> {
    try {
      await clock.sleep(WARN_AFTER_MS, signal);
    } catch {
      return;
    }
    if (warned !== 'not yet') return;
    warned = 'warned';
    log.warn(
      `${service} has not answered for ${durationWords(WARN_AFTER_MS)}; it is asked again until ${durationWords(giveUpAfterMs)} have passed`,
    );
  }

  return {
    wait() {
      waiting += 1;
      if (waiting === 1 && warned === 'not yet') {
        timer = new AbortController();
        void warnLater(timer.signal);
      }
      return answered => {
        waiting -= 1;
        if (waiting === 0) timer.abort();
        if (!answered || warned !== 'warned') return;
        warned = 'over';
        log.info(`${service} answers now`);
      };
    },
  };
}
