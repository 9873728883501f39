/** The session token of IMDSv2: one for all requests, renewed before it ends. */
import type { Clock } from '../../clock.ts';
import type { MetadataClient, MetadataReply, MetadataRequest } from '../../metadata/metadata.ts';
import { textOf, wrongShape } from '../../metadata/read.ts';
import { shared } from '../shared.ts';

export interface Token {
  readonly value: string;
  /** Both in the clock's elapsed time. */
  readonly renewAtMs: number;
  readonly endMs: number;
}

/**
 * The token that all requests share. While it is good it is used, also where it can't be renewed.
 * Both throw a RunnerError of exit `metadata`, or the signal's reason.
 */
export interface Tokens {
  /** For the boot: where there is none, the service is asked with patience. */
  awaited(signal: AbortSignal): Promise<Token>;
  /** For polling: the same until the first token has come; from then on one try, and its error tells what is wrong. */
  atOnce(signal: AbortSignal): Promise<Token>;
  /** The service refused this token: it may forget one before its end. */
  lost(token: Token): void;
}

export const TOKEN_PATH = '/latest/api/token';
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds';
/** The longest that is allowed: 6 hours. */
const TTL_SECONDS = 21_600;
/** A token is renewed when this part of its life is over. */
const RENEW_AFTER = 5 / 6;
const RENEW_AGAIN_MS = 30_000;
const TRY_MS = 2000;

const REQUEST: MetadataRequest = {
  method: 'PUT',
  path: TOKEN_PATH,
  headers: { [TTL_HEADER]: String(TTL_SECONDS) },
};

const HOP_LIMIT =
  'in a container, answers of IMDSv2 get lost where the hop limit is 1: ' +
  'set HttpPutResponseHopLimit to 2 in the launch config (MetadataOptions), or use the network of the host';

export function createTokens(client: MetadataClient, clock: Clock): Tokens {
  // Requests end with the client.
  const never = new AbortController().signal;
  /** The newest; one that has ended, too. */
  let token: Token | undefined;

  function ask(send: (read: (reply: MetadataReply) => Token) => Promise<Token>) {
    return shared(async () => {
      const askedAtMs = clock.elapsed();
      token = await send(reply => tokenOf(reply, askedAtMs));
      return token;
    });
  }
  const patiently = ask(read => client.read({ ...REQUEST, ifSilent: HOP_LIMIT }, read, never));
  const once = ask(async read => read(await client.askOnce(REQUEST, TRY_MS, never)));

  /** Begins to renew it where its end is near. */
  function usable(): Token | undefined {
    const nowMs = clock.elapsed();
    if (token === undefined || nowMs >= token.endMs) return undefined;
    if (nowMs >= token.renewAtMs) {
      token = { ...token, renewAtMs: nowMs + RENEW_AGAIN_MS };
      // It is tried again while the token is good; after that, whoever needs one learns why there is none.
      once(never).catch(() => undefined);
    }
    return token;
  }

  return {
    async awaited(signal) {
      return usable() ?? patiently(signal);
    },
    async atOnce(signal) {
      return usable() ?? (token === undefined ? patiently(signal) : once(signal));
    },
    lost(refused) {
      if (token?.value === refused.value) token = { ...refused, endMs: -Infinity };
    },
  };
}

/** Whether a text is a token, and no page of a captive portal. */
export function looksLikeToken(text: string): boolean {
  return /^[\w+/.=-]{8,1024}$/.test(text);
}

function tokenOf(reply: MetadataReply, askedAtMs: number): Token {
  const expected = { what: 'a session token of IMDSv2' };
  const value = textOf(reply, expected).trim();
  if (!looksLikeToken(value)) throw wrongShape(reply, expected, 'it gives other text');
  const lifeMs = lifeMsOf(reply);
  return { value, renewAtMs: askedAtMs + lifeMs * RENEW_AFTER, endMs: askedAtMs + lifeMs };
}

function lifeMsOf(reply: MetadataReply): number {
  const seconds = Number(reply.headers[TTL_HEADER] ?? TTL_SECONDS);
  return (seconds > 0 ? Math.min(seconds, TTL_SECONDS) : TTL_SECONDS) * 1000;
}
