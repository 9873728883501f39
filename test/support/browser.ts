/** Headless Chromium for a test, spoken with over a pipe: no port is opened, and no library is needed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { makeTemporaryFolder, removeFolder } from './temp.ts';

export const hasBrowser = spawnSync('chromium', ['--version']).status === 0;

export interface Page {
  /** Evaluates an expression of JavaScript in the page, and gives its value. */
  evaluate(expression: string): Promise<unknown>;
  /** Resolves once the expression is true. */
  holds(expression: string): Promise<void>;
  /** What the page said on its console, and what was thrown or refused in it. */
  readonly complaints: readonly string[];
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: unknown;
}

type Send = (method: string, params?: object, sessionId?: string) => Promise<Record<string, unknown>>;

/** Opens an address in a browser of its own, which ends with the test. */
export async function openPage(t: TestContext, url: string): Promise<Page> {
  const complaints: string[] = [];
  const loaded = Promise.withResolvers<undefined>();
  const send = await startBrowser(t, ({ method, params }) => {
    if (method === 'Page.loadEventFired') loaded.resolve(undefined);
    if (
      method === 'Runtime.exceptionThrown' ||
      method === 'Log.entryAdded' ||
      method === 'Runtime.consoleAPICalled'
    )
      complaints.push(JSON.stringify(params));
  });
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const ask: Send = (method, params) => send(method, params, String(sessionId));
  await ask('Runtime.enable');
  await ask('Log.enable');
  await ask('Page.enable');
  await ask('Page.navigate', { url });
  await loaded.promise;

  async function evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await ask('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { readonly value?: unknown }).value;
  }

  return {
    evaluate,
    complaints,
    async holds(expression) {
      // The page itself watches: it is looked at again each time it is drawn.
      await evaluate(`new Promise(resolve => {
        const look = () => {
          // What it looks at may not be there yet.
          try { if (${expression}) return resolve(); } catch {}
          requestAnimationFrame(look);
        };
        look();
      })`);
    },
  };
}

async function startBrowser(t: TestContext, onEvent: (message: Message) => void): Promise<Send> {
  const profile = await makeTemporaryFolder();
  const browser = spawn(
    'chromium',
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
      ...['--disable-component-update', '--disable-dev-shm-usage', '--remote-debugging-pipe'],
      ...[`--user-data-dir=${profile}`, 'about:blank'],
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true },
  );
  const exited = once(browser, 'exit');
  t.after(async () => {
    // With all the processes that it started.
    if (browser.exitCode === null && browser.pid !== undefined) process.kill(-browser.pid, 'SIGKILL');
    await exited;
    await removeFolder(profile);
  });
  const toBrowser = browser.stdio[3] as Writable;
  const fromBrowser = browser.stdio[4] as Readable;
  const waiting = new Map<number, (message: Message) => void>();
  let text = '';
  fromBrowser.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (text + chunk).split('\0');
    text = messages.pop() ?? '';
    for (const json of messages) {
      const message = JSON.parse(json) as Message;
      if (message.id === undefined) onEvent(message);
      else waiting.get(message.id)?.(message);
    }
  });
  let lastId = 0;
  return async (method, params = {}, sessionId) => {
    lastId += 1;
    const { promise, resolve } = Promise.withResolvers<Message>();
    waiting.set(lastId, resolve);
    toBrowser.write(`${JSON.stringify({ id: lastId, method, params, sessionId })}\0`);
    const { result, error } = await promise;
    if (result === undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
    return result;
  };
}
