/** A wall clock that a test sets, for a program that it starts; timers and elapsed time go on as they are. */
import { globSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './temp.ts';

/** Debian's package faketime; its variant for programs with threads. */
const [LIBRARY] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');

/** Why a test that needs one is skipped, or false. In CI none is: there it fails, so that nobody takes it for done. */
export const NEEDS_FAKETIME =
  LIBRARY !== undefined || (process.env.CI ?? '') !== '' ? false : 'faketime is not installed here';

/** How far the clock is off: `+0`, `+1d`, `-1d`. */
export type ClockOffset = `${'+' | '-'}${number}${'' | 'd'}`;

export interface FakedClock {
  /** What the program is to be started with. */
  readonly env: Readonly<Record<string, string>>;
  set(offset: ClockOffset): Promise<void>;
}

export async function fakedClock(t: TestContext, offset: ClockOffset = '+0'): Promise<FakedClock> {
  const path = join(await temporaryFolder(t), 'clock');
  async function set(to: ClockOffset): Promise<void> {
    // It is read at each look at the clock: it must never be empty.
    await writeFile(`${path}.new`, to);
    await rename(`${path}.new`, path);
  }
  await set(offset);
  return {
    env: {
      LD_PRELOAD: LIBRARY ?? 'faketime is not installed here',
      FAKETIME_TIMESTAMP_FILE: path,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    set,
  };
}
