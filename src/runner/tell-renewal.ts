/** Tells the worker what became of its credentials: new ones, or that it must end before they do. */
import type { Credentials } from '../model.ts';
import type { Log } from '../logging/log.ts';
import type { Connection, Delivery } from '../protocol/connection.ts';
import type { NewCredentialsMessage } from '../protocol/messages.ts';

export interface RenewalTeller {
  /**
   * Hands the worker its new credentials. One that does not take them is asked to end, as it would go on with the old.
   * @param oldEndAt when those end that it has
   */
  renewed(credentials: Credentials, oldEndAt: Date): void;
  /** Asks the worker to end at once, as its credentials are about to. */
  cannotRenew(endAt: Date): void;
  /** The worker has ended: nothing is sent or said any more. */
  close(): void;
}

interface News {
  /** undefined: there are none. */
  readonly credentials: Credentials | undefined;
  readonly oldEndAt: Date;
}

/** What is told waits for hello, be it late; then the worker gets the newest. None of these waits for the worker. */
export function createRenewalTeller(
  connection: Pick<Connection, 'able' | 'agreed' | 'send'>,
  log: Log,
): RenewalTeller {
  let news: News | undefined;
  let ended = false;
  /** A worker that ends is not asked again. */
  let asked = false;

  async function tell(): Promise<void> {
    const takesNew = await connection.agreed('new-credentials');
    const canBeAsked = await connection.agreed('graceful-termination');
    if (ended || news === undefined) return;
    const told = news;
    news = undefined;
    if (told.credentials !== undefined && takesNew) await handOver(told.credentials, told.oldEndAt);
    else if (canBeAsked) await askToEnd(told);
    else {
      log.error(
        `the worker can be told nothing of its credentials, which end at ${told.oldEndAt.toISOString()}: ` +
          'it has named neither new-credentials nor graceful-termination in a hello. Its tasks will fail then',
      );
      // For a hello that comes late.
      news = told;
    }
  }

  async function handOver(credentials: Credentials, oldEndAt: Date): Promise<void> {
    const delivery = await connection.send(newCredentials(credentials));
    if (delivery === 'sent') log.info('told the worker of its new credentials');
    else sayUntold(delivery, oldEndAt);
  }

  async function askToEnd({ credentials, oldEndAt }: News): Promise<void> {
    if (asked) return;
    asked = true;
    const delivery = await connection.send({ type: 'graceful-termination', 'finish-tasks': false });
    const because =
      credentials === undefined ? 'its credentials end' : 'it does not take new credentials, and the old end';
    if (delivery === 'sent')
      log.warn(`the worker was asked to end: ${because} at ${oldEndAt.toISOString()}`, {
        'finish-tasks': false,
      });
    else sayUntold(delivery, oldEndAt);
  }

  /** After it has ended that is no wonder. */
  function sayUntold(delivery: Delivery, oldEndAt: Date): void {
    if (ended) return;
    log.error(
      `the worker was not told of its credentials (${delivery}): those that it has end at ${oldEndAt.toISOString()}`,
    );
  }

  void connection.able('new-credentials').then(tell);
  void connection.able('graceful-termination').then(tell);
  return {
    renewed(credentials, oldEndAt) {
      news = { credentials, oldEndAt };
      void tell();
    },
    cannotRenew(endAt) {
      news = { credentials: undefined, oldEndAt: endAt };
      void tell();
    },
    close() {
      ended = true;
    },
  };
}

function newCredentials({ clientId, accessToken, certificate }: Credentials): NewCredentialsMessage {
  return {
    type: 'new-credentials',
    'client-id': clientId,
    'access-token': accessToken,
    ...(certificate === undefined ? {} : { certificate }),
  };
}
