/** A port that is listened on, and the connections to it. */
import { isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { messageOf, RunnerError, systemCode } from '../errors.ts';

export interface Listening {
  readonly server: Server;
  readonly port: number;
  /** The open connections: a server that closes waits for them. */
  readonly sockets: ReadonlySet<Socket>;
}

export function listening(server: Server, host: string, port: number): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve({ server, port: (server.address() as AddressInfo).port, sockets });
    });
  });
}

export function closeNow({ server, sockets }: Listening): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

/** An address that stands for all of them is nothing that a client can name. */
export function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}

/** @param option the option that chooses another port */
export function listenProblem(error: unknown, host: string, port: number, option: string): RunnerError {
  const place = `${host}:${port}`;
  const options = { exit: 'config', cause: error } as const;
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new RunnerError('simulator.listen', `another program listens on ${place} already`, {
        ...options,
        advice: `end it, or choose another port with ${option}${option === '--port' ? ' (and in the rootURL of the runner config)' : ''}`,
      });
    case 'EACCES':
      return new RunnerError('simulator.listen', `this user may not listen on ${place}`, {
        ...options,
        advice: `choose a port above 1023 with ${option}`,
      });
    case undefined:
    default:
      return new RunnerError('simulator.listen', `cannot listen on ${place}: ${messageOf(error)}`, options);
  }
}
