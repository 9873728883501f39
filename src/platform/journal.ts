import { fstatSync } from 'node:fs';

const STDERR = 2;

/**
 * Whether standard error goes to the journal of systemd itself: JOURNAL_STREAM names the device and inode of the socket
 * that a service was given, and is inherited by those whose standard error is something else.
 */
export function stderrIsJournal(env: NodeJS.ProcessEnv): boolean {
  const stream = env.JOURNAL_STREAM;
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(STDERR, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
