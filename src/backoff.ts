/** A fleet that booted at once must not come back at once: waits differ by a fifth up and down. */
const JITTER = 0.2;

/**
 * How long to wait after failed try number `tries` (1 is the first), in ms: doubling from the first wait to the longest, and
 * then a fifth longer or shorter.
 * @param random at least 0 and below 1
 */
export function doublingDelayMs(firstMs: number, longestMs: number, tries: number, random: number): number {
  const base = Math.min(firstMs * 2 ** (tries - 1), longestMs);
  return base * (1 - JITTER + 2 * JITTER * random);
}
