/** What a cloud is asked about its machine at boot: everything at the same time, and not everything is needed. */
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { settlesWithin } from '../settles-within.ts';
import { unlessAborted } from '../unless-aborted.ts';

type Ask<T> = (signal: AbortSignal) => Promise<T>;

interface Questions<Data, Needed, Name extends string> {
  /** Whose worker this is. Its answer is waited for also where another fails: the end of the run depends on it. */
  readonly data: Ask<Data>;
  /** Without this there is no worker. */
  readonly needed: Ask<Needed>;
  /** What is only passed on to the worker, by what the log calls it. */
  readonly optional: Readonly<Record<Name, Ask<string | undefined>>>;
}

interface Answers<Data, Needed, Name extends string> {
  readonly data: Data;
  readonly needed: Needed;
  /** Less those that there are not, or that could not be had. */
  readonly optional: Readonly<Partial<Record<Name, string>>>;
}

/** How long optional values are waited for once the others are there: a hung try and half of a slow one. */
const OPTIONAL_MS = 4000;

/**
 * Asks everything at once. Optional values that can't be had are warned of, and stop no boot.
 * @throws what `data` and `needed` throw; the signal's reason
 */
export async function askTogether<Data, Needed, Name extends string>(
  questions: Questions<Data, Needed, Name>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<Answers<Data, Needed, Name>> {
  const over = new AbortController();
  const asking = AbortSignal.any([signal, over.signal]);
  const data = questions.data(asking);
  const optional = askOptional(questions.optional, asking);
  try {
    const [dataAnswer, needed] = await Promise.all([data, questions.needed(asking)]);
    await unlessAborted(settlesWithin(optional.settled, OPTIONAL_MS, clock), signal);
    for (const words of optional.missing()) log.warn(`the worker is not told ${words}`);
    return { data: dataAnswer, needed, optional: { ...optional.values } };
  } catch (error) {
    await data.catch(() => undefined);
    throw error;
  } finally {
    over.abort();
  }
}

interface OptionalAnswers<Name extends string> {
  /** Those that have come so far. */
  readonly values: Readonly<Partial<Record<Name, string>>>;
  /** Never rejects. */
  readonly settled: Promise<unknown>;
  /** What could not be had so far, and why. */
  missing(): readonly string[];
}

function askOptional<Name extends string>(
  questions: Readonly<Record<Name, Ask<string | undefined>>>,
  signal: AbortSignal,
): OptionalAnswers<Name> {
  const names = Object.keys(questions) as Name[];
  const waiting = new Set<Name>(names);
  const failures: string[] = [];
  const values: Partial<Record<Name, string>> = {};

  async function ask(name: Name): Promise<void> {
    try {
      const value = await questions[name](signal);
      if (value !== undefined) values[name] = value;
    } catch (error) {
      failures.push(`${name}: ${messageOf(error)}`);
    }
    waiting.delete(name);
  }

  return {
    values,
    settled: Promise.all(names.map(ask)),
    missing() {
      if (waiting.size === 0) return failures;
      const late = `${[...waiting].join(', ')}: the metadata service gives everything else, and not this`;
      return [...failures, late];
    },
  };
}
