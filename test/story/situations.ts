/** What stories must meet: a suite that never meets one of these proves nothing about it. */
import { PHASES } from '../../src/run-event.ts';
import { EVENTS, FAULTS } from './story.ts';

/** Met in any 300 stories, … */
export const COMMON: readonly string[] = [
  ...PHASES.filter(phase => phase !== 'starting').map(phase => `phase ${phase}`),
  ...EVENTS.map(event => `event: ${event}`),
  ...FAULTS.map(fault => `fault: ${fault}`),
  ...['soon', 'late', 'never', 'twice'].map(hello => `hello ${hello}`),
  ...[0, 1, 64, 67, 68, 69, 70, 72, 'SIGTERM', 'SIGKILL'].map(end => `worker ends: ${end}`),
  ...[100, 103, 104, 106, 108, 111, 112, 113, 143].map(code => `exit code ${code}`),
  ...['restart', 'reboot', 'clone'].map(next => `next: ${next}`),
  'a cache of another machine is set aside',
  'a grandchild holds stdout',
  'a life goes on that was registered',
  'a life goes on that was ready',
  'a machine is halted',
  'a machine is kept by a signal',
  'a machine is kept by exit code 67',
  'a machine is kept by onFailure',
  'a machine is removed',
  'a request is refused for the clock',
  'a worker asks for shutdown',
  'a worker closes stdout and lives',
  'a worker floods',
  'a worker prints its credentials',
  'an error report arrives',
  'credentials cannot be renewed',
  'dead credentials are refused',
  'new credentials reach the worker',
  'renewed',
  'the cloud takes a machine away',
  'the log is opened again',
];

/** … and these in many more. */
export const RARE: readonly string[] = [
  'a cache is trusted where nobody says whose it is',
  'a former worker is ended',
  'a removal fails',
  'a used secret is refused',
  'a worker that cannot be renewed is told in time',
  'a worker was not recorded',
  'exit code 137',
];

export function neverMet(
  wanted: readonly string[],
  met: Readonly<Record<string, number>>,
): readonly string[] {
  return wanted.filter(situation => met[situation] === undefined);
}

/** What only the runner's own words tell. */
export const SAID: readonly (readonly [RegExp, string])[] = [
  [/is of another machine/, 'a cache of another machine is set aside'],
  [/going on as the worker .* \(registered\)/, 'a life goes on that was registered'],
  [/going on as the worker .* \(ready\)/, 'a life goes on that was ready'],
  [/ended without its worker/, 'a former worker is ended'],
  [/the credentials cannot be renewed/, 'credentials cannot be renewed'],
  [/this machine was not removed/, 'a removal fails'],
];
