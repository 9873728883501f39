/** Plain scalars that look like numbers and mean different things to different readers of YAML. */

const QUOTE = 'put it in quotes if it is text';
const UNHOLDABLE = `a number that a double cannot hold would be passed on as another one: write fewer digits, or ${QUOTE}`;

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
  // .inf and .nan have no digits; 1e400 is infinite only as a double.
  if (!Number.isFinite(value) && /\d/.test(source)) return UNHOLDABLE;
  if (!Number.isFinite(value))
    return `a number that is infinite or none at all cannot be passed on: ${QUOTE}`;
  const meant = decimal(source);
  // Hexadecimal numbers and the like are integers.
  const held = meant === undefined ? Number.isSafeInteger(value) : meant === decimal(String(value));
  return held ? undefined : UNHOLDABLE;
}

/**
 * One spelling for each decimal number, its sign aside: `1.50`, `+15e-1` and `1.5` are `15e-1`, and every zero is `0`.
 * @returns undefined for what is not written in decimal
 */
function decimal(source: string): string | undefined {
  const match = /^[-+]?(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(source);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = withoutLastZeros(digits);
  if (significant === '') return '0';
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** A loop, since a pattern (`0+$`) would begin anew at every zero of a number that fills the file. */
function withoutLastZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}
