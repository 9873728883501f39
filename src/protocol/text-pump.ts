/** A stream of the worker that carries text only: its stderr, where `~{` has no meaning. */
import { pumpOutput, type OutputPump, type OutputPumpOptions } from './output-pump.ts';

export interface TextPumpOptions extends Pick<
  OutputPumpOptions,
  'input' | 'source' | 'log' | 'redactor' | 'onRead'
> {
  /** The longest line in bytes. */
  readonly limits: { readonly lineBytes: number };
}

export type TextPump = OutputPump;

/** Hands text to the log until the input ends or `close()` is called. */
export function pumpText(options: TextPumpOptions): TextPump {
  return pumpOutput({ ...options, limits: { lineBytes: options.limits.lineBytes } });
}
