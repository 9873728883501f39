/** Network namespaces, in which a test has the real addresses of others to itself. */
import { spawnSync } from 'node:child_process';

const possible = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up']).status === 0;

/** Why a test that needs one is skipped, or false. In CI none is: there it fails, so that nobody takes it for done. */
export const NEEDS_NETWORK =
  possible || (process.env.CI ?? '') !== '' ? false : 'no network namespaces for us here';
