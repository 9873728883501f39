import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKernBoottime, parseProcStat, systemBootTime } from '../../src/platform/boot-time.ts';

test(
  'the boot time of this machine is in the past, and twice the same',
  { skip: process.platform !== 'linux' },
  async () => {
    const time = await systemBootTime();
    assert.ok(time !== undefined && time.getTime() < Date.now());
    assert.deepEqual(await systemBootTime(), time);
  },
);

test('Linux tells the boot time in /proc/stat', () => {
  assert.deepEqual(
    parseProcStat('cpu 1 2\nctxt 5\nbtime 1700000000\nprocesses 1\n'),
    new Date(1_700_000_000_000),
  );
});

test('BSD and macOS tell it by sysctl', () => {
  const text = '{ sec = 1700000000, usec = 123 } Tue Nov 14 22:13:20 2023\n';
  assert.deepEqual(parseKernBoottime(text), new Date(1_700_000_000_000));
});

test('a text without a boot time gives nothing', () => {
  for (const text of ['', 'btime \n', 'btime x', 'sec = ', `btime ${'9'.repeat(40)}`]) {
    assert.equal(parseProcStat(text), undefined);
    assert.equal(parseKernBoottime(text), undefined);
  }
});
