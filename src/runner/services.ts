/** Taskcluster as the steps reach it: one client a run, made when it is first needed, with the newest credentials. */
import type { Clock } from '../clock.ts';
import type { NetworkSettings } from '../config/runner-config.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Credentials } from '../model.ts';
import type { Tell } from '../run-event.ts';
import type { Taskcluster } from '../taskcluster/taskcluster.ts';
import type { Transport } from '../taskcluster/transport.ts';

export interface Services {
  /** A standalone worker without secrets never loads the client. */
  taskcluster(rootUrl: string): Promise<Taskcluster>;
  /** Opens connections that the first calls will use. What fails here fails again at `taskcluster`. */
  prepare(rootUrl: string): void;
  /** What the calls after registration are signed with. */
  useCredentials(credentials: Credentials): void;
  /** Ends the kept connections, so that the process can end. */
  close(): void;
}

export interface ServicesOptions {
  readonly network: NetworkSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly tell?: Tell;
  /** By default the network. */
  readonly transport?: Transport;
}

export function createServices(options: ServicesOptions): Services {
  let client: Promise<Taskcluster> | undefined;
  let made: Taskcluster | undefined;
  let credentials: Credentials | undefined;

  async function make(rootUrl: string): Promise<Taskcluster> {
    const { createTaskcluster } = await import('../taskcluster/client.ts');
    made = createTaskcluster({ ...options, rootUrl });
    // One for each of the two secrets, which are asked for at the same time; registerWorker uses the first.
    made.warmUp(2);
    if (credentials !== undefined) made.useCredentials(credentials);
    return made;
  }

  function taskcluster(rootUrl: string): Promise<Taskcluster> {
    client ??= make(rootUrl);
    return client;
  }

  return {
    taskcluster,
    prepare: rootUrl => void taskcluster(rootUrl).catch(() => undefined),
    useCredentials(newCredentials) {
      credentials = newCredentials;
      made?.useCredentials(newCredentials);
    },
    close() {
      made?.close();
    },
  };
}
