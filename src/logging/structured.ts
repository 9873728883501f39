/** Structured messages as one text: the rule of Taskcluster's own runner, which people's log searches rely on. */

/**
 * `textPayload; key: value; …` with the other keys sorted, values that are no strings as JSON, and `{}` for an empty
 * body.
 */
export function textOfBody(body: Readonly<Record<string, unknown>>): string {
  const keys = Object.keys(body);
  if (keys.length === 0) return '{}';
  const { textPayload } = body;
  if (keys.length === 1 && typeof textPayload === 'string') return textPayload;
  const parts = Object.hasOwn(body, 'textPayload') ? [textOf(textPayload)] : [];
  for (const key of keys.sort()) if (key !== 'textPayload') parts.push(`${key}: ${textOf(body[key])}`);
  return parts.join('; ');
}

/** A message of the runner with its fields, by the same rule. */
export function textOfEntry(message: string, fields: Readonly<Record<string, unknown>>): string {
  return Object.keys(fields).length === 0 ? message : textOfBody({ ...fields, textPayload: message });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : jsonOf(value);
}

/** A value as JSON. Never throws: whatever cannot be written so is named instead. */
export function jsonOf(value: unknown): string {
  try {
    const json: unknown = JSON.stringify(value, showErrors);
    // There is none of undefined, functions and symbols.
    return typeof json === 'string' ? json : JSON.stringify(String(value));
  } catch {
    // A circle, or nested deeper than the stack.
    return '"[cannot be shown]"';
  }
}

/** By itself JSON shows errors as `{}` and refuses bigints. */
function showErrors(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === 'bigint' ? String(value) : value;
}
