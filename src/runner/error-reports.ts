/** The worker's error-report messages on their way to worker-manager: in order, tried again, and off the reading path. */
import { messageOf } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { WorkerIdentity } from '../model.ts';
import type { ErrorReportMessage } from '../protocol/messages.ts';
import { settlesWithin } from '../settles-within.ts';
import type { World } from './world.ts';

/** More than this that wait are not kept: a worker that reports without end must not fill our memory. */
const MAX_WAITING = { reports: 100, characters: 8 * 1024 * 1024 } as const;

export interface ErrorReports {
  forward(report: ErrorReportMessage): void;
  /** How many have arrived. */
  readonly arrived: number;
  /** Waits for what is still on its way, but no longer than this, or until `giveUp`; what is left then is in the log. */
  finish(timeoutMs: number): Promise<void>;
  giveUp(): void;
}

export function createErrorReports(identity: WorkerIdentity, world: World): ErrorReports {
  const { clock, log, services } = world;
  const stop = new AbortController();
  let waiting = 0;
  let waitingCharacters = 0;
  let last = Promise.resolve();
  let arrived = 0;

  async function send(report: ErrorReportMessage, characters: number): Promise<void> {
    try {
      const taskcluster = await services.taskcluster(identity.rootUrl);
      const { kind, title, description } = report;
      const extra = report.extra as JsonObject;
      await taskcluster.reportWorkerError(identity, { kind, title, description, extra }, stop.signal);
      arrived += 1;
      log.info(`reported the worker's error: ${title}`);
    } catch (error) {
      log.error(`the worker's error report did not arrive: ${messageOf(error)}`, { title: report.title });
    } finally {
      waiting -= 1;
      waitingCharacters -= characters;
    }
  }

  function giveUp(): void {
    stop.abort(new Error('the run ends'));
  }

  return {
    forward(report) {
      log.warn(`the worker reports an error: ${report.title}`, {
        kind: report.kind,
        description: report.description,
        extra: report.extra,
      });
      const characters = JSON.stringify(report).length;
      if (waiting >= MAX_WAITING.reports || waitingCharacters + characters > MAX_WAITING.characters) {
        log.error(`${waiting} error reports wait already: this one is only in the log`, {
          title: report.title,
        });
        return;
      }
      waiting += 1;
      waitingCharacters += characters;
      last = last.then(() => send(report, characters));
    },
    get arrived() {
      return arrived;
    },
    giveUp,
    async finish(timeoutMs) {
      if (waiting === 0) return;
      if (!(await settlesWithin(last, timeoutMs, clock))) giveUp();
      await last;
    },
  };
}
