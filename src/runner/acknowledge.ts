/** Tells the cloud that it need not wait for this machine until the deadline of its notice. */
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { Notice } from '../model.ts';
import { settlesWithin } from '../settles-within.ts';
import { unlessAborted } from '../unless-aborted.ts';
import type { Interruptions } from './interruptions.ts';

/** The end of a run waits no longer for a courtesy. */
const ACKNOWLEDGE_MS = 2000;

interface AcknowledgeWorld {
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * To be called when the worker has ended: acknowledges the notices that stand, where the cloud takes that and the user
 * wants it. Never rejects; takes at most 2 s, and no longer than until `over`.
 */
export async function acknowledgeNotices(
  interruptions: Interruptions,
  world: AcknowledgeWorld,
  over: AbortSignal,
): Promise<void> {
  await Promise.all(interruptions.allStanding().map(({ notice }) => acknowledge(notice, world, over)));
}

async function acknowledge(
  notice: Notice,
  { clock, log }: AcknowledgeWorld,
  over: AbortSignal,
): Promise<void> {
  if (notice.acknowledge === undefined) return;
  const limit = new AbortController();
  try {
    const answer = notice.acknowledge(limit.signal);
    const answered = await settlesWithin(unlessAborted(answer, over), ACKNOWLEDGE_MS, clock);
    if (!answered) throw new Error(`no answer in ${ACKNOWLEDGE_MS / 1000} s`);
    log.info(`acknowledged the ${notice.kind}: the cloud need wait no longer`);
  } catch (error) {
    log.warn(`the ${notice.kind} could not be acknowledged: ${messageOf(error)}`);
  } finally {
    limit.abort();
  }
}
