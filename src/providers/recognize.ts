import type { Recognition } from '../state/state.ts';

/**
 * Holds what a cloud says of this machine against the instance that an earlier start was. Never rejects.
 * @param ask the instance's id; where it rejects nobody knows
 * @param onSame called where it is the same one: then it is certain whose machine this is
 */
export async function recognizeBy(
  ask: () => Promise<string>,
  instance: string,
  onSame: () => void,
): Promise<Recognition> {
  try {
    if ((await ask()) !== instance) return 'another';
  } catch {
    return 'unknown';
  }
  onSame();
  return 'same';
}
