/** The spellings in which a secret value may turn up in a log. */

/** Shorter values stand in every other line by chance: to replace them would shred the log. */
export const SHORTEST_SECRET = 4;

/** Parts of a secret (a line of it, the inside of its base64 text) are looked for from this length on. */
const SHORTEST_PART = 8;

/** Longer forms are looked for in pieces of this length: then a cut value is found too, and `reach` stays small. */
const LONGEST_PIECE = 1024;

/**
 * Every form of a value that is worth looking for, without duplicates: as it is, each of its lines, base64 and
 * base64url (also inside a longer base64 text), URL-encoded, JSON-escaped once and twice.
 * @param value a value shorter than SHORTEST_SECRET has no forms
 */
export function secretForms(value: string): ReadonlySet<string> {
  const forms = new Set<string>();
  const whole = value.toWellFormed();
  for (const text of new Set([whole, whole.trim()])) {
    if (text.length < SHORTEST_SECRET) continue;
    addForms(forms, [...escapedForms(text), ...base64Forms(text)]);
  }
  if (!/[\r\n]/.test(whole)) return forms;
  for (const line of whole.split(/[\r\n]+/)) {
    const text = line.trim();
    // Not in base64: that of a line of its own is seldom seen, and a key of fifty lines would have hundreds of forms.
    if (text.length >= SHORTEST_PART) addForms(forms, escapedForms(text));
  }
  return forms;
}

function addForms(forms: Set<string>, texts: readonly string[]): void {
  for (const text of texts) for (const piece of pieces(text)) forms.add(piece);
}

/** The last piece reaches back, so that none is too short to be told from chance. */
function pieces(form: string): readonly string[] {
  if (form.length <= LONGEST_PIECE) return [form];
  const all: string[] = [];
  for (let start = 0; start + LONGEST_PIECE < form.length; start += LONGEST_PIECE) {
    all.push(form.slice(start, start + LONGEST_PIECE));
  }
  return [...all, form.slice(-LONGEST_PIECE)];
}

function escapedForms(text: string): readonly string[] {
  const json = jsonForms(text);
  return [text, ...urlForms(text), ...json, ...json.flatMap(jsonForms)];
}

function jsonForms(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1);
  return [
    json,
    // Go's encoding/json escapes what HTML could mistake, PHP the slash, Python all that is not ASCII.
    json.replace(/[<>&\u2028\u2029]/g, unicodeEscape),
    json.replaceAll('/', '\\/'),
    json.replace(/[^\x20-\x7e]/g, unicodeEscape),
  ];
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** What JavaScript's, Go's and browsers' encoders make of it; with hexadecimal digits in both cases. */
function urlForms(text: string): readonly string[] {
  const component = encodeURIComponent(text);
  const strict = component.replace(/[!'()*]/g, percentEncode);
  const form = new URLSearchParams({ '': text }).toString().slice(1);
  const upper = [component, strict, strict.replaceAll('%20', '+'), form, encodeURI(text)];
  return [...upper, ...upper.map(url => url.replace(/%[0-9A-F]{2}/g, escape => escape.toLowerCase()))];
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/**
 * Base64 writes three bytes as four characters, so the same bytes look three ways, as they begin at the first, second
 * or third byte of such a group. Of each way only the characters that no neighboring byte has a part in are looked
 * for: what remains of the secret beside them is less than a byte at either end.
 */
function base64Forms(text: string): readonly string[] {
  const bytes = Buffer.from(text, 'utf8');
  const forms: string[] = [];
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64url');
    const own = encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    if (own.length < SHORTEST_PART) continue;
    forms.push(own, own.replaceAll('-', '+').replaceAll('_', '/'));
  }
  return forms;
}
