import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askTogether } from '../../src/providers/questions.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';

const never = new AbortController().signal;

void test('whose machine this is, is heard also where another value cannot be had', async () => {
  const data = Promise.withResolvers<string>();
  let ended = false;
  const questions = {
    data: () => data.promise,
    needed: () => Promise.reject(new Error('no zone')),
    optional: {},
  };
  const asking = askTogether(questions, { clock: createManualClock(), log: createMemoryLog() }, never);
  const failed = asking.catch((error: unknown) => {
    ended = true;
    return error;
  });
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(ended, false);
  data.resolve('the pool');
  assert.match(String(await failed), /no zone/);
});

void test('values that the worker can do without are waited for a while, and given up with a line of the log', async () => {
  const clock = createManualClock();
  const log = createMemoryLog();
  let givenUp = false;
  const optional = {
    prompt: () => Promise.resolve('here'),
    absent: () => Promise.resolve(undefined),
    broken: () => Promise.reject(new Error('it is HTML')),
    late: (signal: AbortSignal) =>
      new Promise<string>((_, reject) => {
        signal.addEventListener('abort', () => {
          givenUp = true;
          reject(signal.reason as Error);
        });
      }),
  };
  const questions = { data: () => Promise.resolve(1), needed: () => Promise.resolve(2), optional };
  let answers: unknown;
  const asking = askTogether(questions, { clock, log }, never).then(value => (answers = value));
  await clock.pass(3000);
  assert.equal(answers, undefined);
  await clock.pass(1000);
  await asking;
  assert.deepEqual(answers, { data: 1, needed: 2, optional: { prompt: 'here' } });
  assert.equal(givenUp, true);
  assert.deepEqual(
    log.entries.map(({ message }) => message),
    [
      'the worker is not told broken: it is HTML',
      'the worker is not told late: the metadata service gives everything else, and not this',
    ],
  );
});

void test('a signal ends the wait for them at once', async () => {
  const signalled = new AbortController();
  const optional = { late: () => new Promise<undefined>(() => undefined) };
  const questions = { data: () => Promise.resolve(1), needed: () => Promise.resolve(2), optional };
  const clock = createManualClock();
  const asking = askTogether(questions, { clock, log: createMemoryLog() }, signalled.signal);
  await clock.pass(100);
  signalled.abort(new Error('SIGTERM'));
  await assert.rejects(asking, /SIGTERM/);
});
