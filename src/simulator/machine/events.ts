/** What can happen to a simulated machine, as a scenario spells it. */
import type { SimulatedCloud } from './simulated-cloud.ts';

/**
 * How the metadata service behaves. down: every connection is reset at once, kept ones too; hanging: no answer; failing:
 * 503; lying: a web page with 200, as a captive portal gives it.
 */
export type MetadataMode = 'normal' | 'down' | 'hanging' | 'failing' | 'lying';

type MachineEvent =
  | { readonly kind: 'metadata'; readonly mode: MetadataMode }
  | { readonly kind: 'tokens lost' }
  | { readonly kind: 'notice'; readonly notice: string; readonly otherVm: boolean };

const MODES: Readonly<Record<string, MetadataMode>> = {
  'metadata down': 'down',
  'metadata hanging': 'hanging',
  'metadata failing': 'failing',
  'metadata lying': 'lying',
};
const OTHER_VM = ' of other-vm';
export const TOKENS_LOST = 'tokens lost';

/** Every event that a cloud knows. */
function eventNames({ notices, otherEvents }: SimulatedCloud): string[] {
  return [...Object.keys(notices), ...otherEvents, ...Object.keys(MODES)];
}

/** The events of a cloud whose notices go to other machines too. */
export function ofOtherVm(notices: Readonly<Record<string, number>>): string[] {
  return Object.keys(notices).map(name => `${name}${OTHER_VM}`);
}

/** What is wrong with an event of a scenario; undefined where it is one. */
export function eventMistake(cloud: SimulatedCloud, event: string): string | undefined {
  const names = eventNames(cloud);
  return names.includes(event) ? undefined : `must be one of ${names.join(', ')}`;
}

/** @param event one in which eventMistake() found nothing */
export function parseEvent(event: string): MachineEvent {
  const mode = MODES[event];
  if (mode !== undefined) return { kind: 'metadata', mode };
  if (event === TOKENS_LOST) return { kind: 'tokens lost' };
  const otherVm = event.endsWith(OTHER_VM);
  return { kind: 'notice', notice: otherVm ? event.slice(0, -OTHER_VM.length) : event, otherVm };
}
