/**
 * What a run tells about itself while it goes on, for whoever looks into it: the status page, the service manager, the
 * summary at the end. Nothing in the run depends on anybody listening, and no event holds a secret.
 */
import type { Identified, Notice } from './model.ts';

/** The steps of a run in their order; a start that goes on where an earlier one was leaves some out. */
export const PHASES = [
  'starting',
  'identifying',
  'registering',
  'collecting secrets',
  'writing files',
  'starting the worker',
  'running',
  'draining',
  'ending',
] as const;
export type Phase = (typeof PHASES)[number];

export type RunEvent =
  /** Ends the phase before it. */
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'identified'; readonly identified: Identified; readonly resumed: boolean }
  /** After registration, and after each renewal. */
  | { readonly kind: 'credentials'; readonly expireAt: Date | undefined; readonly renewed: boolean }
  /** When the next renewal is due; undefined where none is. */
  | { readonly kind: 'renewal-due'; readonly at: Date | undefined }
  /** It is tried for so long; `renewal-due` follows. */
  | { readonly kind: 'renewal-begun'; readonly forMs: number }
  | { readonly kind: 'notice'; readonly notice: Notice; readonly stands: boolean }
  /** A look for notices has been answered, or has failed. */
  | { readonly kind: 'looked'; readonly source: string; readonly answered: boolean }
  | { readonly kind: 'worker-started'; readonly pid: number }
  | { readonly kind: 'hello'; readonly capabilities: readonly string[] }
  | { readonly kind: 'message'; readonly direction: 'to-worker' | 'from-worker'; readonly type: string }
  /** One try of a Taskcluster call; `result` is `ok`, an HTTP status, or `no reply`. */
  | { readonly kind: 'call'; readonly name: string; readonly result: string }
  /** What the log could not keep. */
  | { readonly kind: 'dropped'; readonly bytes: number }
  | { readonly kind: 'ended'; readonly exitCode: number; readonly because: string };

export type Tell = (event: RunEvent) => void;
