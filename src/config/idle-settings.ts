/** Settings that do nothing with the provider of their config: worth a warning, since somebody counts on them. */
import type { RunnerConfig as RunnerConfigFile } from '../generated/types.ts';
import type { Mistake } from './mistakes.ts';
import { keyOffset, pointerSegments, type Places } from './places.ts';
import { schemaAt } from './schemas.ts';
import { valueAt } from './value-at.ts';

type ProviderType = RunnerConfigFile['provider']['providerType'];

const CLOUDS: readonly ProviderType[] = ['aws', 'azure', 'google'];
const OWN_MACHINES: readonly ProviderType[] = ['static', 'standalone'];
const REGISTERED: readonly ProviderType[] = [...CLOUDS, 'static'];
const KEPT: readonly ProviderType[] = [...CLOUDS, 'standalone'];
interface Use {
  /** A JSON pointer to the setting. */
  readonly setting: string;
  readonly usedBy: readonly ProviderType[];
  readonly because: string;
  /** Another setting, which makes this one count with every provider. */
  readonly unless?: string;
}

const YOUR_OWN = 'the machine is your own and stays as it is';
const YOUR_CREDENTIALS = 'its credentials are your own, and are not renewed';

const USES: readonly Use[] = [
  use('/cacheOverRestarts', KEPT, 'its worker registers afresh at each start'),
  use('/metadata/giveUpAfter', CLOUDS, 'only a cloud has a metadata service'),
  use('/interruptions/poll', ['aws', 'azure'], 'only AWS and Azure are polled'),
  use('/interruptions/rebalance', ['aws'], 'only AWS recommends a rebalance'),
  use('/interruptions/maintenance', ['aws'], 'only on AWS it is for you to opt in'),
  use('/interruptions/acknowledge', ['azure'], 'only Azure waits for an acknowledgement'),
  use('/lifecycle/onExit', CLOUDS, YOUR_OWN),
  use('/lifecycle/onFailure', CLOUDS, YOUR_OWN),
  use('/lifecycle/onSignal', CLOUDS, YOUR_OWN),
  use('/lifecycle/shutdownHost', OWN_MACHINES, "on a cloud the worker's shutdown always ends the machine"),
  {
    ...use('/lifecycle/shutdownCommand', CLOUDS, `without lifecycle.shutdownHost ${YOUR_OWN}`),
    unless: '/lifecycle/shutdownHost',
  },
  use('/renewal/before', REGISTERED, YOUR_CREDENTIALS),
  use('/renewal/giveUp', REGISTERED, YOUR_CREDENTIALS),
];

function use(setting: string, usedBy: readonly ProviderType[], because: string): Use {
  return { setting, usedBy, because };
}

/** What was set to something else than its default although this provider makes nothing of it. */
export function idleSettings(file: RunnerConfigFile, places: Places): Mistake[] {
  const { providerType } = file.provider;
  return USES.filter(
    ({ setting, usedBy, unless }) =>
      !usedBy.includes(providerType) &&
      isSet(file, setting) &&
      !(unless !== undefined && isSet(file, unless)),
  ).map(({ setting, because }) => ({
    offset: keyOffset(places, setting),
    text: `${pointerSegments(setting).join('.')} does nothing with the provider ${providerType}: ${because}`,
  }));
}

function isSet(file: RunnerConfigFile, setting: string): boolean {
  const segments = pointerSegments(setting);
  const value = valueAt(file, segments);
  const usual = schemaAt(file, segments)?.default;
  // An empty text counts as absent.
  return value !== undefined && value !== '' && JSON.stringify(value) !== JSON.stringify(usual);
}
