// A new program's stack as the kernel lays it out (fs/binfmt_elf.c, create_elf_tables; System V ABI 3.4.1), from the top:
// 8 zero bytes, the file name, environment strings, argument strings, "x86_64", random bytes, then, 16-byte aligned, argc, argv, envp, auxv.
//   const stack = buildStack(top, {...}); write stack.bytes at stack.sp
import { AUX } from '../abi/auxv.js'
import { writeWord } from '../abi/word.js'

export interface StackContents {
  readonly argv: readonly Uint8Array[]
  readonly envp: readonly Uint8Array[]
  readonly fileName: Uint8Array
  /** 16 bytes. */
  readonly random: Uint8Array
  /** Entries that need no address on this stack, in order; AT_RANDOM, AT_EXECFN and AT_PLATFORM are filled in where they stand with value 0. */
  readonly auxv: readonly (readonly [key: number, value: number])[]
}

export interface ProgramStack {
  /** Where `bytes` go: the initial stack pointer. */
  readonly sp: number
  readonly bytes: Uint8Array
  /** First and end of the argument strings, for /proc and prctl. */
  readonly argStart: number
  readonly argEnd: number
  /** End of the environment's strings, which follow. */
  readonly envEnd: number
  /** The auxiliary vector. */
  readonly auxStart: number
}

const PLATFORM = new TextEncoder().encode('x86_64')

const stringsSize = (strings: readonly Uint8Array[]): number => strings.reduce((sum, { length }) => sum + length + 1, 0)

/** Bytes a program's strings take: execve(2) limits them. */
export const argumentsSize = ({ argv, envp, fileName }: StackContents): number =>
  stringsSize(argv) + stringsSize(envp) + fileName.length + 1 + 8 * (argv.length + envp.length)

export function buildStack(top: number, contents: StackContents): ProgramStack {
  const { argv, envp, fileName, random, auxv } = contents
  let at = top - 8
  const place = (size: number): number => {
    at -= size
    return at
  }
  const fileNameAt = place(fileName.length + 1)
  const envAt = place(stringsSize(envp))
  const argAt = place(stringsSize(argv))
  const argEnd = argAt + stringsSize(argv)
  at -= at % 16
  const platformAt = place(PLATFORM.length + 1)
  at -= at % 16
  const randomAt = place(16)
  const words = 1 + argv.length + 1 + envp.length + 1 + 2 * (auxv.length + 1)
  at -= words * 8
  const sp = at - (at % 16)
  const bytes = new Uint8Array(top - sp)
  const view = new DataView(bytes.buffer)
  bytes.set(fileName, fileNameAt - sp)
  bytes.set(PLATFORM, platformAt - sp)
  bytes.set(random, randomAt - sp)
  let word = 0
  const put = (value: number): void => {
    writeWord(view, word, value)
    word += 8
  }
  const putStrings = (strings: readonly Uint8Array[], start: number): void => {
    let address = start
    for (const text of strings) {
      bytes.set(text, address - sp)
      put(address)
      address += text.length + 1
    }
    put(0)
  }
  put(argv.length)
  putStrings(argv, argAt)
  putStrings(envp, envAt)
  const addresses: Readonly<Record<number, number>> = {
    [AUX.RANDOM]: randomAt,
    [AUX.EXECFN]: fileNameAt,
    [AUX.PLATFORM]: platformAt,
  }
  const auxStart = sp + word
  for (const [key, value] of auxv) {
    put(key)
    put(addresses[key] ?? value)
  }
  put(AUX.NULL)
  put(0)
  return { sp, bytes, argStart: argAt, argEnd, envEnd: envAt + stringsSize(envp), auxStart }
}
