import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { openFilesOf } from '../../src/platform/open-files.ts';
import { createDefaultsRestorer } from '../../src/platform/restore-defaults.ts';

const PATH = process.env.PATH ?? '';
const STARTED_WITH_123 = { WORKER_RUNNER_OPEN_FILES: '123' };
const COMMAND = { file: '/bin/sh', args: ['-c', 'ulimit -Sn; cat /proc/$$/environ', 'a b', ''] };
const POSIX_ONLY = { skip: process.platform === 'win32' };

test('a worker gets back the limit of open files, and loses no variable by it', POSIX_ONLY, async () => {
  const env = { PATH, lines: 'one\ntwo', A: '1' };
  const { wrap, obstacle } = await createDefaultsRestorer(STARTED_WITH_123, env);
  assert.equal(obstacle, undefined);
  const { file, args } = wrap(COMMAND);
  assert.deepEqual(args.slice(-COMMAND.args.length), COMMAND.args);
  const shown = execFileSync(file, args, { env, encoding: 'utf8' });
  assert.match(shown, /^123\n/);
  const variables = shown.slice('123\n'.length).split('\0').filter(Boolean);
  assert.deepEqual(variables.sort(), ['A=1', `PATH=${PATH}`, 'lines=one\ntwo']);
});

test(
  'a variable that no shell can hold is shown to nobody: the limit stays, and the log says why',
  POSIX_ONLY,
  async () => {
    const env = { PATH, 'my.secret': 'not to be seen' };
    const { wrap, obstacle = '' } = await createDefaultsRestorer(STARTED_WITH_123, env);
    assert.deepEqual(wrap(COMMAND), COMMAND);
    assert.match(obstacle, /not 123: .* would lose my\.secret/);
    assert.doesNotMatch(obstacle, /not to be seen/);
  },
);

test(
  'a program whose limit is right already is started without a shell',
  { skip: process.platform !== 'linux' },
  async () => {
    const ours = { WORKER_RUNNER_OPEN_FILES: String(await openFilesOf('self')) };
    const { wrap, obstacle } = await createDefaultsRestorer(ours, { 'my.secret': '' });
    assert.deepEqual(wrap(COMMAND), COMMAND);
    assert.equal(obstacle, undefined);
  },
);
