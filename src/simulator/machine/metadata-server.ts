/** The listening side of the metadata service: on loopback, or on the address that every cloud uses. */
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { messageOf, RunnerError, systemCode } from '../../errors.ts';
import { closeNow, listening, listenProblem, urlHost, type Listening } from '../listening.ts';
import type { CloudState } from '../state.ts';
import type { Machine } from './machine.ts';
import { serveMetadata } from './metadata-service.ts';

const REAL_ADDRESS = '169.254.169.254';

export interface MetadataServer {
  /** Host and port as in a URL. */
  readonly hostAndPort: string;
  close(): Promise<void>;
}

/** @throws RunnerError with exit `config` where the address cannot be used */
export async function startMetadataServer(
  state: CloudState,
  machine: Machine,
  realAddress: boolean,
): Promise<MetadataServer> {
  if (realAddress && !isOurs(REAL_ADDRESS)) throw realAddressError('no network interface has this address');
  const host = realAddress ? REAL_ADDRESS : state.scenario.listen;
  const wanted = realAddress ? 80 : machine.settings.port;
  const closing = new AbortController();
  const http = createServer((request, response) => {
    void serveMetadata(state, machine, request, response, closing.signal);
  });
  const open = await listening(http, host, wanted).catch((error: unknown) => {
    throw realAddress
      ? realAddressError(systemCode(error) ?? messageOf(error), error)
      : listenProblem(error, host, wanted, '--metadata-port');
  });
  // Whoever closes the port may lose it to another program: so an outage is a reset as soon as one connects.
  http.on('connection', (socket: Socket) => {
    if (machine.mode === 'down') socket.resetAndDestroy();
  });
  machine.changes.on('happened', () => {
    if (machine.mode === 'down') resetAll(open);
  });
  return {
    hostAndPort: open.port === 80 ? urlHost(host) : `${urlHost(host)}:${open.port}`,
    async close() {
      closing.abort();
      await closeNow(open);
    },
  };
}

function resetAll({ sockets }: Listening): void {
  for (const socket of sockets) socket.resetAndDestroy();
}

/** Asked for by itself: some systems let a program listen on an address that they do not have. */
function isOurs(address: string): boolean {
  return Object.values(networkInterfaces()).some(ours => ours?.some(each => each.address === address));
}

function realAddressError(reason: string, cause?: unknown): RunnerError {
  return new RunnerError(
    'simulator.real-address',
    `the metadata service cannot listen on ${REAL_ADDRESS}:80: ${reason}`,
    {
      exit: 'config',
      cause,
      advice:
        'as root, in a network namespace of its own (unshare --net sh), first run: ' +
        `ip link set lo up; ip addr add ${REAL_ADDRESS}/32 dev lo`,
    },
  );
}
