import { HIDDEN } from '../secret-keys.ts';
import { createMatcher, type Matcher } from './matcher.ts';
import type { Redactor } from './redactor.ts';
import { secretForms } from './secret-forms.ts';

/**
 * A redactor that knows no secret yet. Values under 4 characters are not learned: they stand in every other line by
 * chance. What overlaps is replaced together, so that no end of a secret remains.
 */
export function createRedactor(): Redactor {
  const values = new Set<string>();
  const forms = new Set<string>();
  let reach = 0;
  // Made when it is first needed: secrets are learned in bursts.
  let matcher: Matcher | undefined;

  return {
    add(value) {
      if (values.has(value)) return;
      values.add(value);
      for (const form of secretForms(value)) {
        forms.add(form);
        reach = Math.max(reach, form.length);
      }
      matcher = undefined;
    },
    redact(text) {
      if (forms.size === 0) return text;
      matcher ??= createMatcher([...forms]);
      const found = matcher(text);
      return found.length === 0 ? text : replace(text, found);
    },
    get reach() {
      return reach;
    },
  };
}

function replace(text: string, found: readonly (readonly [number, number])[]): string {
  let result = '';
  let done = 0;
  let index = 0;
  while (index < found.length) {
    const [start, firstEnd] = found[index] ?? [text.length, text.length];
    let end = firstEnd;
    for (index += 1; index < found.length; index += 1) {
      const [nextStart, nextEnd] = found[index] ?? [text.length, text.length];
      if (nextStart > end) break;
      end = Math.max(end, nextEnd);
    }
    result += text.slice(done, start) + HIDDEN;
    done = end;
  }
  return result + text.slice(done);
}
