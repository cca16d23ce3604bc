// The stack of the process's first thread, which Linux and V8 keep small: `growStack(bytes)` says how many bytes it may have from then on.
import { readFileSync } from 'node:fs'
import { RLIMIT, readLimit } from '../abi/resource.js'
import { writeWord } from '../abi/word.js'
import { loadKoffi } from './koffi.js'

/** Arguments and environment are above the stack's first byte: a quarter of the limit at most (fs/exec.c). */
const ARGUMENTS_SHARE = 1 / 4
/** Below what V8 knows of, for its own functions. */
const RESERVE = 256 << 10
/** What V8 takes for granted (--stack-size). */
const STACK_OF_V8 = 1 << 20
/** The place of `startstack` behind a process's name: proc(5), field 28 of /proc/pid/stat. */
const START_OF_STACK = 28 - 3

/** Where the stack began; 0 where that is not told. */
function startOfStack(): number {
  const line = readFileSync('/proc/self/stat', 'latin1')
  return Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[START_OF_STACK])
}

/** Up to `bytes`, as RLIMIT_STACK's maximum allows; 0 where nothing could be changed. For the thread that calls it, which is the first one. */
export function growStack(bytes: number): number {
  try {
    const library = loadKoffi().load(null)
    // V8's own API, which Node has for native add-ons (v8-isolate.h).
    const isolate = library.func('_ZN2v87Isolate10GetCurrentEv', 'uintptr_t', [])()
    const setStackLimit = library.func('_ZN2v87Isolate13SetStackLimitEm', 'void', ['uintptr_t', 'uintptr_t'])
    const limit = new DataView(new ArrayBuffer(16))
    const call = (name: string): boolean => library.func(name, 'int', ['int', 'void*'])(RLIMIT.STACK, limit) === 0
    const start = startOfStack()
    if (start === 0 || !call('getrlimit')) return 0
    const [current, maximum] = [readLimit(limit, 0), readLimit(limit, 8)]
    const size = Math.min(bytes, maximum * (1 - ARGUMENTS_SHARE) - RESERVE)
    if (size < STACK_OF_V8) return 0
    const wanted = Math.min(maximum, size + bytes * ARGUMENTS_SHARE + RESERVE)
    if (wanted > current) {
      writeWord(limit, 0, wanted)
      if (!call('setrlimit')) return 0
    }
    setStackLimit(isolate, start - size)
    return size
  } catch {
    // Another Node, or another machine.
    return 0
  }
}
