import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readScenarioFile } from '../../src/simulator/scenario-file.ts';
import { NEEDS_NETWORK } from '../support/network-namespace.ts';
import { programPath, ROOT, runProgram, startProgram } from '../support/program.ts';
import { runCommand } from '../support/shell.ts';
import { MACHINES } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';

async function scenarioFile(t: TestContext, timeline: object = {}): Promise<string> {
  const path = join(await temporaryFolder(t), 'scenario.yml');
  await writeFile(
    path,
    JSON.stringify({ machine: MACHINES.google, metadata: { port: 0 }, port: 0, timeline }),
  );
  return path;
}

/** What a program behind `--` does, as JavaScript. */
function script(code: string): string[] {
  return ['--', process.execPath, '--input-type=module', '--eval', code];
}

const GET = `const get = async (host, path) => (await fetch('http://' + host + '/computeMetadata/v1/' + path, { headers: { 'Metadata-Flavor': 'Google' } })).text();`;

test('the log has one line for polls that end alike, and the summary says what became of the machine', async t => {
  const path = await scenarioFile(t, { 'at 100ms': 'spot-interruption', 'at 0s': 'maintenance' });
  const { code, stdout, stderr } = await runProgram('simulate-cloud', [
    path,
    ...script(`${GET}
      const host = process.env.GCE_METADATA_HOST;
      for (let count = 0; count < 5; count++) await get(host, 'instance/zone');
      console.log(await get(host, 'instance/preempted?wait_for_change=true&last_etag=' + process.pid + '&timeout_sec=60'));
      while (await get(host, 'instance/preempted?wait_for_change=true&last_etag=0') !== 'TRUE');
    `),
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^(TRUE|FALSE)$/m);
  assert.equal(stderr.split('metadata GET /computeMetadata/v1/instance/zone → 200').length, 2, stderr);
  assert.match(stderr, /simulate-cloud: \d\d:\d\d:\d\d the cloud: spot-interruption\n/);
  assert.match(stderr, /simulate-cloud: \d\d:\d\d:\d\d the cloud: maintenance\n/);
  assert.match(
    stderr,
    / {2}the machine \(google, 4567890123456789012\) never registered, and is still running\n/,
  );
  assert.match(stderr, / {2}spot-interruption was shown from \d\d:\d\d:\d\d on, and was asked for\n/);
  assert.match(stderr, / {2}maintenance was shown from \d\d:\d\d:\d\d on, but nobody asked for it\n/);
});

test('nothing that is started on a simulated machine halts the real one by calling shutdown', async t => {
  const path = await scenarioFile(t);
  const found = 'for program in shutdown halt poweroff reboot; do command -v "$program"; done';
  const { code, stdout, stderr } = await runProgram('simulate-cloud', [
    path,
    ...[
      '--',
      'sh',
      '-euc',
      `${found}; case "$(command -v shutdown)" in *simulate-cloud-halt-*) shutdown -h now;; esac`,
    ],
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^(\/.*\/simulate-cloud-halt-\w+\/(shutdown|halt|poweroff|reboot)\n){4}$/);
  assert.match(stderr, /the machine would have been halted now: shutdown -h now\n/);
  assert.match(stderr, / {2}the host was halted: shutdown -h now\n/);
});

test('what is started by hand is told which variables it needs', async t => {
  const program = startProgram('simulate-cloud', [await scenarioFile(t)]);
  await program.says('it runs until Ctrl-C');
  assert.match(
    program.stderr,
    /a simulated metadata service \(google, machine 4567890123456789012\) is at http/,
  );
  assert.match(program.stderr, /export GCE_METADATA_HOST=127\.0\.0\.1:\d+\n/);
  assert.match(program.stderr, /export PATH=\/\S+:"\$PATH"/);
  program.kill('SIGINT');
  assert.equal((await program.exited).code, 0);
});

test('--real-address without the address says how to get it', { skip: NEEDS_NETWORK }, async t => {
  const path = await scenarioFile(t);
  const { code, stderr } = await runCommand([
    ...['unshare', '--net', programPath('simulate-cloud'), '--real-address', path, '--', 'true'],
  ]);
  assert.equal(code, 102, stderr);
  assert.match(stderr, /cannot listen on 169\.254\.169\.254:80: no network interface has this address\n/);
  assert.match(stderr, /ip link set lo up; ip addr add 169\.254\.169\.254\/32 dev lo/);
});

test(
  'with --real-address the metadata service is where every cloud has it',
  { skip: NEEDS_NETWORK },
  async t => {
    const path = await scenarioFile(t);
    const command = [
      ...['unshare', '--net', 'sh', '-euc'],
      'ip link set lo up; ip addr add 169.254.169.254/32 dev lo; exec "$0" "$@"',
      ...[programPath('simulate-cloud'), '--real-address', path],
      ...script(`${GET}
      console.log(process.env.GCE_METADATA_HOST, await get('169.254.169.254', 'instance/id'));
    `),
    ];
    // One that is named to simulate-cloud is not that of its machine.
    const env = { GCE_METADATA_HOST: '127.0.0.1:9' };
    const { code, stdout, stderr } = await runCommand(command, env);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'undefined 4567890123456789012\n');
  },
);

test('--real-address without a machine, and a wrong metadata port, are told', async t => {
  const path = join(await temporaryFolder(t), 'scenario.yml');
  await writeFile(path, 'port: 0\n');
  const alone = await runProgram('simulate-cloud', ['--real-address', path, '--', 'true']);
  assert.equal(alone.code, 102);
  assert.match(alone.stderr, /--real-address needs a machine, and .*scenario\.yml has none/);
  const wrong = await runProgram('simulate-cloud', ['--metadata-port', 'http', path, '--', 'true']);
  assert.equal(wrong.code, 101);
  assert.match(wrong.stderr, /--metadata-port must be a whole number/);
});

test('an event that the cloud does not have is told with its place', async t => {
  const path = await scenarioFile(t, { 'at 1s': 'rebalance' });
  const { code, stderr } = await runProgram('simulate-cloud', [path, '--', 'true']);
  assert.equal(code, 102);
  assert.match(stderr, /scenario\.yml:1:\d+: timeline\.at 1s: must be one of spot-interruption, maintenance/);
});

test('the example scenarios are those of their clouds', async () => {
  for (const cloud of ['aws', 'azure', 'google'] as const) {
    const path = join(ROOT, 'deployment', 'examples', `scenario-${cloud}.yml`);
    const { machine, timeline } = await readScenarioFile(path);
    const { cloud: named, workerPoolId, providerId } = machine ?? {};
    assert.deepEqual({ cloud: named, workerPoolId, providerId }, MACHINES[cloud]);
    assert.deepEqual(timeline, { 'at 6s': 'spot-interruption' });
  }
});
