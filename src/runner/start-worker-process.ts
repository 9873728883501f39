import { withoutLauncherVariables } from '../launcher-variables.ts';
import type { Command, RunningProcess } from '../supervision/process.ts';
import type { Launch } from '../workers/worker.ts';
import type { WorkerAccount } from './worker-account.ts';
import type { World } from './world.ts';

type CommandLaunch = Extract<Launch, { kind: 'command' }>;

interface WorkerToStart {
  readonly launch: CommandLaunch;
  readonly account: WorkerAccount | undefined;
}

/**
 * What a service manager says to us, and to nobody else: systemd's readiness, watchdog, sockets, and whose stderr ours
 * is.
 */
const OF_OUR_SERVICE =
  /^(NOTIFY_SOCKET|WATCHDOG_(USEC|PID)|LISTEN_(FDS|PID|PIDFDID|FDNAMES)|JOURNAL_STREAM)$/;

function withoutServiceVariables(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OF_OUR_SERVICE.test(name)));
}

/**
 * Starts the worker with the environment and the limits that we were started with.
 * @throws RunnerError `worker.*` where the program cannot be started; the reason of the boot's signal
 */
export async function startWorkerProcess(
  { launch, account }: WorkerToStart,
  world: World,
): Promise<RunningProcess> {
  const { file, args } = await commandOf(launch, world);
  const inherited = withoutServiceVariables(withoutLauncherVariables(world.env));
  const env = { ...inherited, ...account?.env, ...launch.env };
  const restorer = await world.system.createDefaultsRestorer(world.env, env, launch.openFiles);
  if (restorer.obstacle !== undefined) world.log.info(restorer.obstacle);
  const runAs = account?.runAs;
  // The last moment: a worker that is started now would be asked to end before it has begun.
  world.signals.boot.throwIfAborted();
  const child = await world.system.startProcess({
    file,
    args,
    env,
    wrap: command => restorer.wrap(runAs?.wrap(command) ?? command),
    ...(runAs?.ids === undefined ? {} : { ids: runAs.ids }),
  });
  // Not waited for: a worker may end at once, and Node throws away what such a process wrote if nobody reads it by then.
  void restorer.afterStart(child.pid);
  world.log.info(`started the worker: ${[file, ...args].join(' ')}`, { pid: child.pid });
  return child;
}

/** Where nothing is there, the first choice: starting it says so. */
async function commandOf(launch: CommandLaunch, { system }: World): Promise<Command> {
  const { otherwise } = launch;
  if (otherwise === undefined || (await system.exists(launch.file))) return launch;
  return (await system.exists(otherwise.needs)) ? otherwise : launch;
}
