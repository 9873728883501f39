/**
 * Works on several items at a time. After a failure no other item is begun, and it is thrown once nothing is under way
 * any more: its catcher may clean up without somebody still making a mess.
 * @param most how many items at a time
 */
export async function forEachAtOnce<T>(
  items: readonly T[],
  most: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  let failure: { readonly error: unknown } | undefined;

  async function takeItems(): Promise<void> {
    for (const [index, item] of queue) {
      if (failure !== undefined) return;
      try {
        await work(item, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  }

  await Promise.all(Array.from({ length: most }, takeItems));
  if (failure !== undefined) throw failure.error;
}
