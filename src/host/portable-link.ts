// Memory between the main thread, which has Node's event loop, and the thread with the portable host, which sleeps in Atomics.wait: what is
// typed or piped in, how large the terminal is, and a word that wakes the sleeper.
//   const link = newLink(); …; wake(link)
// The main thread's side is portable-input.ts.

export interface PortableLink {
  readonly words: Int32Array
  /** What was read and not yet taken. */
  readonly input: Uint8Array
}

/** What the host's thread asks of the main thread. */
export type PortableRequest = 'input' | 'raw' | 'cooked'

export const LINK = {
  /** Counts up; a sleeping host waits for it to change. */
  WAKES: 0,
  /** 1: input was asked for and is not there yet. */
  ASKED: 1,
  /** Bytes in `input`, from `START` on. */
  LENGTH: 2,
  START: 3,
  /** 1: nothing will come any more. */
  ENDED: 4,
  ROWS: 5,
  COLUMNS: 6,
  /** Flag words of the terminal's termios: what of the line discipline is done on our side while the terminal is raw. */
  IFLAG: 7,
  LFLAG: 8,
} as const

/** As much as Node reads at once. */
const INPUT_SIZE = 65536

export const newLink = (): PortableLink => ({
  words: new Int32Array(new SharedArrayBuffer(64)),
  input: new Uint8Array(new SharedArrayBuffer(INPUT_SIZE)),
})

export function wake({ words }: PortableLink): void {
  Atomics.add(words, LINK.WAKES, 1)
  Atomics.notify(words, LINK.WAKES)
}
