/** Sees everything that happens in a story: what it met, what it did, and the first thing that must not be. */

export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface Witness {
  /** Something happened; the line is for whoever reads the story of a failing seed. */
  readonly note: (line: string) => void;
  /** A situation was met: a state, a fault, an end. Suites count them. */
  readonly met: (situation: string) => void;
  /** Something happened that must never happen. Only the first counts. */
  readonly violate: (invariant: string, what: string) => void;
  readonly violation: () => Violation | undefined;
  readonly lines: () => readonly string[];
  readonly situations: () => ReadonlySet<string>;
}

export function createWitness(stamp: () => string): Witness {
  const lines: string[] = [];
  const situations = new Set<string>();
  let first: Violation | undefined;

  function note(line: string): void {
    lines.push(`${stamp()} ${line}`);
  }

  return {
    note,
    met: situation => void situations.add(situation),
    violate(invariant, what) {
      note(`*** ${invariant}: ${what}`);
      first ??= new Violation(`${invariant}: ${what}`);
    },
    violation: () => first,
    lines: () => lines,
    situations: () => situations,
  };
}
