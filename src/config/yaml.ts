import type * as yamlModule from 'yaml';
import type { Document, YAMLError } from 'yaml';
import type { Mistake } from './mistakes.ts';
import { TooMuch, valueOf, type YamlValue } from './yaml-values.ts';
import { syntaxSentence } from './yaml-errors.ts';

export type ParsedYaml =
  /** The text is no YAML, or too much of it: nothing in it can be looked at. */
  | { readonly kind: 'broken'; readonly mistakes: readonly Mistake[] }
  | { readonly kind: 'empty' }
  | ({ readonly kind: 'parsed' } & YamlValue);

/**
 * Reads one YAML 1.2 document (so JSON too) with anchors and merge keys. What YAML allows and what a configuration
 * should not hold are mistakes at their place: duplicate keys, several documents, ambiguous numbers, foreign tags.
 * Nothing of the text is repeated in a mistake but keys and names.
 */
export async function parseYaml(text: string): Promise<ParsedYaml> {
  // Loaded late: `--help` and `--version` do without it.
  const yaml = await import('yaml');
  const options = {
    version: '1.2',
    schema: 'core',
    // Ours: theirs compares each key with each other one, and leaves values in the messages.
    uniqueKeys: false,
    merge: false,
    resolveKnownTags: false,
    prettyErrors: false,
    logLevel: 'silent',
  } as const;
  try {
    const documents = [...yaml.parseAllDocuments(text, options)];
    const mistakes = documentMistakes(yaml, text, documents);
    if (mistakes.length > 0) return { kind: 'broken', mistakes };
    const [only] = documents;
    if (only === undefined || isEmpty(only)) return { kind: 'empty' };
    return { kind: 'parsed', ...valueOf(yaml, only) };
  } catch (error) {
    const mistake = tooMuch(error);
    if (mistake === undefined) throw error;
    return { kind: 'broken', mistakes: [mistake] };
  }
}

/** What makes the tree itself untrustworthy: then nothing in it is looked at. */
function documentMistakes(
  yaml: typeof yamlModule,
  text: string,
  documents: readonly Document.Parsed[],
): Mistake[] {
  const mistakes = documents.flatMap(document =>
    document.errors.map(error => unclosedQuote(yaml, text, document, error) ?? syntaxMistake(error)),
  );
  const [first, second] = documents;
  // Directives change how values are read, and a config of another YAML version would be read otherwise than it was meant.
  if (first?.directives.yaml.explicit === true && first.directives.yaml.version !== '1.2') {
    mistakes.push({ offset: 0, text: 'a runner config is YAML 1.2: remove the %YAML line' });
  }
  if (second !== undefined) {
    mistakes.push({
      offset: second.range[0],
      text: 'a second document begins here; a runner config is one document: remove this "---"',
    });
  }
  return onePerPlace(mistakes);
}

function syntaxMistake(error: YAMLError): Mistake {
  return { offset: error.pos[0], text: syntaxSentence(error.code) };
}

/** The parser finds the end of the file, where the quote is missing; a person looks for the place where it opens. */
function unclosedQuote(
  yaml: typeof yamlModule,
  text: string,
  document: Document.Parsed,
  error: YAMLError,
): Mistake | undefined {
  if (error.code !== 'MISSING_CHAR') return undefined;
  let opening: number | undefined;
  yaml.visit(document, {
    Scalar(_, { type, range }) {
      if (!range || range[1] !== error.pos[0] || (type !== 'QUOTE_DOUBLE' && type !== 'QUOTE_SINGLE')) return;
      const [start, end] = range;
      if (end - start < 2 || text[start] !== text[end - 1]) opening = start;
    },
  });
  return opening === undefined
    ? undefined
    : { offset: opening, text: 'the quote that opens here is not closed' };
}

/** One slip often makes the parser complain several times at one place: its first word is the best. */
function onePerPlace(mistakes: readonly Mistake[]): Mistake[] {
  const first = new Map<number, Mistake>();
  for (const mistake of mistakes) if (!first.has(mistake.offset)) first.set(mistake.offset, mistake);
  return [...first.values()];
}

/** Nothing but blanks and comments. */
function isEmpty({ contents }: Document.Parsed): boolean {
  return contents === null || ('type' in contents && contents.type === 'PLAIN' && contents.source === '');
}

function tooMuch(error: unknown): Mistake | undefined {
  if (error instanceof TooMuch) return { offset: error.offset, text: error.message };
  // The parser goes down recursively: what is nested too deep for it ends its stack.
  if (error instanceof RangeError) return { offset: 0, text: 'the file is nested too deep' };
  return undefined;
}
