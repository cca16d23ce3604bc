// A small seeded generator (SplitMix32) for tests, simulation and the deterministic mode: the same seed gives the same run everywhere.
// `new Prng(seed).below(10)`. Not for secrets.

export class Prng {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed >>> 0
    this.#state = this.seed
  }

  /** Uniform in 0 .. 2^32-1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  /** Uniform in 0 .. limit-1, for limits up to 2^32. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit)
  }

  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!
  }

  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.next() & 0xff
  }
}

/** Under CI the gate is the same every time; `npm run fuzz` and local runs look further. */
const SEED_OF_CI = 20261122

/** The seed of a random test: LEGO_SEED when set, so that a failure can be run again, a fixed one under CI, else a fresh one. */
export function testSeed(): number {
  const given = process.env.LEGO_SEED ?? (process.env.CI === undefined ? undefined : String(SEED_OF_CI))
  return given === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : Number(given) >>> 0
}
