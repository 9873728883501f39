/** Weakness 9: on a cached start the runner config is merged once more over what was finished. */
import type { RunnerConfig } from '../../../src/config/runner-config.ts';
import { recall as original, type RecallRequest } from '../../../src/runner/recall.ts';
import type { World } from '../../../src/runner/world.ts';
import type { KeptState } from '../../../src/state/state.ts';

export * from '../../../src/runner/recall.ts';

export async function recall(
  request: RecallRequest & { readonly config: RunnerConfig },
  world: World,
): Promise<KeptState | undefined> {
  const kept = await original(request, world);
  if (kept?.phase !== 'ready') return kept;
  const again = { name: 'runner config', config: request.config.workerConfig, files: [], secret: false };
  return { ...kept, secrets: [...kept.secrets, again] };
}
