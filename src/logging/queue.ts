/** What waits to be written, and what would be lost with it. */

export interface Loss {
  readonly entries: number;
  /** Worker output, in characters. */
  readonly output: number;
}

export interface Batch {
  readonly text: string;
  readonly loss: Loss;
}

export interface Queue {
  push(text: string, loss: Loss): void;
  /** Everything that waits, as one. */
  take(): Batch;
  /** In characters. */
  readonly length: number;
  /** How much of that length is the runner's own entries. */
  readonly entriesLength: number;
  readonly loss: Loss;
}

export const NOTHING: Batch = { text: '', loss: { entries: 0, output: 0 } };

export function createQueue(): Queue {
  let texts: string[] = [];
  let length = 0;
  let entriesLength = 0;
  let loss = NOTHING.loss;

  return {
    push(text, newLoss) {
      texts.push(text);
      length += text.length;
      if (newLoss.output === 0) entriesLength += text.length;
      loss = sumOfLosses(loss, newLoss);
    },
    take() {
      const batch = { text: texts.join(''), loss };
      texts = [];
      length = 0;
      entriesLength = 0;
      loss = NOTHING.loss;
      return batch;
    },
    get length() {
      return length;
    },
    get entriesLength() {
      return entriesLength;
    },
    get loss() {
      return loss;
    },
  };
}

export function sumOfLosses(...losses: readonly Loss[]): Loss {
  return {
    entries: losses.reduce((sum, { entries }) => sum + entries, 0),
    output: losses.reduce((sum, { output }) => sum + output, 0),
  };
}

export function isLoss({ entries, output }: Loss): boolean {
  return entries > 0 || output > 0;
}
