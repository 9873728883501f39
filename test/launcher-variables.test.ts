import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutLauncherVariables } from '../src/launcher-variables.ts';

test('a worker inherits the environment, without what the launcher set', () => {
  const env = {
    HOME: '/root',
    NODE_OPTIONS: '--user-set',
    MALLOC_ARENA_MAX: '1',
    NODE_COMPILE_CACHE: '/x',
    EMPTY: '',
    WORKER_RUNNER_OPEN_FILES: '1024',
    WORKER_RUNNER_SET_ENV: 'MALLOC_ARENA_MAX NODE_COMPILE_CACHE',
  };
  assert.deepEqual(withoutLauncherVariables(env), { HOME: '/root', NODE_OPTIONS: '--user-set', EMPTY: '' });
});
