import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import { stateDisk } from '../../src/state/disk.ts';
import { textOfState } from '../../src/state/kept-file.ts';
import type { KeptState, Recognition, StateDisk } from '../../src/state/state.ts';
import { createStateStore } from '../../src/state/store.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { runCommand } from '../support/shell.ts';
import { temporaryFolder } from '../support/temp.ts';

const STATE: KeptState = {
  phase: 'ready',
  provider: 'aws',
  instance: 'i-1',
  identified: {
    identity: {
      rootUrl: 'https://tc.example.com',
      workerPoolId: 'a/b',
      workerGroup: 'us-east-1',
      workerId: 'i-1',
    },
    location: { cloud: 'aws', region: 'us-east-1' },
    metadata: { 'instance-id': 'i-1', nested: { list: [1, null] } },
  },
  registered: {
    credentials: { clientId: 'worker/a', accessToken: 'the-access-token', certificate: '{"signature":"x"}' },
    credentialsExpireAt: new Date('2026-11-25T08:00:00.500Z'),
    registrationSecret: 'the-registration-secret',
    providerConfig: { genericWorker: { config: { a: [1] } } },
  },
  secrets: [
    {
      name: 'secret worker-pool:a/b',
      config: { token: 'a-token' },
      files: [{ path: '/etc/x', content: 'eA==', encoding: 'base64', format: 'file', mode: '0644' }],
      secret: true,
    },
  ],
};

/** Of standalone: nobody says when its credentials end. */
const OWN: KeptState = {
  ...STATE,
  phase: 'registered',
  provider: 'standalone',
  registered: { credentials: { clientId: 'me', accessToken: 'my-access-token' }, providerConfig: {} },
  secrets: [],
};

interface Scene {
  readonly folder: string;
  readonly path: string;
  readonly warnings: () => readonly string[];
  readonly load: (recognition?: Recognition) => Promise<KeptState | undefined>;
  readonly save: (state: KeptState) => Promise<void>;
  readonly forget: () => Promise<void>;
  readonly disown: (instance: string) => Promise<void>;
  /** The files of the folder. */
  readonly files: () => Promise<readonly string[]>;
}

async function scene(
  t: TestContext,
  { provider = 'aws', disk = {} }: { readonly provider?: string; readonly disk?: Partial<StateDisk> } = {},
): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'cache.json');
  const log = createMemoryLog();
  const store = createStateStore({ path, provider, disk: { ...stateDisk, ...disk }, log });
  return {
    folder,
    path,
    warnings: () => log.entries.map(({ severity, message }) => `${severity}: ${message}`),
    load: (recognition = 'same') => store.load(() => Promise.resolve(recognition)),
    save: state => store.save(state),
    forget: () => store.forget(),
    disown: instance => store.disown(instance),
    files: async () => (await readdir(folder)).sort(),
  };
}

for (const [what, state] of Object.entries({ 'a machine of a cloud': STATE, 'a standalone machine': OWN })) {
  void test(`the state of ${what} comes back as it was`, async t => {
    const { load, save, path, warnings } = await scene(t, { provider: state.provider });
    await save(state);
    assert.deepEqual(await load(), state);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(warnings(), []);
  });
}

void test('a second save replaces the first, and nothing lies beside the file', async t => {
  const { load, save, files } = await scene(t);
  await save({ ...STATE, phase: 'registered' });
  await save(STATE);
  assert.deepEqual(await load(), STATE);
  assert.deepEqual(await files(), ['cache.json']);
});

void test('a folder that is not there yet is made, for the owner alone', async t => {
  const folder = join(await temporaryFolder(t), 'a', 'b');
  const log = createMemoryLog();
  const store = createStateStore({ path: join(folder, 'cache.json'), provider: 'aws', disk: stateDisk, log });
  await store.save(STATE);
  assert.deepEqual(await store.load(() => Promise.resolve('same')), STATE);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
});

void test('what a killed start left half-written is removed', async t => {
  const { load, save, path, files } = await scene(t);
  await writeFile(`${path}.new`, '{"version": 1, "ph');
  assert.equal(await load(), undefined);
  assert.deepEqual(await files(), []);
  await writeFile(`${path}.new`, '{"version": 1, "ph');
  await save(STATE);
  assert.deepEqual(await files(), ['cache.json']);
});

const RENEWED: KeptState = {
  ...STATE,
  registered: {
    ...STATE.registered,
    credentialsExpireAt: new Date('2026-11-29T08:00:00Z'),
    registrationSecret: 'the-next-secret',
  },
};

void test('what a start was killed with between fsync and rename is finished: it holds the only good secret', async t => {
  const { load, save, path, files, warnings } = await scene(t);
  await save(STATE);
  await writeFile(`${path}.new`, textOfState(RENEWED), { mode: 0o600 });
  assert.deepEqual(await load(), RENEWED);
  assert.deepEqual(await files(), ['cache.json']);
  assert.deepEqual(await load(), RENEWED);
  assert.deepEqual(warnings(), [
    `info: cacheOverRestarts: an earlier start was ended as it wrote ${path}: that is finished now`,
  ]);
});

void test('so is the first state: a second registration would be refused', async t => {
  const { load, path, files } = await scene(t);
  await writeFile(`${path}.new`, textOfState(STATE), { mode: 0o600 });
  assert.deepEqual(await load(), STATE);
  assert.deepEqual(await files(), ['cache.json']);
  await writeFile(`${path}.new`, textOfState(RENEWED), { mode: 0o600 });
  assert.equal(await load('another'), undefined);
  assert.deepEqual(await files(), ['cache.json.other']);
});

for (const [what, left] of Object.entries({
  'is not newer': STATE,
  'is of another instance': { ...RENEWED, instance: 'i-2' },
  'is of another provider': { ...RENEWED, provider: 'google' },
  'is of another worker': {
    ...RENEWED,
    identified: { ...STATE.identified, identity: { ...STATE.identified.identity, workerId: 'i-2' } },
  },
} satisfies Record<string, KeptState>)) {
  void test(`an unfinished file that ${what} is removed`, async t => {
    const { load, save, path, files } = await scene(t);
    await save(STATE);
    await writeFile(`${path}.new`, textOfState(left), { mode: 0o600 });
    assert.deepEqual(await load(), STATE);
    assert.deepEqual(await files(), ['cache.json']);
  });
}

void test('an unfinished file that cannot be finished is used all the same', async t => {
  const refused = Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });
  let isReadOnly = false;
  const { load, save, path, warnings } = await scene(t, {
    disk: { rename: (...names) => (isReadOnly ? Promise.reject(refused) : stateDisk.rename(...names)) },
  });
  await save(STATE);
  await writeFile(`${path}.new`, textOfState(RENEWED), { mode: 0o600 });
  isReadOnly = true;
  assert.deepEqual(await load(), RENEWED);
  assert.deepEqual(warnings(), [
    `warning: cacheOverRestarts: ${path}.new, which is newer than ${path}, stays so: ${refused.message}`,
  ]);
});

const REFUSED: readonly (readonly [what: string, text: string, why: string])[] = [
  ['is empty', '', 'is empty'],
  ['holds blanks alone', ' \n', 'is empty'],
  ['is cut off', '{"version": 1, "phase": "rea', 'is not JSON'],
  ['is no object', '[1]', 'is no JSON object'],
  ['is null', 'null', 'is no JSON object'],
  ['comes from a newer version', '{"version": 2}', 'was written by a newer start-worker'],
  ['has no version', JSON.stringify(STATE), 'is not what start-worker writes there (it lacks version)'],
  [
    'lacks credentials',
    JSON.stringify({ version: 1, ...STATE, registered: { providerConfig: {} } }),
    'is not what start-worker writes there (/registered lacks credentials)',
  ],
  [
    'has another date than there is',
    JSON.stringify({
      version: 1,
      ...STATE,
      registered: { ...STATE.registered, credentialsExpireAt: 'tomorrow' },
    }),
    'is not what start-worker writes there (/registered/credentialsExpireAt must match pattern',
  ],
  [
    'is half of the reference',
    '{"RootURL": "https://tc.example.com"}',
    'is not what start-worker writes there (it lacks Credentials, WorkerPoolID, WorkerGroup, WorkerID, WorkerConfig)',
  ],
];

for (const [what, text, why] of REFUSED) {
  void test(`a file that ${what} is set aside as .bad, in the place of an older one`, async t => {
    const { load, path, warnings, files } = await scene(t);
    await writeFile(`${path}.bad`, 'older');
    await writeFile(path, text, { mode: 0o600 });
    assert.equal(await load(), undefined);
    assert.deepEqual(await files(), ['cache.json.bad']);
    assert.equal(await readFile(`${path}.bad`, 'utf8'), text);
    const [warning = '', ...more] = warnings();
    assert.deepEqual(more, []);
    assert.ok(warning.startsWith(`warning: cacheOverRestarts: ${path} ${why}`), warning);
    assert.ok(warning.endsWith(`: this start begins anew, and the file is ${path}.bad now`), warning);
    assert.ok(!warning.includes('the-access-token'));
  });
}

void test('a file that cannot be set aside is warned of, and counts as nothing', async t => {
  const refused = Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });
  const { load, path, warnings } = await scene(t, { disk: { rename: () => Promise.reject(refused) } });
  await writeFile(path, 'nonsense', { mode: 0o600 });
  assert.equal(await load(), undefined);
  assert.deepEqual(warnings(), [
    `warning: cacheOverRestarts: ${path} is not JSON: this start begins anew; it could not be set aside: ${refused.message}`,
  ]);
});

void test('a file that may not be read is set aside, since it may be all that is left of a worker', async t => {
  const refused = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
  const { load, path, files, warnings } = await scene(t, { disk: { read: () => Promise.reject(refused) } });
  await writeFile(path, 'somebody’s', { mode: 0o600 });
  assert.equal(await load(), undefined);
  assert.deepEqual(await files(), ['cache.json.bad']);
  assert.match(warnings()[0] ?? '', /cannot be read \(EACCES: permission denied\): this start begins anew/);
});

void test('a file of another instance is set aside as .other', async t => {
  const { load, save, path, files, warnings } = await scene(t);
  await save(STATE);
  assert.equal(await load('another'), undefined);
  assert.deepEqual(await files(), ['cache.json.other']);
  assert.deepEqual(warnings(), [
    `warning: cacheOverRestarts: ${path} is of another machine, i-1: this start begins anew, and the file is ${path}.other now`,
  ]);
});

void test('a file of another provider is set aside as .other', async t => {
  const { load, save, path, files, warnings } = await scene(t, { provider: 'google' });
  await save(STATE);
  assert.equal(await load(), undefined);
  assert.deepEqual(await files(), ['cache.json.other']);
  assert.match(warnings()[0] ?? '', /is of the provider aws, not of google/);
  assert.ok(existsSync(`${path}.other`));
});

void test('where nobody says which instance this is, the file is trusted', async t => {
  const { load, save, warnings } = await scene(t);
  await save(STATE);
  assert.deepEqual(await load('unknown'), STATE);
  assert.deepEqual(warnings(), []);
});

void test('a file that others can read is tightened, with a warning', async t => {
  const { load, save, path, warnings } = await scene(t);
  await save(STATE);
  await chmod(path, 0o644);
  assert.deepEqual(await load(), STATE);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(warnings(), [
    `warning: cacheOverRestarts: other users could read or change ${path}, which holds secrets: its permissions are 0600 now`,
  ]);
});

void test(
  'a file of another user is written anew as ours, with a warning',
  { skip: process.geteuid?.() !== 0 },
  async t => {
    const { load, save, path, warnings } = await scene(t);
    await save(STATE);
    await chown(path, 65534, 65534);
    assert.deepEqual(await load(), STATE);
    assert.equal((await stat(path)).uid, 0);
    assert.deepEqual(warnings(), [
      `warning: cacheOverRestarts: ${path} belongs to another user, who may have changed it: it is written anew, as ours`,
    ]);
  },
);

void test('what is removed is gone, and may be gone before', async t => {
  const { load, save, forget, files, warnings } = await scene(t);
  await save(STATE);
  await forget();
  await forget();
  assert.deepEqual(await files(), []);
  assert.equal(await load(), undefined);
  assert.deepEqual(warnings(), []);
});

void test('nothing that is saved after the removal, or meanwhile, comes back', async t => {
  const { save, forget, files, warnings } = await scene(t);
  await save(STATE);
  const saving = save(OWN);
  await forget();
  await saving;
  await save(STATE);
  assert.deepEqual(await files(), []);
  assert.deepEqual(warnings(), []);
});

void test('what turns out to be another machine’s is set aside, and not written again', async t => {
  const { load, save, disown, path, files, warnings } = await scene(t);
  await save(STATE);
  await load('unknown');
  await disown('i-1');
  await save(STATE);
  assert.deepEqual(await files(), ['cache.json.other']);
  assert.deepEqual(warnings(), [
    `warning: cacheOverRestarts: ${path} is of another machine, i-1: the next start begins anew, and the file is ${path}.other now`,
  ]);
});

/** Neither may be renamed away, nor over. */
for (const [what, make] of Object.entries({
  'a folder': (path: string) => mkdir(path),
  'a FIFO': (path: string) => runCommand(['mkfifo', path]),
  'a link to a device': (path: string) => symlink('/dev/zero', path),
})) {
  void test(`${what} at its path stays as it is: nothing is kept there, and saving says so`, async t => {
    const { load, save, path, files, warnings } = await scene(t);
    await make(path);
    assert.equal(await load(), undefined);
    assert.equal(warnings().length, 1);
    await assert.rejects(save(STATE), (error: unknown) => {
      assert.ok(error instanceof RunnerError);
      assert.equal(error.code, 'state.write');
      assert.equal(error.exit, 'files');
      assert.ok(error.message.startsWith(`cannot write cacheOverRestarts ${path}: `), error.message);
      return true;
    });
    assert.deepEqual(await files(), ['cache.json']);
    assert.ok(!(await stat(path)).isFile());
  });
}

void test('a full disk leaves the old state, nothing half-written, and says what to do', async t => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  let isFull = false;
  const { load, save, path, files } = await scene(t, {
    disk: {
      async create(name, text) {
        await stateDisk.create(name, text.slice(0, 10));
        if (isFull) throw full;
        await stateDisk.remove(name);
        await stateDisk.create(name, text);
      },
    },
  });
  await save(STATE);
  isFull = true;
  await assert.rejects(save({ ...STATE, phase: 'registered' }), {
    code: 'state.write',
    message: `cannot write cacheOverRestarts ${path}: ${full.message}`,
    advice: 'make room on the disk, or use a larger one',
  });
  assert.deepEqual(await load(), STATE);
  assert.deepEqual(await files(), ['cache.json']);
});

void test("the reference's file is read: its finished configuration stands for all sources", async t => {
  const { load, save, path } = await scene(t);
  const metadata = { 'instance-id': 'i-1', region: 'us-east-1' };
  const reference = {
    RootURL: 'https://tc.example.com/',
    Credentials: { clientId: 'w', accessToken: 'tok', certificate: '', authorizedScopes: null },
    CredentialsExpire: '2026-11-25T08:00:00.123456789Z',
    RegistrationSecret: 'shh',
    WorkerPoolID: 'a/b',
    WorkerGroup: 'g',
    WorkerID: 'w-1',
    ProviderID: 'community-tc-aws',
    ProviderMetadata: metadata,
    WorkerConfig: { idleTimeoutSecs: 5 },
    Files: [],
    WorkerLocation: { cloud: 'aws', region: 'us-east-1' },
  };
  await writeFile(path, JSON.stringify(reference), { mode: 0o600 });
  const state = await load();
  assert.deepEqual(state, {
    phase: 'ready',
    provider: 'aws',
    instance: 'i-1',
    identified: {
      identity: {
        rootUrl: 'https://tc.example.com',
        workerPoolId: 'a/b',
        workerGroup: 'g',
        workerId: 'w-1',
      },
      location: { cloud: 'aws', region: 'us-east-1' },
      metadata,
    },
    registered: {
      credentials: { clientId: 'w', accessToken: 'tok' },
      credentialsExpireAt: new Date('2026-11-25T08:00:00.123Z'),
      registrationSecret: 'shh',
      providerConfig: {},
    },
    secrets: [],
    finished: { idleTimeoutSecs: 5 },
  } satisfies KeptState);
  // From the next renewal on it is our own.
  await save(state);
  assert.deepEqual(await load(), state);
});

void test("the reference's file may have no expiry, no metadata and no secret", async t => {
  const { load, path } = await scene(t, { provider: 'standalone' });
  const reference = {
    RootURL: 'https://tc.example.com',
    Credentials: { clientId: 'w', accessToken: 'tok' },
    CredentialsExpire: '0001-01-01T00:00:00Z',
    RegistrationSecret: '',
    WorkerPoolID: 'a/b',
    WorkerGroup: 'g',
    WorkerID: 'w-1',
    ProviderMetadata: null,
    WorkerConfig: {},
    WorkerLocation: { cloud: 'my-desk' },
  };
  await writeFile(path, JSON.stringify(reference), { mode: 0o600 });
  const state = await load();
  assert.equal(state?.provider, 'standalone');
  assert.equal(state.instance, 'a/b/g/w-1 of https://tc.example.com');
  assert.deepEqual(state.registered, {
    credentials: { clientId: 'w', accessToken: 'tok' },
    providerConfig: {},
  });
});

void test('without a path nothing is kept', async () => {
  const log = createMemoryLog();
  const store = createStateStore({ path: undefined, provider: 'aws', disk: stateDisk, log });
  await store.save(STATE);
  assert.equal(await store.load(() => Promise.resolve('same')), undefined);
  await store.forget();
});

void test(
  'a folder that cannot be made is told, also where the one above it is there',
  { skip: process.platform !== 'linux' },
  async () => {
    await assert.rejects(stateDisk.create('/proc/no-such-process/state/cache.json', ''), { code: 'ENOENT' });
  },
);

void test('a start that another may be beside leaves alone what that is writing', async t => {
  const path = join(await temporaryFolder(t), 'cache.json');
  await writeFile(`${path}.new`, 'half of');
  const log = createMemoryLog();
  const store = createStateStore({ path, provider: 'aws', disk: stateDisk, log, beside: true });
  assert.equal(await store.load(() => Promise.resolve('same')), undefined);
  assert.equal(await readFile(`${path}.new`, 'utf8'), 'half of');
});
