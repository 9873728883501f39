import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { test } from 'node:test';
import { loadRunnerConfig } from '../../src/config/load.ts';
import { configFile, load, MINIMAL, mistake } from './support.ts';

/** What a test adds to it begins at line 5. */
function cloud(name: string): string {
  return `provider:
  providerType: ${name}
worker:
  implementation: dummy
`;
}

/** Warnings as `line:column: text`. */
async function warnings(t: Parameters<typeof load>[0], content: string): Promise<readonly string[]> {
  const { config, warnings: told } = await load(t, content);
  for (const line of told) assert.ok(line.startsWith(`${config.path}:`), line);
  return told.map(line => line.slice(config.path.length + 1));
}

for (const name of ['aws', 'azure', 'google']) {
  void test(`the provider section of ${name} is its name alone, and its file may be read by others`, async t => {
    const path = await configFile(t, cloud(name));
    await chmod(path, 0o644);
    const { config, warnings: told } = await loadRunnerConfig(path);
    assert.deepEqual(config.provider, { providerType: name });
    assert.deepEqual(told, []);
  });
}

void test('on a cloud a key of another provider is refused with who knows that there', async t => {
  const text = cloud('aws').replace('aws', 'aws\n  rootURL: https://tc.example.com');
  assert.match(
    await mistake(t, text),
    /^3:3: unknown key "rootURL" in provider; on a cloud the metadata service says who this machine is: providerType is the only key$/,
  );
});

void test('onExit goes over its default code by code', async t => {
  const { config } = await load(t, `${cloud('aws')}lifecycle: {onExit: {0: keep, 69: keep, 255: remove}}\n`);
  assert.deepEqual([...config.lifecycle.onExit.codes].sort(), [
    [0, 'keep'],
    [255, 'remove'],
    [67, 'keep'],
    [69, 'keep'],
  ]);
  assert.equal(config.lifecycle.onExit.other, 'remove');
  const kept = await load(t, `${cloud('aws')}lifecycle: {onExit: {other: keep, "72": remove}}\n`);
  assert.equal(kept.config.lifecycle.onExit.codes.get(0), 'remove');
  assert.equal(kept.config.lifecycle.onExit.codes.get(72), 'remove');
  assert.equal(kept.config.lifecycle.onExit.other, 'keep');
});

void test('a failure may keep the machine, or leave time to look at it', async t => {
  const keep = await load(t, `${cloud('google')}lifecycle: {onFailure: {action: keep}}\n`);
  assert.deepEqual(keep.config.lifecycle.onFailure, { action: 'keep', delayMs: undefined });
  const delay = await load(t, `${cloud('google')}lifecycle: {onFailure: {delay: 15m}}\n`);
  assert.deepEqual(delay.config.lifecycle.onFailure, { action: 'remove', delayMs: 900_000 });
});

void test('the shutdown command is a text split at blanks or a list of words', async t => {
  const text = await load(
    t,
    `${MINIMAL}lifecycle: {shutdownHost: true, shutdownCommand: " poweroff  -f "}\n`,
  );
  assert.deepEqual(text.config.lifecycle.shutdownCommand, ['poweroff', '-f']);
  assert.equal(text.config.lifecycle.shutdownHost, true);
  const list = await load(t, `${MINIMAL}lifecycle: {shutdownCommand: [/opt/my tools/halt, now]}\n`);
  assert.deepEqual(list.config.lifecycle.shutdownCommand, ['/opt/my tools/halt', 'now']);
});

void test('the settings of a cloud are read', async t => {
  const { config } = await load(
    t,
    `${cloud('aws')}metadata: {giveUpAfter: 5s}\ninterruptions: {poll: 100ms, rebalance: true, maintenance: true}\n`,
  );
  assert.equal(config.metadata.giveUpAfterMs, 5000);
  assert.deepEqual(config.interruptions, {
    pollMs: 100,
    rebalance: true,
    maintenance: true,
    acknowledge: false,
  });
});

for (const [line, expected] of [
  [
    'lifecycle: {onExit: {300: keep}}',
    /^5:22: unknown key "300" in lifecycle\.onExit; allowed: an exit code from 0 to 255, other$/,
  ],
  ['lifecycle: {onExit: {-1: keep}}', /^5:22: unknown key "-1" in lifecycle\.onExit; allowed: an exit code/],
  ['lifecycle: {onExit: {067: keep}}', /^5:22: a number that begins with 0 is octal in YAML 1\.1/],
  ['lifecycle: {onExit: {othr: keep}}', /^5:22: unknown key "othr" .*; did you mean other\?$/],
  [
    'lifecycle: {onExit: {0: destroy}}',
    /^5:25: lifecycle\.onExit\.0 must be one of remove, keep; found the text "destroy"$/,
  ],
  ['lifecycle: {onExit: {other: false}}', /^5:29: lifecycle\.onExit\.other must be .*; found false$/],
  [
    'lifecycle: {onExit: keep}',
    /^5:21: lifecycle\.onExit must be a mapping \(key: value\); found the text "keep"$/,
  ],
  [
    'lifecycle: {onFailure: {delay: 5}}',
    /^5:32: lifecycle\.onFailure\.delay must be a duration: .*; found the number 5; write 5s if you mean seconds$/,
  ],
  ['lifecycle: {onFailure: {delay: 30d}}', /^5:32: lifecycle\.onFailure\.delay must be at most 24d; found/],
  [
    'lifecycle: {onFailure: {acton: keep}}',
    /unknown key "acton" in lifecycle\.onFailure; did you mean action\?$/,
  ],
  ['lifecycle: {shutdownHost: yes}', /found the text "yes"; write true/],
  [
    'lifecycle: {shutdownCommand: []}',
    /^5:30: lifecycle\.shutdownCommand must be a command as a text without quotes, or as a list of words; found a list$/,
  ],
  ['lifecycle: {shutdownCommand: " "}', /shutdownCommand must be a command .*; found the text " "$/],
  [
    `lifecycle: {shutdownCommand: "sh -c 'halt now'"}`,
    /shutdownCommand must be a command as a text without quotes/,
  ],
  [
    'lifecycle: {shutdownCommand: [halt, 5]}',
    /^5:37: .*shutdownCommand\.1 must be a text; found the number 5; put/,
  ],
  ['metadata: {giveUpAfter: 0s}', /^5:25: metadata\.giveUpAfter must be above 0; found the text "0s"$/],
  [
    'interruptions: {poll: 99ms}',
    /^5:23: interruptions\.poll must be at least 100ms; found the text "99ms"$/,
  ],
  [
    'interruptions: {poll: 2}',
    /^5:23: interruptions\.poll must be a duration: .*; write 2s if you mean seconds$/,
  ],
  ['poll: 2s', /^5:1: unknown key "poll"; it belongs under interruptions$/],
] as const) {
  void test(`"${line}" is refused at its place with what is allowed`, async t => {
    assert.match(await mistake(t, `${cloud('aws')}${line}\n`), expected);
  });
}

void test('a setting that the provider makes nothing of is a warning at its place', async t => {
  assert.deepEqual(
    await warnings(
      t,
      `${cloud('google')}interruptions:\n  poll: 5s\n  rebalance: true\n  maintenance: true\n  acknowledge: true\n`,
    ),
    [
      '6:3: interruptions.poll does nothing with the provider google: only AWS and Azure are polled',
      '7:3: interruptions.rebalance does nothing with the provider google: only AWS recommends a rebalance',
      '8:3: interruptions.maintenance does nothing with the provider google: only on AWS it is for you to opt in',
      '9:3: interruptions.acknowledge does nothing with the provider google: only Azure waits for an acknowledgement',
    ],
  );
  const own = await warnings(
    t,
    `${MINIMAL}metadata: {giveUpAfter: 5s}\nlifecycle: {onExit: {0: keep}, onFailure: {delay: 0s}}\n`,
  );
  assert.deepEqual(
    own.map(line => line.replace(/ does nothing with the provider standalone: .*/, '')),
    ['11:12: metadata.giveUpAfter', '12:13: lifecycle.onExit', '12:32: lifecycle.onFailure'],
  );
  assert.match(
    (await warnings(t, `${cloud('azure')}lifecycle: {shutdownHost: true}\n`)).join(),
    /shutdownHost does nothing with the provider azure/,
  );
  assert.deepEqual(await warnings(t, `${MINIMAL}lifecycle: {shutdownCommand: poweroff}\n`), [
    '11:13: lifecycle.shutdownCommand does nothing with the provider standalone: without lifecycle.shutdownHost the machine is your own and stays as it is',
  ]);
  for (const used of [
    `${MINIMAL}lifecycle: {shutdownCommand: poweroff, shutdownHost: true}\n`,
    `${cloud('azure')}lifecycle: {shutdownCommand: poweroff}\n`,
  ])
    assert.deepEqual(await warnings(t, used), []);
});

void test('a setting at its default is no reason for a warning', async t => {
  assert.deepEqual(
    await warnings(
      t,
      `${MINIMAL}interruptions: {rebalance: false}\nmetadata: {giveUpAfter: 120s}\n` +
        'lifecycle: {onExit: {0: remove, 67: keep, other: remove}, onFailure: {action: remove}}\n',
    ),
    [],
  );
});
