import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock, type Clock } from '../../src/clock.ts';
import { RunnerError } from '../../src/errors.ts';
import { haltHost } from '../../src/platform/halt.ts';
import { writeScript } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';

/** The waits between two tries take no time; those for the command itself take theirs. */
const IMPATIENT: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === 5_000 ? 0 : ms, signal),
};

interface Halting {
  readonly folder: string;
  readonly told: readonly string[];
  readonly halt: (
    command: readonly string[],
    options?: {
      readonly clock?: Clock;
      readonly signal?: AbortSignal;
      readonly withinMs?: number;
      readonly over?: AbortSignal;
    },
  ) => Promise<void>;
}

/** @param script what the command `end-it` does, which is found through PATH */
async function halting(t: TestContext, script: string): Promise<Halting> {
  const folder = await temporaryFolder(t);
  await writeScript(folder, 'end-it', script);
  const env = {
    PATH: `${folder}:${process.env.PATH ?? ''}`,
    MINE: 'stays',
    WORKER_RUNNER_OPEN_FILES: '1024',
    WORKER_RUNNER_SET_ENV: 'NODE_EXTRA_CA_CERTS',
    NODE_EXTRA_CA_CERTS: '/of/the/launcher',
  };
  const told: string[] = [];
  return {
    folder,
    told,
    halt: (command, { clock = IMPATIENT, signal = AbortSignal.timeout(50_000), ...given } = {}) => {
      const { withinMs = 120_000, over = new AbortController().signal } = given;
      return haltHost({ command, env, clock, withinMs, over, tell: line => told.push(line) }, signal);
    },
  };
}

void test('the command is found through PATH, gets its arguments as they are, and its words are told', async t => {
  const { halt, told } = await halting(t, `printf '[%s]' "$@"; echo; echo "it's ending" >&2`);
  await halt(['end-it', '-h', 'now; $HOME', 'in "peace"']);
  assert.deepEqual([...told].sort(), ['end-it: [-h][now; $HOME][in "peace"]', "end-it: it's ending"]);
});

void test('the command gets our environment without what the launcher put there', async t => {
  const { halt, folder } = await halting(t, `env >"$1"`);
  const file = join(folder, 'env');
  await halt(['end-it', file]);
  const env = await readFile(file, 'utf8');
  assert.match(env, /^MINE=stays$/m);
  assert.doesNotMatch(env, /WORKER_RUNNER|of\/the\/launcher/);
});

void test('a command that fails is tried again', async t => {
  const { halt, told, folder } = await halting(t, `echo try >>"$1"; [ "$(wc -l <"$1")" -ge 3 ] || exit 7`);
  const file = join(folder, 'tries');
  await halt(['end-it', file]);
  assert.equal(await readFile(file, 'utf8'), 'try\ntry\ntry\n');
  assert.deepEqual(told, [
    `\`end-it ${file}\` failed with exit code 7 (try 1 of 3); next try in 5 s`,
    `\`end-it ${file}\` failed with exit code 7 (try 2 of 3); next try in 5 s`,
  ]);
});

for (const { what, script, command, words } of [
  { what: 'fails for ever', script: 'exit 1', command: 'end-it', words: 'failed with exit code 1' },
  { what: 'is killed', script: 'kill -KILL $$', command: 'end-it', words: 'was ended by SIGKILL' },
  {
    what: 'is missing',
    script: '',
    command: 'no-such-program',
    words: 'could not be started: spawn no-such',
  },
]) {
  void test(`a command that ${what} is given up, and the error says that the machine runs on`, async t => {
    const { halt, told } = await halting(t, script);
    await assert.rejects(halt([command, 'now']), (error: unknown) => {
      assert.ok(error instanceof RunnerError);
      assert.ok(error.message.startsWith(`this machine is kept: \`${command} now\` ${words}`), error.message);
      assert.match(error.advice ?? '', /by hand/);
      return true;
    });
    assert.equal(told.length, 2);
  });
}

void test('a command that the system takes no more of is one that could not be started', async t => {
  const { halt, told } = await halting(t, '');
  await assert.rejects(halt(['end-it', 'x'.repeat(200_000)]), /could not be started: spawn E2BIG/);
  assert.equal(told.length, 2);
});

void test('where there are too many open files, it is tried again', async t => {
  const { halt, told, folder } = await halting(t, 'echo "$@" >>"$(dirname "$0")/halted"');
  const limit = (max: string) => `prlimit --pid=${process.pid} --nofile=${max}:`;
  const script = `soft=$(ulimit -Sn); read -r x; ${limit('3')}; echo; read -r x; ${limit('$soft')}; echo`;
  const limiting = spawn('sh', ['-ec', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  // Whatever fails here, the limit goes back.
  t.after(() => limiting.stdin.on('error', () => undefined).end('\n\n'));
  const done = async () => {
    limiting.stdin.write('\n');
    await once(limiting.stdout, 'data');
  };
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, signal) {
      if (ms === 5_000) await done();
      else await systemClock.sleep(ms, signal);
    },
  };
  await done();
  await halt(['end-it', 'now'], { clock });
  assert.deepEqual(told, [
    '`end-it now` could not be started: spawn end-it EMFILE (try 1 of 3); next try in 5 s',
  ]);
  assert.equal(await readFile(join(folder, 'halted'), 'utf8'), 'now\n');
});

void test('a command that hangs is killed in the end, with what holds its output left alone', async t => {
  const { halt, folder } = await halting(t, `echo $$ >>"$1"; exec sleep 300`);
  const file = join(folder, 'pids');
  const pids = async () =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1).map(Number);
  let tries = 0;
  const clock: Clock = {
    ...systemClock,
    // Half a minute has gone by once the command of this try runs.
    async sleep(ms, signal) {
      if (ms !== 30_000) return IMPATIENT.sleep(ms, signal);
      tries += 1;
      while ((await pids()).length < tries) await systemClock.sleep(5, signal);
    },
  };
  await assert.rejects(halt(['end-it', file], { clock }), /did not end within 30 s, and was killed/);
  assert.equal((await pids()).length, 3);
  // They go when the system has taken them away: the time limit of the test is what says "never".
  for (const pid of await pids()) while (isThere(pid)) await systemClock.sleep(5, t.signal);
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

void test('a signal ends the waiting for another try, and nothing is tried before a signal that came first', async t => {
  const { halt, folder } = await halting(t, `echo try >>"$1"; exit 1`);
  const file = join(folder, 'tries');
  const stop = new AbortController();
  const clock: Clock = {
    ...systemClock,
    sleep(ms, signal) {
      if (ms === 5_000) stop.abort(new Error('asked to keep it'));
      return systemClock.sleep(ms, signal);
    },
  };
  await assert.rejects(halt(['end-it', file], { clock, signal: stop.signal }), /asked to keep it/);
  await assert.rejects(halt(['end-it', file], { signal: stop.signal }), /asked to keep it/);
  assert.equal(await readFile(file, 'utf8'), 'try\n');
});

void test('a command that takes longer than there is time is left to do its work', async t => {
  const { halt, told, folder } = await halting(t, `echo $$ >"$1"; exec sleep 300`);
  const pidFile = join(folder, 'pid');
  const pid = async () => Number((await readFile(pidFile, 'utf8').catch(() => '')).trim() || NaN);
  // The time is over once the command has said its pid.
  const clock: Clock = {
    ...systemClock,
    elapsed: () => 0,
    async sleep(_, signal) {
      while (!((await pid()) > 0)) await systemClock.sleep(5, signal);
    },
  };
  await halt(['end-it', pidFile], { clock, withinMs: 500 });
  assert.ok(process.kill(await pid(), 'SIGKILL'), 'it still ran');
  assert.match(told.join('\n'), /still runs, and there is no more time to see it end/);
});

void test('a command that still runs when the time of the run is over is left to do its work', async t => {
  const { halt, told, folder } = await halting(t, `echo $$ >"$1"; exec sleep 300`);
  const file = join(folder, 'pid');
  const over = new AbortController();
  const halted = halt(['end-it', file], { clock: systemClock, over: over.signal });
  let pid = '';
  while (pid === '') pid = await readFile(file, 'utf8').catch(() => '');
  t.after(() => process.kill(Number(pid)));
  over.abort(new Error('over'));
  await halted;
  assert.deepEqual(told, [`\`end-it ${file}\` still runs, and there is no more time to see it end`]);
  assert.equal(process.kill(Number(pid), 0), true);
});
