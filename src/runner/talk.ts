/** The conversation with a worker process: its messages, and the text that it writes to stdout and stderr. */
import type { LifecycleSettings, LimitSettings } from '../config/runner-config.ts';
import { createReadingCollector } from '../platform/memory.ts';
import { createConnection, type Connection } from '../protocol/connection.ts';
import { CAPABILITIES, type ErrorReportMessage, type ShutdownMessage } from '../protocol/messages.ts';
import { pumpText } from '../protocol/text-pump.ts';
import type { RunningProcess } from '../supervision/process.ts';
import type { World } from './world.ts';

export interface Talk {
  readonly connection: Connection;
  /** Resolves once stdout and stderr have ended and all of them is with the log. */
  readonly ended: Promise<unknown>;
  /** Reads no further: what was read is logged, the last lines too. */
  close(): Promise<void>;
}

export function openTalk(
  child: RunningProcess,
  settings: { readonly lifecycle: LifecycleSettings; readonly limits: LimitSettings },
  onMessage: (message: ShutdownMessage | ErrorReportMessage) => void,
  { clock, log, redactor, tell }: World,
): Talk {
  const { limits } = settings;
  const onRead = createReadingCollector();
  const connection = createConnection({
    input: child.stdout,
    output: child.stdin,
    capabilities: CAPABILITIES,
    limits,
    helloTimeoutMs: settings.lifecycle.helloTimeoutMs,
    clock,
    log,
    redactor,
    onRead,
    tell,
    onMessage,
  });
  const errors = pumpText({ input: child.stderr, source: 'worker-stderr', limits, log, redactor, onRead });
  return {
    connection,
    ended: Promise.all([connection.ended, errors.ended]),
    async close() {
      await Promise.all([connection.close(), errors.close()]);
    },
  };
}
