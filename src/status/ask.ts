/** Asks a run of this machine how it is: `start-worker --status`. */
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { StatusAddress } from '../config/runner-config.ts';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import { validateStatusReply } from '../generated/validators.js';
import { hostAndPort, reachableHost } from './hosts.ts';
import type { Snapshot } from './status.ts';

const ANSWER_WITHIN_MS = 5_000;
/** An answer is some tens of KiB. */
const MOST_BYTES = 4 * 1024 * 1024;

/** @throws RunnerError `status.*` with exit `notRunning` where no run answers */
export async function askStatus(address: StatusAddress): Promise<Snapshot> {
  const place =
    address.kind === 'unix' ? `unix:${address.path}` : hostAndPort(reachableHost(address.host), address.port);
  let text: string;
  try {
    text = await get(optionsOf(address), AbortSignal.timeout(ANSWER_WITHIN_MS));
  } catch (error) {
    throw noAnswer(place, error);
  }
  const reply = parsed(text);
  if (!validateStatusReply(reply))
    throw new RunnerError(
      'status.bad-answer',
      `what answers at ${place} is no start-worker of this version`,
      {
        exit: 'notRunning',
        advice: 'look at which program listens there, or give status.listen another address',
      },
    );
  return reply;
}

function optionsOf(address: StatusAddress): RequestOptions {
  if (address.kind === 'unix') return { socketPath: address.path, headers: { host: 'localhost' } };
  return { host: reachableHost(address.host), port: address.port };
}

function get(options: RequestOptions, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ ...options, path: '/status', agent: false, signal }, response => {
      text(response).then(resolve, reject);
    });
    asking.on('error', reject);
    asking.end();
  });
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MOST_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function noAnswer(place: string, error: unknown): RunnerError {
  const code = systemCode(error);
  const isNobody = code === 'ECONNREFUSED' || code === 'ENOENT';
  const problem = isNobody
    ? 'nobody listens'
    : code === 'EACCES'
      ? 'this user may not ask'
      : messageOf(error);
  return new RunnerError('status.no-answer', `no start-worker answers at ${place}: ${problem}`, {
    exit: 'notRunning',
    advice: 'its log says whether it runs, and whether it could listen there',
    cause: error,
  });
}
