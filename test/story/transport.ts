/** The network of a story: requests and replies are lost, cut, late and wrong, as its faults have it. */
import { EventEmitter } from 'node:events';
import type { Agent, ClientRequest } from 'node:http';
import type { Clients } from '../../src/taskcluster/clients.ts';
import type { Transport } from '../../src/taskcluster/transport.ts';
import type { Life, Stage } from './life.ts';
import { never } from './life.ts';
import type { Machine } from './machine.ts';
import { type Answer, refusal, type Request, type Service } from './service.ts';
import { type Fault, NETWORK_FAULTS } from './story.ts';

/** Longer than a try may take: the reply comes when nobody listens any more. */
const SLOW_MS = 45_000;

export function createNetwork(
  stage: Stage,
  {
    service,
    machine,
    life,
    isDown,
  }: { service: Service; machine: Machine; life: Life; isDown: () => boolean },
): Transport {
  const { random, time, strikes } = stage;

  async function exchange(agent: Agent, request: Request): Promise<unknown> {
    const { method } = request;
    const wire = createWire();
    (agent as unknown as { addRequest: (request: ClientRequest) => void }).addRequest(wire.request);
    if (isDown()) {
      await life.act(`${method} finds nobody`, 3, () => undefined);
      throw networkError('ECONNREFUSED');
    }
    const fault = NETWORK_FAULTS.find(strikes);
    const mark = fault === undefined ? '' : ` (${fault})`;
    const answer = await life.act(`${method}${mark}`, random.int(5, 300), () => answerTo(request, fault));
    if (fault === 'slow service') await life.act(`${method} is slow`, SLOW_MS, () => undefined);
    else await life.act(`${method} answers ${answer.status}`, random.int(5, 300), () => undefined);
    if (wire.destroyed()) return never();
    if (fault === 'lost request' || fault === 'lost reply') throw networkError('ECONNRESET');
    return reply(wire, answer, fault);
  }

  /** What the service does, and what it says to that. */
  function answerTo(request: Request, fault: Fault | undefined): Answer {
    if (fault === 'lost request' || fault === 'HTML' || fault === 'wrong shape') {
      return { status: 200, body: ['I am another service'] };
    }
    if (fault === 'server error') {
      return refusal(random.pick([500, 503]), 'InternalServerError', 'a simulated fault');
    }
    if (fault === 'refusal') return refusal(403, 'InsufficientScopes', 'a simulated refusal');
    return service.handle(request, machine, life);
  }

  function reply(wire: Wire, answer: Answer, fault: Fault | undefined): unknown {
    const { status, body } = answer;
    const text = JSON.stringify(body);
    const type = fault === 'HTML' ? 'text/html' : 'application/json; charset=utf-8';
    wire.respond(status, type, text, fault !== 'cut body');
    if (fault === 'cut body') throw new TypeError('terminated');
    if (fault === 'HTML') return undefined;
    if (status >= 300) throw serviceError(answer);
    answer.received?.();
    return body;
  }

  function clientsFor(agent: Agent, credentials: Request['credentials']): Clients {
    const call =
      (method: string) =>
      (...args: readonly unknown[]) =>
        exchange(agent, { method, args, credentials });
    const clients: unknown = {
      workerManager: {
        registerWorker: call('registerWorker'),
        reregisterWorker: call('reregisterWorker'),
        removeWorker: call('removeWorker'),
        reportWorkerError: call('reportWorkerError'),
      },
      secrets: { get: call('get') },
    };
    return clients as Clients;
  }

  return {
    clock: life.clock,
    createConnections() {
      const agent = { createConnection: () => undefined, addRequest: () => undefined } as unknown as Agent;
      return {
        agent: () => agent,
        widenTrust: () => Promise.resolve(),
        certificate: () => Promise.resolve(undefined),
        warmUp: () => undefined,
        close: () => undefined,
      };
    },
    makeClients: ({ agent, credentials }) => Promise.resolve(clientsFor(agent, credentials)),
    async clockSkewMs() {
      const answers = !isDown() && !strikes('lost request');
      await life.act('asks for the time', 50, () => undefined);
      return answers ? time.wall() - time.truth() : undefined;
    },
  };
}

interface Wire {
  readonly request: ClientRequest;
  readonly destroyed: () => boolean;
  readonly respond: (status: number, type: string, text: string, whole: boolean) => void;
}

/** As much of a request and its response as src/taskcluster/attempt.ts looks at. */
function createWire(): Wire {
  let destroyed = false;
  const request = Object.assign(new EventEmitter(), {
    reusedSocket: false,
    setHeader: () => undefined,
    destroy() {
      destroyed = true;
    },
  });
  return {
    request: request as unknown as ClientRequest,
    destroyed: () => destroyed,
    respond(status, type, text, whole) {
      const response = Object.assign(new EventEmitter(), {
        statusCode: status,
        headers: { 'content-type': type },
        complete: whole,
      });
      request.emit('response', response);
      response.emit('data', Buffer.from(whole ? text : text.slice(0, text.length / 2)));
    },
  };
}

/** As the HTTP library wraps what the system says. */
function networkError(code: string): Error {
  const cause = Object.assign(new Error(`read ${code}`), { code, errno: -1, syscall: 'read' });
  return Object.assign(new Error(`read ${code}`, { cause }), { code });
}

/** As taskcluster-client throws what a service refused. */
function serviceError({ status, body }: Answer): Error {
  const { message = 'Unknown Server Error', code = 'Unknown' } = body as { message?: string; code?: string };
  return Object.assign(new Error(message), { statusCode: status, code, body });
}
