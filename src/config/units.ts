/** Durations and sizes as the runner config spells them; schemas/values.json holds the same patterns for editors. */

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** `30s` → 30000 milliseconds; undefined for anything that is not a whole number with a unit. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, MILLISECONDS);
}

/** `64KiB` → 65536 bytes; undefined for anything that is not a whole number with a unit. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, BYTES);
}

/** How a bare number of seconds should have been spelled: 30 → `30s`, 0.5 → `500ms`. */
export function spellSeconds(seconds: number): string | undefined {
  if (!(seconds >= 0) || seconds > 1e9) return undefined;
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`;
}

/** How a bare number of bytes should have been spelled: 65536 → `64KiB`, 1000 → `1000B`. */
export function spellBytes(bytes: number): string | undefined {
  if (!Number.isSafeInteger(bytes) || bytes <= 0) return undefined;
  const unit = ['GiB', 'MiB', 'KiB'].find(name => bytes % (BYTES[name] ?? 1) === 0) ?? 'B';
  return `${bytes / (BYTES[unit] ?? 1)}${unit}`;
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^([0-9]{1,15})([A-Za-z]+)$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined || !Object.hasOwn(units, match[2])) return undefined;
  return Number(match[1]) * (units[match[2]] ?? NaN);
}
