import type { RunnerConfig } from '../config/runner-config.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { RunRecord } from '../status/record.ts';

export interface StatusService {
  /** Resolves once nothing is served any more. Never rejects. */
  close(): Promise<void>;
}

/** Serves the state of the run where status.listen wants it. The run neither waits for it nor fails with it. */
export function serveStatus({ status }: RunnerConfig, record: RunRecord, log: Log): StatusService {
  if (status === undefined) return { close: () => Promise.resolve() };
  const { listen } = status;
  const serving = import('../status/server.ts').then(server =>
    server.serveStatus({ listen, log, snapshot: () => record.snapshot() }),
  );
  serving.catch((error: unknown) => log.warn(`status.listen: nothing is served: ${messageOf(error)}`));
  return {
    close: () =>
      serving.then(
        server => server.close(),
        () => undefined,
      ),
  };
}
