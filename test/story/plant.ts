/**
 * Plants a known bug: a run whose modules are the real ones but for one, which is a copy with the bug (planted/). Both
 * can be told in one process, since the planted run has instances of its own of the rooms that tell the story.
 */
import { registerHooks } from 'node:module';
import type { Run } from './tell.ts';

export interface Plant {
  /** The copy, in planted/; its first two digits are the weakness of the reference (facts §3). */
  readonly file: string;
  /** What it stands in for. */
  readonly instead: string;
  /** The invariant that it breaks. */
  readonly foundAs: RegExp;
}

export const PLANTS: readonly Plant[] = [
  {
    file: '08-old-credentials.ts',
    instead: 'state/store.ts',
    foundAs: /(a worker holds no older credentials than the disk)/,
  },
  { file: '09-merged-again.ts', instead: 'runner/recall.ts', foundAs: /(each source is merged once)/ },
  {
    file: '10-before-files.ts',
    instead: 'state/store.ts',
    foundAs: /(each source is merged once|no worker without its files)/,
  },
  {
    file: '11-unlink-create.ts',
    instead: 'state/store.ts',
    foundAs: /(secret is never lost|what a worker holds is kept|kept before the worker hears)/,
  },
  {
    file: '12-told-before-kept.ts',
    instead: 'state/store.ts',
    foundAs: /(kept before the worker hears|what a worker holds is kept|secret is used once)/,
  },
  { file: '13-expired-for-ever.ts', instead: 'runner/ends.ts', foundAs: /(no cloud machine is forgotten)/ },
  { file: '14-any-instance.ts', instead: 'state/store.ts', foundAs: /(a worker is the one of its machine)/ },
  { file: '16-waits-for-hello.ts', instead: 'runner/renewal.ts', foundAs: /(never dead credentials)/ },
  { file: '16-one-try.ts', instead: 'runner/renewal.ts', foundAs: /(may still be renewed)/ },
  { file: '21-at-every-look.ts', instead: 'runner/interruptions.ts', foundAs: /(one message a notice)/ },
];

const SOURCES = new URL('../../src/', import.meta.url).href;
const OWN_INSTANCES = ['runner/', 'state/'].map(room => SOURCES + room);

/** A planted run, with all that it loads late loaded. */
export async function plantedRun({ file, instead }: Plant): Promise<Run> {
  const mark = `?planted=${file}`;
  const copy = new URL(`planted/${file}`, import.meta.url).href;
  const target = SOURCES + instead;
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const { parentURL = '' } = context;
      if (!parentURL.includes(mark) || !OWN_INSTANCES.some(room => resolved.url.startsWith(room)))
        return resolved;
      const url = resolved.url === target && !parentURL.startsWith(copy) ? copy : resolved.url;
      return { ...resolved, url: url + mark };
    },
  });
  await import(`${SOURCES}runner/disposal.ts${mark}`);
  const { run } = (await import(`${SOURCES}runner/run.ts${mark}`)) as { run: Run };
  return run;
}
