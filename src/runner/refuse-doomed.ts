/** A machine that the cloud is about to take away starts no worker: that would only begin tasks that it can't finish. */
import { RunnerError } from '../errors.ts';
import type { Notice, NoticeKind } from '../model.ts';
import type { Interruptions } from './interruptions.ts';
import type { World } from './world.ts';

const WHAT: Readonly<Record<NoticeKind, string>> = {
  'spot-interruption': 'a spot interruption',
  rebalance: 'a spot interruption that becomes likely',
  maintenance: 'maintenance',
  terminate: 'the termination',
  redeploy: 'the redeployment',
  reboot: 'a reboot',
};

/** A call that is under way may end well by then: a worker that is registered can be removed, and not only halted. */
const GRACE_MS = 5_000;

/** @throws RunnerError `run.interrupted` where a notice stands */
export function refuseDoomed(interruptions: Interruptions): void {
  const notice = interruptions.standing();
  if (notice !== undefined) throw interrupted(notice);
}

/**
 * Lets a notice end the boot from now on, also one that waits for a service.
 * @returns the world of the rest of the boot, whose signal may fire with a RunnerError `run.interrupted`
 */
export function endBootOfDoomed(interruptions: Interruptions, world: World): World {
  const { clock, signals } = world;
  const doomed = new AbortController();
  interruptions.onNotice(() => {
    clock.sleep(GRACE_MS, signals.boot).then(
      () => {
        // It may have been withdrawn meanwhile; another may stand.
        const standing = interruptions.standing();
        if (standing !== undefined) doomed.abort(interrupted(standing));
      },
      () => undefined,
    );
  });
  return { ...world, signals: { ...signals, boot: AbortSignal.any([signals.boot, doomed.signal]) } };
}

function interrupted({ kind, reason, deadline }: Notice): RunnerError {
  const when = deadline === undefined ? '' : `, at ${deadline.toISOString()}`;
  return new RunnerError(
    'run.interrupted',
    `the cloud announces ${WHAT[kind]} of this machine (${reason}${when}): no worker is started`,
    { exit: 'interrupted' },
  );
}
