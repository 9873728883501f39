import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { parseStat, systemProcesses } from '../../src/platform/processes.ts';

/** /proc/<pid>/stat of a program whose name is made to mislead. */
function stat(state: string): string {
  const fields = Array.from({ length: 48 }, (_, index) => `f${index + 5}`);
  return `77 (a) R 1 (b) ${state} 1 ${fields.join(' ')}`;
}

void test('a process is told by the boot and the 22nd field of its stat, whatever its name is', () => {
  assert.equal(parseStat(stat('S'), 'boot-1'), 'boot-1:f22');
});

void test('one that is dead and unburied counts as gone', () => {
  assert.equal(parseStat(stat('Z'), 'boot-1'), undefined);
  assert.equal(parseStat(stat('X'), 'boot-1'), undefined);
  assert.equal(parseStat('', 'boot-1'), undefined);
});

void test(
  'of a real process the start time is the same as long as it lives',
  { skip: process.platform === 'win32' },
  async () => {
    const child = spawn('sleep', ['300']);
    const pid = child.pid ?? 0;
    const startTime = await systemProcesses.startTimeOf(pid);
    assert.notEqual(startTime, undefined);
    assert.equal(await systemProcesses.startTimeOf(pid), startTime);
    assert.notEqual(await systemProcesses.startTimeOf(process.ppid), startTime);
    const exited = new Promise(resolve => child.once('exit', resolve));
    assert.ok(systemProcesses.kill(pid, 'SIGKILL'));
    await exited;
    assert.equal(await systemProcesses.startTimeOf(pid), undefined);
    assert.equal(systemProcesses.kill(pid, 'SIGTERM'), false);
  },
);
