/** simulate-cloud in a process of its own, as users start it. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SIMULATE_CLOUD } from './measure.ts';

export const STATIC_SECRET = 'static-secret-of-a-worker-for-the-benchmark1';

export interface SimulatedCloud {
  readonly rootUrl: string;
  /** What finds and trusts it, for the programs that are measured. */
  readonly env: Readonly<Record<string, string>>;
  end(): Promise<void>;
}

/**
 * Starts simulate-cloud and waits until it says where it is. It knows one static worker and one secret.
 * @param more keys of the scenario besides
 */
export async function startCloud(
  folder: string,
  options: readonly string[],
  more: object = {},
): Promise<SimulatedCloud> {
  const worker = { providerId: 'bench', workerPoolId: 'bench/pool', workerGroup: 'g', workerId: 'w' };
  const scenario = join(folder, 'scenario.yml');
  writeFileSync(
    scenario,
    JSON.stringify({
      workers: [{ ...worker, staticSecret: STATIC_SECRET }],
      clients: [{ clientId: 'bench', accessToken: STATIC_SECRET, scopes: ['*'] }],
      secrets: { 'worker-pool:bench/pool': { config: { key: 'value' }, files: [] } },
      ...more,
    }),
  );
  const child = spawn(SIMULATE_CLOUD, [...options, '--quiet', '--port', '0', scenario], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // A benchmark that fails must not leave it running.
  const kill = () => void child.kill();
  process.on('exit', kill);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.on('exit', () => reject(new Error(`simulate-cloud ended: ${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('it runs until Ctrl-C')) resolve();
    });
  });
  const exported = [...said.matchAll(/export (?!PATH)(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
  const noOtherTrust = options.includes('--tls') ? { NODE_EXTRA_CA_CERTS: '', SSL_CERT_DIR: '' } : {};
  return {
    rootUrl: /https?:\/\/[\w.]+:\d+/.exec(said)?.[0] ?? '',
    env: { ...noOtherTrust, ...(Object.fromEntries(exported) as Record<string, string>) },
    end: () =>
      new Promise(resolve => {
        process.off('exit', kill);
        child.on('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}
