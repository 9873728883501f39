/** A worker on a simulated machine of a cloud that writes down what it is told, and goes on until the test lets it end. */
import type { TestContext } from 'node:test';
import type { ScenarioMachine, Simulator } from '../../src/simulator/index.ts';
import { startOnCloud } from './cloud-machine.ts';
import type { MachineScenario } from './simulator.ts';
import { linesOfWorker, makeGate, saysHello } from './worker-run.ts';

type Cloud = ScenarioMachine['cloud'];

/** The value that a cloud's spot interruptions are found in: each look asks for it once. */
export const LOOKED_AT: Readonly<Record<Cloud, string>> = {
  aws: '/spot/instance-action',
  azure: '/scheduledevents',
  google: '/instance/preempted',
};

export interface Listening {
  readonly cloud: Cloud;
  readonly scenario?: MachineScenario;
  /** Default: the worker can be told. */
  readonly capabilities?: readonly string[];
  /** What the worker's shell does before it says hello; the word `never` for a worker that says none. */
  readonly beforeHello?: string;
  readonly interruptions?: object;
  readonly lifecycle?: object;
}

export interface ListeningWorker extends Awaited<ReturnType<typeof startOnCloud>> {
  /** The `finish-tasks` of each graceful-termination that the worker got so far. */
  told(): readonly boolean[];
  /** Resolves once the worker has got that many. */
  gets(count: number): Promise<void>;
  /** The lines of the log between the worker's start and its end. */
  lines(): readonly string[];
  /** Lets the worker end, with code 0. */
  end(): Promise<void>;
}

export async function startListening(t: TestContext, listening: Listening): Promise<ListeningWorker> {
  const { cloud, capabilities = ['graceful-termination'], beforeHello = '', lifecycle } = listening;
  const gate = await makeGate(t);
  const greets = beforeHello === 'never' ? '' : `${beforeHello}\n${saysHello(...capabilities)}`;
  const run = await startOnCloud(t, {
    cloud,
    scenario: { metadata: { delay: '0ms' }, ...listening.scenario },
    // It may die at once: what it has got is written when the test has seen it.
    worker: `${greets}
exec 3<&0
while read -r line; do echo "got \${line#\\~}"; done <&3 &
${gate.wait}
kill $!
exit 0`,
    ...(lifecycle === undefined ? {} : { lifecycle }),
    config: () => ({ interruptions: listening.interruptions ?? {} }),
  });
  return Object.assign(run, {
    told: () =>
      Array.from(run.stderr.matchAll(/ got .*"finish-tasks":(true|false)/g), ([, word]) => word === 'true'),
    gets: (count: number) => run.says(new RegExp(`( got .*"finish-tasks"[^]*){${count}}`)),
    lines: () => linesOfWorker(run.stderr),
    end: () => gate.open(),
  });
}

/** Resolves once the machine has been asked that many times more what stands against it. */
export async function moreLooks(simulator: Simulator, cloud: Cloud, count: number): Promise<void> {
  const path = LOOKED_AT[cloud];
  await simulator.waitForMetadata(path, looksSoFar(simulator, cloud) + count);
}

export function looksSoFar({ requests }: Simulator, cloud: Cloud): number {
  return requests.filter(({ path }) => path.includes(LOOKED_AT[cloud])).length;
}
