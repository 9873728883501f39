import type { Clock } from './clock.ts';

/** Aborts the controller with the reason after this time, unless `done` fires before. */
export function abortLater(
  controller: AbortController,
  delayMs: number,
  reason: unknown,
  { clock, done }: { readonly clock: Clock; readonly done: AbortSignal },
): void {
  clock.sleep(delayMs, done).then(
    () => controller.abort(reason),
    // It is done.
    () => undefined,
  );
}
