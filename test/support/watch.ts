/** Waits for what a program does in a folder. */
import { watch } from 'node:fs';

/** Resolves once it is so; looked at whenever something changes in the folder. */
export function happensIn(folder: string, isSo: () => boolean): Promise<void> {
  return new Promise(resolve => {
    const watcher = watch(folder, look);
    function look(): void {
      if (!isSo()) return;
      watcher.close();
      resolve();
    }
    look();
  });
}
