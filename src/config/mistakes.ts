import { RunnerError } from '../errors.ts';

/** Something wrong in a runner config: what is wrong, what was found, what is allowed; never a secret value. */
export interface Mistake {
  /** Where, counted in characters from the beginning of the text. */
  readonly offset: number;
  readonly text: string;
}

/** More than this and the file is not a runner config at all. */
const MOST_SHOWN = 100;

/** All mistakes of a file as one error, in the order of the file, each as `path:line:column: text`. */
export function mistakesError(
  code: 'config.syntax' | 'config.invalid',
  path: string,
  text: string,
  mistakes: readonly Mistake[],
): RunnerError {
  const lines = placed(path, text, mistakes);
  const [only] = lines;
  if (lines.length === 1 && only !== undefined) return new RunnerError(code, only, { exit: 'config' });
  const details = lines.slice(0, MOST_SHOWN);
  if (lines.length > MOST_SHOWN) details.push(`${path}: … and ${lines.length - MOST_SHOWN} more`);
  return new RunnerError(code, `${path}: ${lines.length} mistakes`, { exit: 'config', details });
}

/**
 * In the order of the file, each as `path:line:column: text`. An anchor's content is looked at once for each alias: what
 * is wrong with it is told once.
 */
export function placed(path: string, text: string, mistakes: readonly Mistake[]): string[] {
  const lines = new Set<string>();
  const position = { line: 1, lineStart: 0 };
  for (const mistake of [...mistakes].sort((one, other) => one.offset - other.offset)) {
    for (;;) {
      const newline = text.indexOf('\n', position.lineStart);
      if (newline === -1 || newline >= mistake.offset) break;
      position.line++;
      position.lineStart = newline + 1;
    }
    lines.add(`${path}:${position.line}:${mistake.offset - position.lineStart + 1}: ${mistake.text}`);
  }
  return [...lines];
}
