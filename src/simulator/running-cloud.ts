/** All that runs: the simulated Taskcluster and, where there is a machine, its metadata service and what happens to it. */
import { delimiter } from 'node:path';
import { withoutLauncherVariables } from '../launcher-variables.ts';
import { CLOUDS } from './machine/clouds.ts';
import type { Machine } from './machine/machine.ts';
import { setHaltTrap, type HaltTrap } from './machine/halting.ts';
import { startMetadataServer } from './machine/metadata-server.ts';
import { startTimeline } from './machine/timeline.ts';
import { startServer, type RunningServer } from './server.ts';
import type { CloudState } from './state.ts';

export interface RunningCloud {
  readonly rootUrl: string;
  /** The certificate that clients must trust, where TLS is spoken. */
  readonly caFile?: string;
  /** Where the metadata service is, where there is a machine. */
  readonly metadataUrl?: string;
  /** The environment variables by which what is started finds all this; PATH stands before the one that there is. */
  readonly variables: Readonly<Record<string, string>>;
  /** The folder to put before PATH, so that nothing that is started can halt the real machine. */
  readonly pathFolder?: string;
  /** The command lines that would have halted the machine, so far. */
  readonly haltCommands: () => readonly string[];
  /** Ends every connection, kept and hanging ones too. */
  readonly close: () => Promise<void>;
}

/**
 * @param realAddress whether the metadata service is to be where clients look for it
 * @throws RunnerError with exit `config` where an address or a certificate cannot be used
 */
export async function startCloud(state: CloudState, realAddress: boolean): Promise<RunningCloud> {
  const server = await startServer(state);
  state.rootUrl = server.rootUrl;
  const variables = {
    TASKCLUSTER_ROOT_URL: server.rootUrl,
    ...(server.caFile === undefined ? {} : { SSL_CERT_FILE: server.caFile }),
  };
  if (state.machine === undefined) return { ...server, variables, haltCommands: () => [] };
  try {
    return await withMachine(state, state.machine, server, variables, realAddress);
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function withMachine(
  state: CloudState,
  machine: Machine,
  server: RunningServer,
  variables: RunningCloud['variables'],
  realAddress: boolean,
): Promise<RunningCloud> {
  machine.rootUrl = machine.settings.rootUrl.replace(/^own/, server.rootUrl);
  const metadata = await startMetadataServer(state, machine, realAddress);
  let trap: HaltTrap;
  try {
    trap = await setHaltTrap();
  } catch (error) {
    await metadata.close();
    throw error;
  }
  const { variable } = machine.cloud;
  const stopTimeline = startTimeline(machine, state.scenario.timeline);
  return {
    ...server,
    metadataUrl: `http://${metadata.hostAndPort}`,
    variables: {
      ...variables,
      ...(realAddress ? {} : { [variable]: machine.cloud.variableValue(metadata.hostAndPort) }),
    },
    pathFolder: trap.folder,
    haltCommands: () => trap.commands(),
    async close() {
      stopTimeline();
      await Promise.all([metadata.close(), server.close()]);
      await trap.remove();
    },
  };
}

/** What a program gets above an environment, so that it finds the simulated cloud and halts nothing. */
export function cloudEnv(env: NodeJS.ProcessEnv, cloud: RunningCloud): Record<string, string> {
  // What is on this machine is not to be asked for through a proxy.
  const noProxy = [env.NO_PROXY ?? env.no_proxy ?? '', new URL(cloud.rootUrl).hostname]
    .filter(Boolean)
    .join(',');
  return {
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    ...cloud.variables,
    ...(cloud.pathFolder === undefined
      ? {}
      : { PATH: [cloud.pathFolder, env.PATH].filter(Boolean).join(delimiter) }),
  };
}

/** As if a command were started where we were, but in the simulated cloud. */
export function commandEnv(env: NodeJS.ProcessEnv, cloud: RunningCloud): Record<string, string> {
  const elsewhere = Object.values(CLOUDS).map(({ variable }) => variable);
  // A metadata service that was named to us is not the one of the simulated machine, which may be at its real address.
  const kept = Object.entries(withoutLauncherVariables(env)).filter(
    ([name]) => cloud.metadataUrl === undefined || !elsewhere.includes(name),
  );
  return { ...Object.fromEntries(kept), ...cloudEnv(env, cloud) };
}
