import { access } from 'node:fs/promises';

/** Whether there is anything at a path that we can reach. Never rejects. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
