/** A TCP proxy that makes loopback as far away as a real Taskcluster. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What may wait on one way before its sender is stopped, in bytes. */
const MOST_WAITING = 4 * 1024 * 1024;

/**
 * Every byte takes half a round trip each way. The first bytes of a client take a whole one more: the TCP handshake,
 * which loopback gives for nothing. So a TLS 1.3 handshake and the request behind it cost three round trips, as in life.
 * @param target the port on 127.0.0.1 that is far away
 */
export function createRttProxy(target: number, rttMs: number): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const server = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true });
    carry(client, server, { wayMs: rttMs / 2, handshakeMs: rttMs });
    carry(server, client, { wayMs: rttMs / 2, handshakeMs: 0 });
  });
}

interface Way {
  readonly wayMs: number;
  /** What the first bytes take longer. */
  readonly handshakeMs: number;
}

/** Carries bytes, the end of the stream and a torn connection one way. */
function carry(from: Socket, to: Socket, { wayMs, handshakeMs }: Way): void {
  const line = createDelayLine();
  let waiting = 0;
  let extraMs = handshakeMs;

  function later(arrive: () => void): void {
    line.send(wayMs + extraMs, arrive);
    extraMs = 0;
  }
  function arrived(bytes: number): void {
    waiting -= bytes;
    if (waiting <= MOST_WAITING) from.resume();
  }
  from.on('data', (chunk: Buffer) => {
    waiting += chunk.length;
    if (waiting > MOST_WAITING) from.pause();
    later(() => to.write(chunk, () => arrived(chunk.length)));
  });
  from.on('end', () => later(() => to.end()));
  from.on('error', () => later(() => to.resetAndDestroy()));
  from.on('close', hadError => {
    // Neither ended nor torn by its peer: we closed it, and nothing will come any more.
    if (!hadError && !from.readableEnded) to.destroy();
  });
  to.on('close', () => line.stop());
}

interface DelayLine {
  send(delayMs: number, arrive: () => void): void;
  stop(): void;
}

/** What is sent arrives in order and never early, which timers alone do not promise. */
function createDelayLine(): DelayLine {
  const queue: { readonly at: number; readonly arrive: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;

  function pump(): void {
    timer = undefined;
    for (let [first] = queue; first !== undefined; [first] = queue) {
      const leftMs = first.at - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(pump, Math.ceil(leftMs));
        return;
      }
      queue.shift();
      first.arrive();
    }
  }
  return {
    send(delayMs, arrive) {
      const at = Math.max(performance.now() + delayMs, queue.at(-1)?.at ?? 0);
      queue.push({ at, arrive });
      if (timer === undefined) pump();
    },
    stop() {
      queue.length = 0;
      clearTimeout(timer);
    },
  };
}
