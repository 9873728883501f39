import type { ErrorCode } from 'yaml';

/**
 * What each complaint of the YAML parser means, in our words: its own messages quote the text, and the text may be a
 * secret.
 */
const SENTENCES: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_ALIAS: 'an alias (*name) or anchor (&name) has no proper name',
  ALIAS_PROPS: 'an alias (*name) can have neither an anchor nor a tag',
  BAD_DIRECTIVE: 'this % line is no directive of YAML: remove it',
  BAD_DQ_ESCAPE:
    'this escape is unknown in a text in double quotes: write \\\\ for a backslash, or use single quotes',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BAD_PROP_ORDER: 'anchors and tags stand before the value, not here',
  BAD_SCALAR_START: 'a text cannot begin with this character: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a mapping or list cannot begin here: put a text that holds ": " in quotes, or begin a new line',
  BLOCK_IN_FLOW: 'an indented mapping or list cannot stand inside { } or [ ]',
  DUPLICATE_KEY: 'this key stands twice in its mapping',
  KEY_OVER_1024_CHARS: 'a key cannot have more than 1024 characters',
  MISSING_CHAR:
    'a character is missing: a closing quote, bracket or comma, a ":" after a key, or a blank after ":"',
  MULTILINE_IMPLICIT_KEY: 'a key must be on one line, with a ":" and a blank behind it',
  MULTIPLE_ANCHORS: 'a value can have one anchor only',
  MULTIPLE_TAGS: 'a value can have one tag only',
  RESOURCE_EXHAUSTION: 'this is nested too deep',
  TAB_AS_INDENT: 'a tab cannot indent: use blanks',
  TAG_RESOLVE_FAILED:
    'this tag is unknown or does not fit its value: remove it, and quote the value if it is text',
  UNEXPECTED_TOKEN: 'something stands here that YAML does not allow at this place',
};

export function syntaxSentence(code: ErrorCode): string {
  return SENTENCES[code] ?? 'this is not valid YAML';
}
