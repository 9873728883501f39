/** Plain scalars that look like numbers and mean different things to different readers of YAML. */

const QUOTE = 'put it in quotes if it is text';

interface Ambiguity {
  readonly pattern: RegExp;
  readonly text: string;
}

/**
 * Numbers of YAML 1.1 that YAML 1.2 reads otherwise (yaml.org/type/int.html, yaml.org/type/float.html against the core
 * schema of 1.2.2). A number like 1e3 is let through although 1.1 wants a dot in it: JSON, YAML 1.2 and the Go
 * libraries that the reference reads its configuration with all agree on it.
 */
const AMBIGUITIES: readonly Ambiguity[] = [
  {
    pattern: /^[-+]?0[0-9_]+$/,
    text: `a number that begins with 0 is octal in YAML 1.1 and decimal in YAML 1.2: leave the 0 out, or ${QUOTE}`,
  },
  {
    pattern: /^[-+]?0o[0-7_]+$/,
    text: `an octal number is a number in YAML 1.2 and text in YAML 1.1: write it in decimal, or ${QUOTE}`,
  },
  {
    pattern: /^[-+]?0b[01_]+$/,
    text: `a binary number is a number in YAML 1.1 and text in YAML 1.2: write it in decimal, or ${QUOTE}`,
  },
  {
    pattern: /^(?:[-+]0x[0-9a-fA-F_]+|0x[0-9a-fA-F]*_[0-9a-fA-F_]*)$/,
    text: `a hexadecimal number with a sign or with _ is a number in YAML 1.1 and text in YAML 1.2: write it in decimal, or ${QUOTE}`,
  },
  {
    pattern: /^[-+]?(?=[^_]*_)(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?$/,
    text: `a number with _ in it is a number in YAML 1.1 and text in YAML 1.2: leave the _ out, or ${QUOTE}`,
  },
  {
    pattern: /^[-+]?(?:[1-9][0-9_]*(?::[0-5]?[0-9])+|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$/,
    text: 'numbers with : between them are a number to base 60 in YAML 1.1 and text in YAML 1.2: put them in quotes',
  },
];

/** What is wrong with a plain (unquoted) scalar that different readers of YAML take for different things, if anything. */
export function ambiguity(source: string): string | undefined {
  return AMBIGUITIES.find(({ pattern }) => pattern.test(source))?.text;
}

/** What is wrong with a number that would not reach the worker as it stands here, if anything. */
export function unholdable(source: string, value: number): string | undefined {
  if (!Number.isFinite(value))
    return `a number that is infinite or none at all cannot be passed on: ${QUOTE}`;
  const integer = /^[-+]?[0-9]+$|^0x/.test(source);
  if (integer && !Number.isSafeInteger(value)) return `an integer this large would lose digits: ${QUOTE}`;
  return undefined;
}
