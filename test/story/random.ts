/** Chance that a seed determines: the same seed, the same draws in the same order. */

export interface Random {
  /** At least 0 and below 1. */
  float(): number;
  /** A whole number, both bounds included. */
  int(least: number, most: number): number;
  /** True in so many of a hundred cases. */
  percent(percent: number): boolean;
  pick<T>(items: readonly [T, ...T[]]): T;
}

/** By the mulberry32 recurrence, which is good enough to shuffle a story. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function float(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  return {
    float,
    int: (least, most) => least + Math.floor(float() * (most - least + 1)),
    percent: percent => float() * 100 < percent,
    pick: items => items[Math.floor(float() * items.length)] ?? items[0],
  };
}
