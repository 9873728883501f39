/** A disk that is full, or a folder that may not be written to, at each of start-worker's writes. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { fileEntry, poolWith, zipEntry } from '../support/boot-with-sources.ts';
import {
  restartingMachine,
  type RestartingMachine,
  type RestartingOptions,
  type Start,
} from '../support/restarting-machine.ts';
import { NEEDS_MOUNTS } from '../support/shell.ts';
import { MACHINES } from '../support/simulator.ts';
import { hello, writes } from '../support/worker-run.ts';

const POOL = MACHINES.aws.workerPoolId;
const FULL = /the disk is full \(ENOSPC\)|ENOSPC: no space left on device/;

/** Shell: the folder is a disk of its own, with this much room. */
function disk(room: string): string {
  return `mkdir -p "$FOLDER/disk"; mount -t tmpfs -o size=${room} none "$FOLDER/disk"`;
}
/** Shell: waits until the test makes room, for a minute at most. */
const WAIT_FOR_ROOM =
  'for n in $(seq 600); do [ -e "$FOLDER/room" ] && break; sleep 0.1; done; rm "$FOLDER/disk/fill"';
/** Shell: leaves no room on it. */
const FILL = 'cat /dev/zero >"$FOLDER/disk/fill" 2>/dev/null || true';

/** Renews its credentials at once, and is told of it; `$1` of what it does then is the message. */
function renewing(onMessage: string, before = ''): string {
  return `${before}
${writes(hello('new-credentials', 'graceful-termination'))}
while read -r line; do
  case $line in *'"type":"welcome"'*) ;; *) echo "got \${line#\\~}"; ${onMessage};; esac
done`;
}

/** Its first renewal begins with its worker, and is so slow that the worker can fill the disk before. */
function machineWith(t: TestContext, options: RestartingOptions): Promise<RestartingMachine> {
  const { scenario, config, ...more } = options;
  const network = { retryFor: '20s', attemptTimeout: '15s' };
  const faults = [{ call: 'reregisterWorker' as const, delay: '2500ms' }];
  return restartingMachine(t, {
    ...more,
    config: { network, ...config },
    scenario: { lease: '20s', faults, ...scenario },
  });
}

async function startOn(machine: RestartingMachine, mounts: string, config: object = {}): Promise<Start> {
  return (await machine.begin({ mounts, config })).ended;
}

function assertRemoved({ code, log, calls, workerConfig }: Start): void {
  assert.equal(code, EXIT_CODES.files.code, log);
  assert.equal(workerConfig, undefined, 'a worker was started');
  assert.match(log, FULL);
  assert.match(log, /error: what to do: make room on the disk/);
  // It is registered, and can never be again.
  assert.ok(calls.includes('removeWorker 200'), log);
  assert.equal(calls.filter(call => call === 'reportWorkerError 200').length, 1, 'the pool is told');
}

void suite('a disk that is full', { concurrency: 4, skip: NEEDS_MOUNTS }, () => {
  void test('where the registration is to be kept ends the run, and the machine is removed', async t => {
    const machine = await machineWith(t, { config: { cacheOverRestarts: 'disk/cache.json' } });
    const start = await startOn(machine, `${disk('64k')}; ${FILL}`);
    assertRemoved(start);
    assert.match(start.log, /error: cannot write cacheOverRestarts \S+\/disk\/cache\.json: /);
  });

  void test('where a file of the pool is to be written ends the run, and the machine is removed', async t => {
    const machine = await machineWith(t, {});
    machine.simulator.setWorkerConfig(
      POOL,
      poolWith(fileEntry(join(machine.folder, 'disk/file'), 'x'.repeat(100_000))),
    );
    const start = await startOn(machine, disk('64k'));
    assertRemoved(start);
    assert.match(start.log, /error: .*disk\/file/);
  });

  void test('where an archive of the pool is to be unpacked ends the run, and the machine is removed', async t => {
    const machine = await machineWith(t, {});
    const content = Buffer.from(Array.from({ length: 120_000 }, (_, index) => (index * 7919) % 251));
    const entries = [
      { name: 'small', content: 'x' },
      { name: 'big', content },
    ];
    machine.simulator.setWorkerConfig(POOL, poolWith(zipEntry(join(machine.folder, 'disk/new'), entries)));
    assertRemoved(await startOn(machine, disk('64k')));
  });

  void test("where the worker's config file is to be written ends the run, and the machine is removed", async t => {
    const machine = await machineWith(t, {});
    const worker = { implementation: 'generic-worker', path: join(machine.folder, 'worker') };
    const configPath = join(machine.folder, 'disk/worker.json');
    const start = await startOn(machine, `${disk('64k')}; ${FILL}`, { worker: { ...worker, configPath } });
    assertRemoved(start);
    assert.match(start.log, /error: .*disk\/worker\.json/);
  });

  void test('where all is to be kept as ready ends the run, and the machine is removed', async t => {
    const machine = await machineWith(t, { config: { cacheOverRestarts: 'disk/cache.json' } });
    // Small where it is kept, it fills the disk when it is unpacked.
    const entries = [{ name: 'file', content: 'x'.repeat(28_000) }];
    machine.simulator.setWorkerConfig(POOL, poolWith(zipEntry(join(machine.folder, 'disk/new'), entries)));
    const start = await startOn(machine, disk('32k'));
    assertRemoved(start);
    assert.match(start.log, /unpacked an archive at \S+disk\/new[^]*error: cannot write cacheOverRestarts/);
  });

  void test('where renewed credentials are to be kept: the worker never gets them, and is asked to end in time', async t => {
    const machine = await machineWith(t, {
      config: { cacheOverRestarts: 'disk/cache.json' },
      worker: renewing('exit 68', FILL),
    });
    const { code, log, calls } = await startOn(machine, disk('64k'));
    assert.equal(code, 68, log);
    assert.match(log, /warning: the renewed credentials could not be kept: .*ENOSPC.*next try in/);
    assert.match(
      log,
      /error: the credentials cannot be renewed: new ones were issued, but could not be kept/,
    );
    assert.match(log, / got \{"type":"graceful-termination","finish-tasks":false\}/);
    assert.doesNotMatch(log, / got \{"type":"new-credentials"/);
    assert.equal(calls.filter(call => call.startsWith('reregisterWorker')).length, 1);
    assert.ok(calls.includes('removeWorker 200'), log);
  });

  void test('for a moment where renewed credentials are to be kept: the worker gets them when there is room', async t => {
    const machine = await machineWith(t, {
      config: { cacheOverRestarts: 'disk/cache.json' },
      worker: renewing('exit 68', `${FILL}\n(${WAIT_FOR_ROOM}) &`),
    });
    const run = await machine.begin({ mounts: disk('64k') });
    await run.says('could not be kept');
    await writeFile(join(machine.folder, 'room'), '');
    const { code, log, calls } = await run.ended;
    assert.equal(code, 68, log);
    assert.match(log, / got \{"type":"new-credentials"/);
    assert.doesNotMatch(log, /: error: /);
    assert.equal(calls.filter(call => call.startsWith('reregisterWorker')).length, 1);
  });

  void test("where the worker's config file is to be renewed: the worker hears of its new credentials all the same", async t => {
    const machine = await machineWith(t, { worker: renewing('exit 68', FILL) });
    const worker = { implementation: 'generic-worker', path: join(machine.folder, 'worker') };
    const configPath = join(machine.folder, 'disk/worker.json');
    const { code, log } = await startOn(machine, disk('64k'), { worker: { ...worker, configPath } });
    assert.equal(code, 68, log);
    assert.match(log, /error: the worker's config file still holds the old credentials: .*the disk is full/);
    assert.match(log, / got \{"type":"new-credentials"/);
  });

  void test('where the worker is to be recorded costs a warning', async t => {
    const machine = await machineWith(t, { scenario: { lease: '1h' }, worker: 'sleep 3; exit 67' });
    const worker = { implementation: 'generic-worker', path: join(machine.folder, 'worker') };
    const configPath = join(machine.folder, 'disk/worker.json');
    // Room for start-worker's own claim and the config file alone.
    const { code, log } = await startOn(
      machine,
      `${disk('64k')}; head -c 57344 /dev/zero >"$FOLDER/disk/fill"`,
      {
        worker: { ...worker, configPath },
      },
    );
    assert.equal(code, 67, log);
    assert.match(
      log,
      /warning: the worker is not recorded, so a later start would not find it: .*the disk is full/,
    );
    assert.doesNotMatch(log, /: error: /);
  });

  void test('where the log is written: the run goes on, and what is lost is counted', async t => {
    const machine = await machineWith(t, {
      scenario: { lease: '1h' },
      worker: `${FILL}
seq 2000
${WAIT_FOR_ROOM}
for n in $(seq 600); do grep -q 'for a while' "$FOLDER/disk/log" && break; echo tick; sleep 0.1; done
cp "$FOLDER/disk/log" "$FOLDER/log"
exit 67`,
    });
    const logging = { implementation: 'file', path: join(machine.folder, 'disk/log') };
    const run = await machine.begin({ mounts: disk('64k'), config: { logging } });
    await run.says('cannot be written to');
    await writeFile(join(machine.folder, 'room'), '');
    const { code, log } = await run.ended;
    assert.equal(code, 67, log);
    const text = await readFile(join(machine.folder, 'log'), 'utf8');
    assert.match(log, /error: log file \S+ cannot be written to, it is tried again as entries come: ENOSPC/);
    assert.match(text, /warning: the log could not be written for a while: up to .* lost\n/);
    assert.match(text, / tick\n/);
  });
});

/** Shell: makes a folder that nobody can write to any more. */
const READ_ONLY = 'mount --bind "$FOLDER/etc" "$FOLDER/etc"; mount -o remount,ro,bind "$FOLDER/etc"';

void suite('a folder that is read-only', { concurrency: 3, skip: NEEDS_MOUNTS }, () => {
  void test('where the registration is to be kept ends the run, and the machine is removed', async t => {
    const machine = await machineWith(t, { config: { cacheOverRestarts: 'etc/cache.json' } });
    const start = await startOn(machine, `mkdir "$FOLDER/etc"; ${READ_ONLY}`);
    assert.equal(start.code, EXIT_CODES.files.code, start.log);
    assert.match(start.log, /error: cannot write cacheOverRestarts .*EROFS/);
    assert.match(start.log, /what to do: let cacheOverRestarts name a file on a writable filesystem/);
    assert.ok(start.calls.includes('removeWorker 200'), start.log);
  });

  void test('with a state that is kept in it serves a start that need not write', async t => {
    const machine = await machineWith(t, {
      scenario: { lease: '1h' },
      config: { cacheOverRestarts: 'etc/cache.json' },
    });
    const first = await machine.start();
    assert.equal(first.code, 67, first.log);
    const { code, log, calls } = await startOn(machine, READ_ONLY);
    assert.equal(code, 67, log);
    assert.deepEqual(calls, []);
    assert.doesNotMatch(log, /: error: /);
  });

  void test('where renewed credentials are to be kept: the worker is asked to end in time', async t => {
    const machine = await machineWith(t, {
      scenario: { lease: '1h' },
      config: { cacheOverRestarts: 'etc/cache.json' },
      worker: `[ -e "$FOLDER/twice" ] || { touch "$FOLDER/twice"; exit 67; }\n${renewing('exit 67')}`,
    });
    await machine.start();
    const cache = join(machine.folder, 'etc/cache.json');
    const kept = JSON.parse(readFileSync(cache, 'utf8')) as { registered: object };
    const credentialsExpireAt = new Date(Date.now() + 20_000).toISOString();
    await writeFile(
      cache,
      JSON.stringify({ ...kept, registered: { ...kept.registered, credentialsExpireAt } }),
    );
    const { code, log } = await startOn(machine, READ_ONLY);
    assert.equal(code, 67, log);
    assert.match(log, / got \{"type":"graceful-termination","finish-tasks":false\}/);
    assert.match(log, /could not be kept: cannot write cacheOverRestarts .*EROFS/);
    assert.ok(existsSync(cache), readdirSync(machine.folder).join());
    await rm(cache);
  });
});
