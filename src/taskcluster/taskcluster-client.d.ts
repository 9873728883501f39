/**
 * The little of taskcluster-client 87 that we call; it carries no types. What its calls resolve to is checked by
 * schemas.
 */
declare module 'taskcluster-client' {
  import type { Agent } from 'node:http';

  export interface ClientOptions {
    readonly rootUrl: string;
    /** `{}` for calls that are not signed; otherwise the library would look for defaults of its own. */
    readonly credentials: {
      readonly clientId?: string;
      readonly accessToken?: string;
      readonly certificate?: string;
    };
    readonly retries: number;
    /** Of one request, in milliseconds. */
    readonly timeout: number;
  }

  export class WorkerManager {
    constructor(options: ClientOptions);
    registerWorker(payload: object): Promise<unknown>;
    reregisterWorker(payload: object): Promise<unknown>;
    removeWorker(workerPoolId: string, workerGroup: string, workerId: string): Promise<unknown>;
    reportWorkerError(workerPoolId: string, payload: object): Promise<unknown>;
  }

  export class Secrets {
    constructor(options: ClientOptions);
    get(name: string): Promise<unknown>;
  }

  /** What client objects take for their connections when they are made. */
  export const agents: { http: Agent; https: Agent };

  const taskcluster: {
    readonly WorkerManager: typeof WorkerManager;
    readonly Secrets: typeof Secrets;
    readonly agents: typeof agents;
  };
  export default taskcluster;
}
