/** A stream of the worker that carries text only: its stderr, where `~{` has no meaning. */
import { pumpOutput, type OutputPump, type OutputPumpOptions } from './output-pump.ts';

interface TextPumpOptions extends Pick<
  OutputPumpOptions,
  'input' | 'source' | 'log' | 'redactor' | 'onRead'
> {
  /** The longest line in bytes. */
  readonly limits: { readonly lineBytes: number };
}

/** Hands text to the log until the input ends or `close()` is called. */
export function pumpText(options: TextPumpOptions): OutputPump {
  return pumpOutput({ ...options, limits: { lineBytes: options.limits.lineBytes } });
}
