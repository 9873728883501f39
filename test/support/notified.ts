/** A service manager of a test, which takes the notifications of a program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fixture } from './runner-config.ts';
import { temporaryFolder } from './temp.ts';

export interface NotifiedManager {
  /** For NOTIFY_SOCKET. */
  readonly address: string;
  /** What came, one notification each; without the barriers that systemd-notify waits for. */
  readonly notifications: readonly string[];
  /** Resolves once one that came, or comes, matches. */
  takes(expected: RegExp): Promise<void>;
}

/** @param address by default a socket in a folder of the test */
export async function listenAsServiceManager(t: TestContext, address?: string): Promise<NotifiedManager> {
  const place = address ?? join(await temporaryFolder(t), 'notify');
  const listener = spawn('python3', [fixture('receive-notifications.py'), place], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(async () => {
    if (listener.exitCode !== null) return;
    listener.kill('SIGKILL');
    await once(listener, 'exit');
  });
  const notifications: string[] = [];
  const watchers = new Set<() => void>();
  const lines = createInterface({ input: listener.stdout });
  await once(lines, 'line');
  lines.on('line', line => {
    if (line === 'BARRIER=1') return;
    notifications.push(line);
    for (const watcher of watchers) watcher();
  });
  return {
    address: place,
    notifications,
    takes: expected =>
      new Promise(resolve => {
        function watch(): void {
          if (!notifications.some(line => expected.test(line))) return;
          watchers.delete(watch);
          resolve();
        }
        watchers.add(watch);
        watch();
      }),
  };
}
