/** Passes on to the worker what the cloud announces: one graceful-termination a notice. */
import type { Log } from '../logging/log.ts';
import type { Notice } from '../model.ts';
import type { Connection } from '../protocol/connection.ts';
import type { Interruptions } from './interruptions.ts';

/**
 * Tells the worker of each notice that stands once it has said hello, be it late, and of each that comes later. A worker
 * that cannot be told is left alone.
 * @returns to be called when the worker has ended: nothing is sent or said any more
 */
export function tellWorkerOfInterruptions(
  interruptions: Interruptions,
  connection: Pick<Connection, 'able' | 'agreed' | 'send'>,
  log: Log,
): () => void {
  let ended = false;
  let waitsForHello = true;
  let saidWhyNot = false;

  async function tell({ kind, finishTasks }: Notice): Promise<void> {
    if (ended) return;
    const delivery = await connection.send({ type: 'graceful-termination', 'finish-tasks': finishTasks });
    if (delivery === 'sent') log.info(`told the worker of the ${kind}`, { 'finish-tasks': finishTasks });
    // It closed its stdin or does not read it, and the connection has said so.
    else ended = true;
  }

  function sayWhyNot({ kind }: Notice): void {
    if (ended || saidWhyNot) return;
    saidWhyNot = true;
    log.warn(
      `the worker cannot be told of the ${kind}, as it has named no graceful-termination in a hello: it is left alone`,
    );
  }

  interruptions.onNotice(({ kind }) => {
    if (waitsForHello && !ended) log.info(`the worker is told of the ${kind} once it has said hello`);
  });
  void connection.agreed('graceful-termination').then(agreed => {
    waitsForHello = false;
    if (!agreed) interruptions.onNotice(sayWhyNot);
  });
  // Only then, so that what is withdrawn before hello is not told.
  void connection.able('graceful-termination').then(() => {
    saidWhyNot = true;
    interruptions.onNotice(notice => void tell(notice));
  });
  return () => {
    ended = true;
  };
}
