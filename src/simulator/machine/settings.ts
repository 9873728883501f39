/** The `machine` and `metadata` of a scenario: what is wrong with them, and what they mean. */
import type { Scenario as ScenarioInput, ScenarioMachine } from '../../generated/types.ts';
import { durationMs } from '../scenario-durations.ts';
import type { ScopedWorker } from '../scopes.ts';
import { CLOUDS } from './clouds.ts';

type CloudName = ScenarioMachine['cloud'];

export interface MachineSettings {
  readonly cloud: CloudName;
  readonly worker: ScopedWorker & { readonly providerId: string };
  /** `own` and `own/` stand for the simulated Taskcluster's. */
  readonly rootUrl: string;
  readonly absent: ReadonlySet<string>;
  readonly interfaces: number;
  readonly recordAfterMs: number;
  readonly policy: 'migrate' | 'terminate';
  readonly proofLastsMs: number;
  readonly proofOnce: boolean;
  /** Of its metadata service, as all that follow. */
  readonly port: number;
  readonly delayMs: number;
  readonly firstEventsMs: number;
}

export function machineSettings(input: ScenarioInput, defaultPort: number): MachineSettings | undefined {
  const { machine, metadata = {} } = input;
  if (machine === undefined) return undefined;
  const { cloud, workerPoolId, providerId } = machine;
  const { defaults } = CLOUDS[cloud];
  return {
    cloud,
    worker: {
      workerPoolId,
      providerId,
      workerGroup: machine.workerGroup ?? defaults.workerGroup,
      workerId: machine.workerId ?? defaults.workerId,
    },
    rootUrl: machine.rootUrl ?? 'own',
    absent: new Set(machine.absent),
    interfaces: machine.interfaces ?? 1,
    recordAfterMs: durationMs(machine.recordAfter ?? '0s'),
    policy: machine.policy ?? 'migrate',
    proofLastsMs: durationMs(machine.proof?.lasts ?? '1h'),
    proofOnce: machine.proof?.once ?? false,
    port: metadata.port ?? defaultPort,
    delayMs: durationMs(metadata.delay ?? '0s'),
    firstEventsMs: durationMs(metadata.firstEvents ?? '0s'),
  };
}

/** What is wrong with a scenario's `machine`, beyond its schema. */
export function machineMistakes({ machine }: ScenarioInput): { pointer: string; text: string }[] {
  if (machine === undefined) return [];
  const { values } = CLOUDS[machine.cloud];
  return [...(machine.absent ?? []).entries()]
    .filter(([, name]) => !values.includes(name))
    .map(([index]) => ({
      pointer: `/machine/absent/${index}`,
      text: `must be one of ${values.join(', ')}`,
    }));
}
