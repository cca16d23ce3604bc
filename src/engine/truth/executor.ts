// Runs cases (x86/native/machine.ts) in the engine, as the harness runs them on the CPU. The code ends in ud2, which leaves all
// state as it is: SIGILL at the end of the code counts as having run to the end.

import { assert } from '../../lib/assert.js'
import {
  ADDEND,
  ARRAY_SIZE,
  INDEX_MASK,
  INDEX_SHIFT,
  PAGE_SIZE,
  READ_TAG,
  WRITE_TAG,
} from '../../lib/translation-array.js'
import {
  type Case,
  CODE_BASE,
  DATA_BASE,
  DATA_SIZE,
  type Executor,
  FILLED_SIZE,
  FLAG_MASK,
  type Outcome,
  SIGILL,
  SIGSEGV,
  type Word,
  X87_BYTES,
} from '../../x86/native/machine.js'
import { Engine, type EngineOptions } from '../engine.js'
import { readFlags, writeFlags } from '../flags-word.js'
import { type EngineHost, EXIT, FAULT, WRITE } from '../host.js'
import {
  FAULT_ADDRESS,
  FAULT_CODE,
  FAULT_ERROR,
  FAULT_SIGNAL,
  FAULT_TRAP,
  FP_OBSERVED,
  GPR,
  MXCSR,
  POLL,
  RECORD_SIZE,
  RIP,
  TRANSLATION,
  VECTOR,
  VECTOR_STRIDE,
  X87_CONTROL,
  X87_TAG,
} from '../record.js'
import { FXSAVE_BYTES, restoreLegacyState, saveLegacyState } from '../state-image.js'

// The shared memory: null page, record, data, code, translation array, decoded code.
const TASK = 0x10000
const DATA = 0x20000
const CODE = 0x30000
const TRANSLATIONS = 0x40000
const DECODED = TRANSLATIONS + ARRAY_SIZE
const DECODED_SIZE = 0x1000000
const MEMORY_SIZE = DECODED + DECODED_SIZE

const ADDRESS_LIMIT = 2 ** 47
const SEGV_MAPERR = 1
const SEGV_ACCERR = 2
const SI_KERNEL = 0x80
const PAGE_FAULT = 14
const GENERAL_PROTECTION = 13
/** Visits to the root without reaching the end: more is an endless loop. */
const VISITS_MAX = 10_000
const OBSERVER = /^(v?stmxcsr|f?xsave)/

export type Tier = NonNullable<EngineOptions['tier']>

export function engineExecutor(tier: Tier = 'interpreter'): Executor {
  const pages = MEMORY_SIZE / 65536
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  const view = new DataView(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  const data = new Int32Array(memory.buffer, DATA, DATA_SIZE / 4)

  /** Records a fault as the kernel would tell it. */
  function fault(address: number, code: number): number {
    view.setInt32(TASK + FAULT_SIGNAL, SIGSEGV, true)
    view.setInt32(TASK + FAULT_CODE, code, true)
    view.setInt32(TASK + FAULT_TRAP, code === SI_KERNEL ? GENERAL_PROTECTION : PAGE_FAULT, true)
    view.setBigUint64(TASK + FAULT_ADDRESS, code === SI_KERNEL ? 0n : BigInt.asUintN(64, BigInt(address)), true)
    return FAULT
  }

  function refill(_task: number, address: number, access: number): number {
    if (!(address >= -ADDRESS_LIMIT && address < ADDRESS_LIMIT)) return fault(0, SI_KERNEL)
    const offset = address - DATA_BASE
    if (offset < 0 || offset >= FILLED_SIZE) return fault(address, SEGV_MAPERR)
    const writable = offset < DATA_SIZE
    if (access === WRITE && !writable) return fault(address, SEGV_ACCERR)
    const page = Math.floor(address / PAGE_SIZE) * PAGE_SIZE
    const entry = TRANSLATIONS + ((address >>> INDEX_SHIFT) & INDEX_MASK)
    view.setBigInt64(entry + READ_TAG, BigInt(page), true)
    view.setBigInt64(entry + WRITE_TAG, writable ? BigInt(page) : -1n, true)
    view.setInt32(entry + ADDEND, (DATA - DATA_BASE) | 0, true)
    return DATA + offset
  }

  const host: EngineHost = {
    refill,
    fetchCode: (_task, address) =>
      address >= CODE_BASE && address < CODE_BASE + 0x2000 ? CODE + (address - CODE_BASE) : fault(address, SEGV_MAPERR),
    syscall: () => 1,
    entropy: (into) => void into.fill(0x5a),
    timestamp: () => 0,
  }
  const engine = new Engine({ memory, codeBase: DECODED, codeSize: DECODED_SIZE, host, tier, hotThreshold: 1 })

  const image = new DataView(new ArrayBuffer(FXSAVE_BYTES))
  const imageBytes = new Uint8Array(image.buffer)

  function load({ instructions, code, registers, flags, mxcsr, vectors, x87, patches }: Case): void {
    bytes.fill(0, TASK, TASK + RECORD_SIZE)
    registers.forEach((value, n) => {
      view.setBigUint64(TASK + GPR + 8 * n, value, true)
    })
    if (x87 !== undefined) {
      imageBytes.fill(0)
      imageBytes.set(x87)
      restoreLegacyState(view, TASK, image)
    } else {
      view.setInt32(TASK + X87_CONTROL, 0x37f, true)
      view.setInt32(TASK + X87_TAG, 0xffff, true)
    }
    bytes.set(vectors, TASK + VECTOR)
    writeFlags(view, TASK, flags & FLAG_MASK)
    view.setUint32(TASK + MXCSR, mxcsr, true)
    // Code that looks at the exception flags has looked before: regions keep them.
    if (instructions.some(({ form }) => OBSERVER.test(form.mnemonic))) view.setInt32(TASK + FP_OBSERVED, 1, true)
    view.setInt32(TASK + TRANSLATION, TRANSLATIONS, true)
    view.setBigUint64(TASK + RIP, BigInt(CODE_BASE), true)
    for (const { offset, value } of patches) view.setBigUint64(DATA + offset, value, true)
    bytes.set(code, CODE)
    bytes.set([0x0f, 0x0b], CODE + code.length)
    engine.invalidate(0, CODE_BASE / PAGE_SIZE, 1)
  }

  function run(one: Case, before: Int32Array): Outcome {
    load(one)
    let visits = 0
    let exit: number
    do {
      exit = engine.run(TASK)
      view.setInt32(TASK + POLL, 0, true)
    } while (exit === EXIT.poll && ++visits < VISITS_MAX)
    assert(exit === EXIT.fault, `a case leaves the engine with exit ${exit}`)
    const registers = BigUint64Array.from({ length: 16 }, (_, n) => view.getBigUint64(TASK + GPR + 8 * n, true))
    saveLegacyState(view, TASK, image)
    const rip = Number(view.getBigInt64(TASK + RIP, true))
    const signal = view.getInt32(TASK + FAULT_SIGNAL, true)
    const ended = signal === SIGILL && rip === CODE_BASE + one.code.length
    return {
      registers,
      vectors: bytes.slice(TASK + VECTOR, TASK + VECTOR + 16 * VECTOR_STRIDE),
      x87: imageBytes.slice(0, X87_BYTES),
      flags: readFlags(view, TASK) & FLAG_MASK,
      rip,
      signal: ended ? 0 : signal,
      signalCode: ended ? 0 : view.getInt32(TASK + FAULT_CODE, true),
      address: ended ? 0n : view.getBigUint64(TASK + FAULT_ADDRESS, true),
      trap: ended ? 0 : view.getInt32(TASK + FAULT_TRAP, true),
      error: ended ? 0 : view.getInt32(TASK + FAULT_ERROR, true),
      mxcsr: view.getUint32(TASK + MXCSR, true),
      changes: changesSince(one, before),
    }
  }

  /** The changed words; puts the data area back. */
  function changesSince({ patches }: Case, before: Int32Array): Word[] {
    const words = new Set<number>()
    for (let n = 0; n < data.length; n++) if (data[n] !== before[n]) words.add(n >> 1)
    if (words.size === 0 && patches.length === 0) return []
    const expected = new Map<number, bigint>()
    for (const { offset } of patches) for (const word of [offset >> 3, (offset + 7) >> 3]) expected.set(word, 0n)
    for (const word of expected.keys()) words.add(word)
    const after = new Map([...words].map((word) => [word, view.getBigUint64(DATA + 8 * word, true)]))
    for (const word of words) {
      data[2 * word] = before[2 * word] as number
      data[2 * word + 1] = before[2 * word + 1] as number
    }
    for (const { offset, value } of patches) view.setBigUint64(DATA + offset, value, true)
    for (const word of expected.keys()) expected.set(word, view.getBigUint64(DATA + 8 * word, true))
    for (const word of expected.keys()) {
      data[2 * word] = before[2 * word] as number
      data[2 * word + 1] = before[2 * word + 1] as number
    }
    return [...after]
      .filter(([word, value]) => expected.get(word) !== value)
      .map(([word, value]) => ({ offset: 8 * word, value }))
      .sort((a, b) => a.offset - b.offset)
  }

  return (cases, fill) => {
    bytes.set(fill, DATA)
    const before = new Int32Array(fill.slice(0, DATA_SIZE).buffer)
    view.setInt32(TASK + TRANSLATION, TRANSLATIONS, true)
    bytes.fill(0xff, TRANSLATIONS, TRANSLATIONS + ARRAY_SIZE)
    return cases.map((one) => run(one, before))
  }
}
