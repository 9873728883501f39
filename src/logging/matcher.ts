/** Finds many words in a text at once, at a cost that hardly grows with their number. */

/** Every place in `text` where a word stands, as [start, end) pairs in order of start, the longest word at each. */
export type Matcher = (text: string) => readonly (readonly [number, number])[];

/** Characters that are looked at together; words must not be shorter. */
const BLOCK = 3;
/** More would make the steps longer and the table of blocks fuller. */
const LONGEST_WINDOW = 12;
const TABLE_BITS = 17;
const TABLE_SIZE = 1 << TABLE_BITS;

/**
 * The algorithm of Wu and Manber (1994): a window as long as the shortest word moves over the text. The block of three
 * characters at its end says, by a table, how far the window can move on without missing a word; where the table says
 * 0, the words whose beginning ends in such a block are compared.
 * @param words none shorter than 3 characters; not empty
 */
export function createMatcher(words: readonly string[]): Matcher {
  const shortest = words.reduce((least, word) => Math.min(least, word.length), LONGEST_WINDOW);
  const window = Math.max(BLOCK, shortest);
  const { steps, candidates } = prepare(words, window);

  return text => {
    const found: (readonly [number, number])[] = [];
    let last = window - 1;
    while (last < text.length) {
      const block = blockAt(text, last);
      const step = steps[block] ?? 1;
      if (step > 0) {
        last += step;
        continue;
      }
      const start = last - window + 1;
      const word = candidates.get(block)?.find(candidate => text.startsWith(candidate, start));
      if (word !== undefined) found.push([start, start + word.length]);
      last += 1;
    }
    return found;
  };
}

function prepare(
  words: readonly string[],
  window: number,
): { steps: Uint8Array; candidates: Map<number, string[]> } {
  const steps = new Uint8Array(TABLE_SIZE).fill(window - BLOCK + 1);
  const candidates = new Map<number, string[]>();
  // Longest first: of two words that begin alike, the longer one is found.
  for (const word of [...words].sort((a, b) => b.length - a.length)) {
    for (let last = BLOCK - 1; last < window; last += 1) {
      const block = blockAt(word, last);
      steps[block] = Math.min(steps[block] ?? 0, window - 1 - last);
    }
    const end = blockAt(word, window - 1);
    const others = candidates.get(end);
    if (others === undefined) candidates.set(end, [word]);
    else others.push(word);
  }
  return { steps, candidates };
}

/** A number for the three characters that end at `last`. Blocks that share a number cost time, not correctness. */
function blockAt(text: string, last: number): number {
  const mixed =
    (Math.imul(text.charCodeAt(last), 0x9e3779b1) ^
      Math.imul(text.charCodeAt(last - 1), 0x85ebca6b) ^
      Math.imul(text.charCodeAt(last - 2), 0xc2b2ae35)) >>>
    0;
  return mixed >>> (32 - TABLE_BITS);
}
