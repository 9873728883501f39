/** Weakness 13: a start that finds expired credentials fails, and so does the next; the machine stays. */
import { RunnerError } from '../../../src/errors.ts';
import {
  type Circumstances,
  type EndPlan,
  planOf as original,
  type RunEnd,
} from '../../../src/runner/ends.ts';

export * from '../../../src/runner/ends.ts';

export function planOf(end: RunEnd, now: Circumstances): EndPlan {
  const plan = original(end, now);
  const isExpired =
    end.kind === 'failure' && end.error instanceof RunnerError && end.error.exit === 'expired';
  return isExpired ? { ...plan, machine: 'keep' } : plan;
}
