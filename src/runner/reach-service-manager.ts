import { systemClock } from '../clock.ts';
import type { RunnerConfig } from '../config/runner-config.ts';
import type { ServiceManager } from '../service-manager/service-manager.ts';
import type { RunRecord } from '../status/record.ts';
import type { World } from './world.ts';

interface ServiceManagerWorld extends Pick<World, 'env' | 'log' | 'signals'> {
  readonly record: RunRecord;
}

/** Nothing of it is loaded where there is none. */
export async function reachServiceManager(
  { lifecycle }: RunnerConfig,
  { env, log, signals, record }: ServiceManagerWorld,
): Promise<Pick<ServiceManager, 'tell' | 'close'>> {
  if (env.NOTIFY_SOCKET === undefined) return { tell: () => undefined, close: () => Promise.resolve() };
  const { createServiceManager } = await import('../service-manager/service-manager.ts');
  return createServiceManager({
    env,
    clock: systemClock,
    log,
    asked: signals.asked,
    lifecycle,
    hanging: () =>
      record
        .snapshot()
        .problems.filter(({ kind }) => kind === 'phase-overdue')
        .map(({ text }) => text),
  });
}
