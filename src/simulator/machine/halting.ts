/** What keeps a simulated machine from halting the real one. */
import { constants, readFileSync } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, RunnerError } from '../../errors.ts';

export interface HaltTrap {
  /** To be the first of PATH: its `shutdown` and the like note that they were called, and nothing more. */
  readonly folder: string;
  /** The command lines that would have halted the machine, until it was removed. */
  commands(): readonly string[];
  remove(): Promise<void>;
}

const PROGRAMS = ['shutdown', 'halt', 'poweroff', 'reboot'];

/** PATH led here, so $0 is the whole path. */
const SCRIPT = `#!/bin/sh
echo "\${0##*/}\${*:+ $*}" >> "\${0%/*}/commands"
echo "simulate-cloud: the machine would have been halted now: \${0##*/} $*" >&2
`;

/** @throws RunnerError with exit `config` where no program can be put there */
export async function setHaltTrap(): Promise<HaltTrap> {
  const folder = await mkdtemp(join(tmpdir(), 'simulate-cloud-halt-'));
  const noted = join(folder, 'commands');
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    for (const name of PROGRAMS) {
      await writeFile(join(folder, name), SCRIPT, { mode: 0o755 });
      // On a file system without programs the search through PATH would go on, to the real one.
      await access(join(folder, name), constants.X_OK);
    }
    await writeFile(noted, '');
  } catch (error) {
    await remove();
    throw new RunnerError(
      'simulator.halt',
      `no harmless shutdown can be put into ${tmpdir()}: ${messageOf(error)}`,
      { exit: 'config', advice: 'let TMPDIR name a folder of a file system that programs may be run from' },
    );
  }
  const commands = (): readonly string[] => readFileSync(noted, 'utf8').split('\n').filter(Boolean);
  let last: readonly string[] | undefined;
  return {
    folder,
    commands: () => last ?? commands(),
    remove() {
      last ??= commands();
      return remove();
    },
  };
}
