/** Requests to the instance metadata service, version 2 only: each carries the token. */
import type { MetadataClient, MetadataReply, MetadataRequest } from '../../metadata/metadata.ts';
import type { Token, Tokens } from './token.ts';

type ReadReply<T> = (reply: MetadataReply) => T;

/** Both throw a RunnerError of exit `metadata`, or the signal's reason. */
export interface Imds {
  /** Patient, for the boot. */
  read<T>(path: string, read: ReadReply<T>, signal: AbortSignal): Promise<T>;
  /** One impatient try, for polling. */
  look<T>(path: string, read: ReadReply<T>, signal: AbortSignal): Promise<T>;
}

/** Of one impatient try. */
const TRY_MS = 2000;

/** How a request gets its token, and how it is sent and its reply read: with more patience or less. */
interface Way {
  token(): Promise<Token>;
  send<T>(request: MetadataRequest, read: ReadReply<T>): Promise<T>;
}

/** @param path below /latest/ */
function requestOf(path: string, token: Token): MetadataRequest {
  return { path: `/latest/${path}`, headers: { 'x-aws-ec2-metadata-token': token.value } };
}

export function createImds(client: MetadataClient, tokens: Tokens): Imds {
  /** Where the service does not know the token any more (401), the request is repeated at once with a new one. */
  async function withToken<T>(path: string, read: ReadReply<T>, way: Way): Promise<T> {
    const token = await way.token();
    const answer = await way.send(requestOf(path, token), reply =>
      reply.status === 401 ? undefined : { value: read(reply) },
    );
    if (answer !== undefined) return answer.value;
    tokens.lost(token);
    return way.send(requestOf(path, await way.token()), read);
  }

  return {
    read: (path, read, signal) =>
      withToken(path, read, {
        token: () => tokens.awaited(signal),
        send: (request, reader) => client.read(request, reader, signal),
      }),
    look: (path, read, signal) =>
      withToken(path, read, {
        token: () => tokens.atOnce(signal),
        send: async (request, reader) => reader(await client.askOnce(request, TRY_MS, signal)),
      }),
  };
}
