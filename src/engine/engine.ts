// The engine of one vCPU: decodes blocks on demand, runs tasks in the interpreter and hands hot blocks to regions.
//   const engine = new Engine({ memory, codeBase, codeSize, host }); const exit = engine.run(task)
// Everything about a task is in its record (record.ts) before and after `run`.

import { readFileSync } from 'node:fs'
import { decode, newDecoded, OK, type Refused, refusedBy, TOO_LONG, TRUNCATED } from '../x86/decoder.js'
import { CPU_MAX, type CpuModel } from '../x86/features.js'
import { flowOf } from '../x86/flow.js'
import { CALL_SITE_SIZE, CALL_SITE_TARGET } from './call-site.js'
import { CodeCache } from './code-cache.js'
import * as layout from './decoded.js'
import {
  DEBUG,
  exceptionSignal,
  floatCode,
  GENERAL_PROTECTION,
  NOT_CANONICAL,
  PAGE_FAULT,
  SIGTRAP,
  SIMD_FLOAT,
  TRAP_TRACE,
  vectorOf,
  X87_FLOAT,
} from './exceptions.js'
import { ALIGNMENT_FLAG, RESUME_FLAG, STEPPED_FLAGS, TRAP_FLAG } from './flags-word.js'
import { CAREFUL, enterMode } from './fp-mode.js'
import { handlersOf } from './handlers.js'
import { type EngineHost, EXIT, EXIT_GO_ON, RETRY } from './host.js'
import { hostHelpers } from './host-helpers.js'
import { DIRECT_REGIONS, HANDLER_OF, MEMORY_PAGES_MAXIMUM, SITE_SIZE } from './hub-layout.js'
import { buildInterpreter } from './interpreter.js'
import { INTERPRETER_FILE } from './interpreter-file.js'
import {
  BLOCK_HASH,
  CODE_KEY,
  EXIT_REASON,
  FAULT_ADDRESS,
  FAULT_CODE,
  FAULT_ERROR,
  FAULT_SIGNAL,
  FAULT_TRAP,
  FLAG_OTHER,
  MXCSR,
  POLL,
  RETRIED,
  RIP,
  TRANSLATION,
  X87_CONTROL,
  X87_STATUS,
} from './record.js'
import { planRegion } from './regions/compile.js'
import type { Instruction } from './regions/discover.js'
import { enableBranchHints } from './v8.js'

export type EngineOptions = {
  readonly memory: WebAssembly.Memory
  /** Area of the shared memory for decoded code, 64-byte aligned. */
  readonly codeBase: number
  readonly codeSize: number
  readonly host: EngineHost
  /** The interpreter, compiled by another thread; else it is compiled here. */
  readonly hub?: WebAssembly.Module
  /** `interpreter` never compiles regions. */
  readonly tier?: 'interpreter' | 'regions'
  /** What cpuid tells and which instructions there are; everything by default. */
  readonly cpu?: CpuModel
  /** Entries into a block before it is compiled. */
  readonly hotThreshold?: number
  /** Called before each region is compiled, and after many blocks were decoded: code that changes itself never becomes hot. */
  readonly onBusy?: () => void
  /** Host stack that nested guest calls may take, in bytes. */
  readonly stackBytes?: number
  /** Longest run of instructions decoded as one block; 1 for `step`. */
  readonly blockInstructions?: number
}

const BLOCK_INSTRUCTIONS = 64
/**
 * A block goes on behind conditional branches only this far: most of what follows a branch is never reached by a short program, which
 * pays for decoding; a block that ends sooner costs two records more each time.
 */
const FALL_THROUGH_MAX = 8
const INSTRUCTION_BYTES = 15
const INVALID_OPCODE = 6
const SIGSEGV = 11
const SEGV_MAPERR = 1
/** Error code of a fetch from a page that is there: P, U/S, I/D. */
const FETCH_OF_PRESENT = 0x15
const NEVER = 0x7fffffff
/** Decoded by a program that is not about to end. */
const MANY_BLOCKS = 20_000
/** Translation costs what the interpreter takes for about as many executions: fewer once V8 is warm, more before. */
const HOT = 5000
/** The first translation loads what translates, which many a short program can do without. */
const FIRST_HOT = 20_000
/** Until then a block asks now and then whether the guest has been here for long: such a one must hear of signals. */
const LOOK_EVERY = 2000
const LONG_MS = 200
/** V8 keeps about two host mappings a module: more live modules than this and the process runs into vm.max_map_count. */
const REGIONS_MAX = 4000
/** Instructions kept for the next region; each is a few hundred bytes. */
const RECORDED_MAX = 20_000
const DEFAULT_STACK_BYTES = 256 * 1024
const ADDRESS_LIMIT = 2 ** 47

export class Engine {
  readonly #host: EngineHost
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #code: CodeCache
  readonly #run: (task: number, budget: number) => number
  readonly #stepRecord: (task: number, record: number, budget: number) => number
  readonly #stackBytes: number
  readonly #onBusy: () => void
  readonly #hot: number
  readonly #firstHot: number
  #translates = false
  readonly #start_ms = performance.now()
  #blocks = 0
  readonly #blockInstructions: number
  readonly #decoded = newDecoded()
  readonly #refused: Refused
  /** Bytes of an instruction that crosses a page. */
  readonly #window = new Uint8Array(2 * INSTRUCTION_BYTES)
  /** The code area is full: drop everything at the root. */
  #full = false
  /**
   * Code was dropped because of a write, and the writing instruction runs again next. It may be on the page it writes: it is then
   * decoded alone and without marking the page as code, or the write would drop it for ever.
   */
  #alone = false
  #helperTable: WebAssembly.Table
  readonly #regionTable: WebAssembly.Table
  readonly #memory: WebAssembly.Memory
  #regions = 0
  /** Since the start. */
  #compiled = 0
  #cleared = 0
  /** Code was dropped during a syscall: what runs may be stale, so the syscall must come back to the root. */
  #invalidated = false

  constructor(options: EngineOptions) {
    const { memory, host, cpu = CPU_MAX } = options
    this.#refused = refusedBy(cpu)
    this.#host = host
    this.#view = new DataView(memory.buffer)
    this.#bytes = new Uint8Array(memory.buffer)
    this.#view.setInt32(layout.MASKS, -1, true)
    this.#view.setInt32(layout.MASKS + 4, -1, true)
    this.#view.setInt32(layout.MASKS + 8, -1, true)
    this.#view.setInt32(layout.MASKS + 12, 0, true)
    this.#memory = memory
    const { tier, hotThreshold } = options
    this.#hot = hotThreshold ?? HOT
    // One word for all vCPUs: a program that starts others is not a short one.
    const isFirst = this.#view.getInt32(layout.HOT_THRESHOLD, true) === 0
    this.#firstHot = hotThreshold ?? (isFirst ? FIRST_HOT : HOT)
    const look = tier === 'interpreter' ? NEVER : (hotThreshold ?? LOOK_EVERY)
    if (isFirst) this.#view.setInt32(layout.HOT_THRESHOLD, look, true)
    const hub = options.hub ?? new WebAssembly.Module(interpreterBytes())
    this.#code = new CodeCache(memory, options.codeBase, options.codeSize, handlersOf(hub))
    this.#stackBytes = options.stackBytes ?? DEFAULT_STACK_BYTES
    this.#onBusy = options.onBusy ?? (() => {})
    this.#blockInstructions = options.blockInstructions ?? BLOCK_INSTRUCTIONS
    const imports: Record<string, WebAssembly.ImportValue> = {
      memory,
      refill: (task: number, address: number, access: number) => host.refill(task, address, access),
      findBlock: (task: number) => this.#findBlock(task),
      hot: (task: number, head: number) => this.#warm(task, head),
      linkSite: (site: number, head: number) => this.#code.linkSite(site, head),
    }
    for (const [name, helper] of Object.entries(hostHelpers(memory, host, cpu))) imports[name] = helper
    imports.hostSyscall = (task: number) => this.#syscall(task)
    const instance = new WebAssembly.Instance(hub, { lego: imports })
    this.#run = instance.exports.run as (task: number, budget: number) => number
    this.#stepRecord = instance.exports.step as (task: number, record: number, budget: number) => number
    this.#regionTable = instance.exports.regions as WebAssembly.Table
    this.#helperTable = instance.exports.helpers as WebAssembly.Table
  }

  /** Runs a task from its record until something outside must happen: an EXIT reason. */
  run(task: number): number {
    const flags = this.#begin(task)
    const reason = (flags & STEPPED_FLAGS) === 0 ? this.#run(task, this.#stackBytes) : this.#step(task)
    if (reason === EXIT.fault) this.#finishFault(task)
    return reason
  }

  /**
   * Runs one instruction in the interpreter, for who looks at the record after each: EXIT.poll when it is done; a repeated string
   * instruction may then be in its middle, with rip still at it. Needs blocks of one instruction. Alignment is not checked (AC).
   */
  step(task: number): number {
    this.#begin(task)
    const view = this.#view
    const key = view.getInt32(task + CODE_KEY, true)
    const address = this.#rip(task)
    const head = this.#code.find(key, address) || this.#decodeBlock(task, key, address)
    const reason =
      head === 0 ? view.getInt32(task + EXIT_REASON, true) : this.#runRecord(task, head + layout.DECODED_SIZE)
    if (reason === EXIT.fault) this.#finishFault(task)
    return reason
  }

  /** Before anything runs; returns FLAG_OTHER as it was. */
  #begin(task: number): number {
    if (this.#full) {
      this.#code.clear()
      this.#cleared++
      this.#regions = 0
      for (let n = 0; n < this.#regionTable.length; n++) this.#regionTable.set(n, null)
      // V8 keeps every instance that imports a table alive with that table: later regions get another, so these can go.
      this.#helperTable = copyOfTable(this.#helperTable)
      this.#full = false
    }
    this.#invalidated = false
    const view = this.#view
    view.setInt32(task + BLOCK_HASH, this.#code.hash, true)
    enterMode(view, task)
    const flags = view.getInt32(task + FLAG_OTHER, true)
    if ((flags & RESUME_FLAG) !== 0) view.setInt32(task + FLAG_OTHER, flags & ~RESUME_FLAG, true)
    return flags
  }

  /** The instruction of one record, and no other: no link leads on, and the look-up leaves at the poll word. */
  #runRecord(task: number, record: number): number {
    const view = this.#view
    view.setInt32(record + layout.LINK, 0, true)
    view.setInt32(task + RETRIED, 0, true)
    view.setInt32(task + POLL, 1, true)
    const reason = this.#stepRecord(task, record, this.#stackBytes)
    return reason === EXIT_GO_ON ? EXIT.poll : reason
  }

  /** Translations of these pages are stale. */
  invalidate(asid: number, firstPage: number, pages: number): boolean {
    this.#forgetRecorded()
    const any = this.#code.invalidate(asid, firstPage, pages)
    if (any) {
      this.#invalidated = true
      this.#alone = true
    }
    return any
  }

  /** What --stats shows. */
  counters(): { readonly regionsCompiled: number; readonly codeCleared: number } {
    return { regionsCompiled: this.#compiled, codeCleared: this.#cleared }
  }

  /** All translations are stale: they go before anything runs again. */
  dropAll(): void {
    this.#forgetRecorded()
    this.#full = true
    this.#invalidated = true
  }

  /** The address space is gone. */
  dropSpace(asid: number): void {
    this.#forgetRecorded()
    if (this.#code.dropSpace(asid)) this.#invalidated = true
  }

  /** Instructions recorded for regions of one address space and mode. */
  readonly #recorded = new Map<number, Instruction>()
  #recordedKey = -1

  #forgetRecorded(): void {
    this.#recorded.clear()
  }

  #syscall(task: number): number {
    const status = this.#host.syscall(task)
    if (status !== 0) {
      this.#view.setInt32(task + EXIT_REASON, EXIT.syscall, true)
      return status
    }
    if (!this.#invalidated) return 0
    this.#view.setInt32(task + EXIT_REASON, EXIT.poll, true)
    return 1
  }

  /**
   * With TF or AC set: one instruction in the interpreter, then the trap. Nothing is remembered of it, and with AC no translation
   * either, so that every access comes by where alignment is checked.
   */
  #step(task: number): number {
    const view = this.#view
    const trap = (view.getInt32(task + FLAG_OTHER, true) & TRAP_FLAG) !== 0
    const checked = (view.getInt32(task + FLAG_OTHER, true) & ALIGNMENT_FLAG) !== 0
    const nothing = checked ? this.#code.emptyArray() : 0
    if (checked && nothing === 0) {
      this.#full = true
      return EXIT.poll
    }
    const head = this.#decodeAlone(task, this.#rip(task))
    if (head === 0) return view.getInt32(task + EXIT_REASON, true)
    const { shadow } = this.#decoded.form.options
    const isCall = this.#decoded.form.mnemonic === 'syscall'
    const translation = view.getInt32(task + TRANSLATION, true)
    if (checked) view.setInt32(task + TRANSLATION, nothing, true)
    const reason = this.#runRecord(task, head + layout.DECODED_SIZE)
    view.setInt32(task + TRANSLATION, translation, true)
    if (reason !== EXIT.poll || !trap || view.getInt32(task + RETRIED, true) !== 0) return reason
    // The kernel returns to the instruction after `syscall` without a trap; a load of ss holds it back too.
    if (isCall || shadow === true) return reason
    view.setInt32(task + EXIT_REASON, EXIT.fault, true)
    view.setInt32(task + FAULT_SIGNAL, SIGTRAP, true)
    view.setInt32(task + FAULT_CODE, TRAP_TRACE, true)
    view.setInt32(task + FAULT_TRAP, DEBUG, true)
    view.setInt32(task + FAULT_ERROR, 0, true)
    this.#copyAddress(task + RIP, task + FAULT_ADDRESS)
    return EXIT.fault
  }

  #copyAddress(from: number, to: number): void {
    this.#view.setInt32(to, this.#view.getInt32(from, true), true)
    this.#view.setInt32(to + 4, this.#view.getInt32(from + 4, true), true)
  }

  /** Completes the details of a fault: the signal of an exception; RF, unless it is told after the instruction. */
  #finishFault(task: number): void {
    const view = this.#view
    let trap = view.getInt32(task + FAULT_TRAP, true) === DEBUG
    if (view.getInt32(task + FAULT_SIGNAL, true) === 0) trap = this.#signalOfException(task)
    if (!trap) view.setInt32(task + FLAG_OTHER, view.getInt32(task + FLAG_OTHER, true) | RESUME_FLAG, true)
  }

  /** Whether it is a trap. */
  #signalOfException(task: number): boolean {
    const view = this.#view
    let vector = view.getInt32(task + FAULT_TRAP, true)
    if (vector === NOT_CANONICAL) {
      this.#decodeAgain(task)
      vector = vectorOf(this.#decoded, view.getBigUint64(task + FAULT_ADDRESS, true), view, task)
      view.setInt32(task + FAULT_TRAP, vector, true)
    }
    const { signal, code, addressed, trap } = exceptionSignal(vector)
    if (trap) {
      this.#decodeAgain(task)
      view.setBigInt64(task + RIP, view.getBigInt64(task + RIP, true) + BigInt(this.#decoded.length), true)
    }
    view.setInt32(task + FAULT_SIGNAL, signal, true)
    const mxcsr = view.getInt32(task + MXCSR, true)
    const raised =
      vector === SIMD_FLOAT
        ? floatCode(mxcsr, mxcsr >> 7)
        : vector === X87_FLOAT
          ? floatCode(view.getInt32(task + X87_STATUS, true), view.getInt32(task + X87_CONTROL, true))
          : code
    view.setInt32(task + FAULT_CODE, raised, true)
    if (addressed) this.#copyAddress(task + RIP, task + FAULT_ADDRESS)
    else view.setBigInt64(task + FAULT_ADDRESS, 0n, true)
    return trap
  }

  /** The instruction that has just raised, into #decoded. */
  #decodeAgain(task: number): void {
    this.#fetchedPage = -1
    this.#decodeAt(task, this.#rip(task), false)
  }

  #rip(task: number): number {
    return this.#view.getUint32(task + RIP, true) + this.#view.getInt32(task + RIP + 4, true) * 0x100000000
  }

  /** Called from wasm when the hash table has no block for rip: finds or decodes it; 0 leaves with EXIT_REASON set. */
  #findBlock(task: number): number {
    const view = this.#view
    const key = view.getInt32(task + CODE_KEY, true)
    const address = this.#rip(task)
    let head = this.#code.find(key, address)
    if (head === 0) {
      if (address < 0 || address >= ADDRESS_LIMIT) {
        this.#fetchBeyond(task, address)
        return 0
      }
      if (++this.#blocks === MANY_BLOCKS) this.#onBusy()
      if (this.#alone) {
        this.#alone = false
        return this.#decodeAlone(task, address)
      }
      head = this.#decodeBlock(task, key, address)
      if (head === 0) return 0
    }
    this.#code.publish(key, address, head)
    return head
  }

  /**
   * rip is no user address. The kernel's are a page fault, present as Linux tells it (arch/x86/mm/fault.c); others come from
   * sigreturn alone, as a branch there faults where it is.
   */
  #fetchBeyond(task: number, address: number): void {
    const view = this.#view
    view.setInt32(task + EXIT_REASON, EXIT.fault, true)
    if (address >= 0 || address < -ADDRESS_LIMIT) {
      view.setInt32(task + FAULT_SIGNAL, 0, true)
      view.setInt32(task + FAULT_TRAP, GENERAL_PROTECTION, true)
      view.setInt32(task + FAULT_ERROR, 0, true)
      return
    }
    view.setInt32(task + FAULT_SIGNAL, SIGSEGV, true)
    view.setInt32(task + FAULT_CODE, SEGV_MAPERR, true)
    view.setInt32(task + FAULT_TRAP, PAGE_FAULT, true)
    view.setInt32(task + FAULT_ERROR, FETCH_OF_PRESENT, true)
    this.#copyAddress(task + RIP, task + FAULT_ADDRESS)
  }

  /** A block of one instruction that nothing else will find. */
  #decodeAlone(task: number, address: number): number {
    const cache = this.#code
    const head = cache.begin(1)
    if (head === 0) return this.#outOfRoom(task)
    this.#fetchedPage = -1
    const status = this.#decodeAt(task, address, false)
    if (status < 0) return 0
    cache.writeHead(head, address)
    const record = head + layout.DECODED_SIZE
    if (status === OK) cache.writeInstruction(record, this.#decoded)
    else cache.writeRaise(record, address, status === TOO_LONG ? GENERAL_PROTECTION : INVALID_OPCODE)
    cache.writeGoto(record + layout.DECODED_SIZE, this.#decoded.next)
    cache.commit(record + 2 * layout.DECODED_SIZE)
    return head
  }

  #outOfRoom(task: number): number {
    this.#full = true
    this.#view.setInt32(task + EXIT_REASON, EXIT.poll, true)
    return 0
  }

  #decodeBlock(task: number, key: number, start: number): number {
    const cache = this.#code
    const head = cache.begin(this.#blockInstructions)
    if (head === 0) return this.#outOfRoom(task)
    this.#fetchedPage = -1
    cache.writeHead(head, start)
    let record = head + layout.DECODED_SIZE
    let address = start
    for (let count = 0; count < this.#blockInstructions; count++) {
      const status = this.#decodeAt(task, address)
      if (status < 0) {
        // The bytes cannot be fetched. First instruction: that is the answer; later ones: when control gets there.
        if (count === 0) return 0
        break
      }
      if (status !== OK) {
        cache.writeRaise(record, address, status === TOO_LONG ? GENERAL_PROTECTION : INVALID_OPCODE)
        record += layout.DECODED_SIZE
        address += 1
        cache.commit(record)
        cache.enter(key, start, address, head)
        return head
      }
      const decoded = this.#decoded
      cache.writeInstruction(record, decoded)
      record += layout.DECODED_SIZE
      address = decoded.next
      const flow = flowOf(decoded.form, decoded.width)
      if (flow === 'jump' || flow === 'ret' || flow === 'raise') {
        cache.commit(record)
        cache.enter(key, start, address, head)
        return head
      }
      if (flow === 'branch' && count >= FALL_THROUGH_MAX) break
    }
    cache.writeGoto(record, address)
    cache.commit(record + layout.DECODED_SIZE)
    cache.enter(key, start, address, head)
    return head
  }

  /** Decodes the instruction at a guest address into #decoded: the decoder's status, or -1 with EXIT_REASON set. */
  #decodeAt(task: number, address: number, mark = true): number {
    const host = this.#fetch(task, address, mark)
    if (host < 0) return this.#fetchFailed(task, host)
    const available = 4096 - (address % 4096)
    const status = decode(this.#bytes, host, host + available, address, this.#decoded, this.#refused)
    if (status !== TRUNCATED) return status
    const rest = this.#fetch(task, address + available, mark)
    if (rest < 0) return this.#fetchFailed(task, rest)
    this.#window.set(this.#bytes.subarray(host, host + available))
    this.#window.set(this.#bytes.subarray(rest, rest + INSTRUCTION_BYTES), available)
    return decode(this.#window, 0, available + INSTRUCTION_BYTES, address, this.#decoded, this.#refused)
  }

  /** The page last fetched, while one block or region is decoded: no safepoint comes between. */
  #fetchedPage = -1
  #fetchedHost = 0

  #fetch(task: number, address: number, mark: boolean): number {
    const page = Math.floor(address / 4096)
    const offset = address % 4096
    if (page === this.#fetchedPage) return this.#fetchedHost + offset
    const host = this.#host.fetchCode(task, address, mark)
    if (host < 0) return host
    this.#fetchedPage = page
    this.#fetchedHost = host - offset
    return host
  }

  /** A block was entered as often as HOT_THRESHOLD says. */
  #warm(task: number, head: number): void {
    const heat = this.#view.getInt32(head + layout.HEAT, true)
    if (this.#translates || heat >= this.#firstHot) {
      this.#translates = true
      this.#view.setInt32(layout.HOT_THRESHOLD, this.#hot, true)
      this.#compile(task, head)
      return
    }
    const isLong = performance.now() - this.#start_ms > LONG_MS
    const look = isLong ? this.#firstHot : Math.min(heat + LOOK_EVERY, this.#firstHot)
    this.#view.setInt32(layout.HOT_THRESHOLD, look, true)
    if (isLong) this.#onBusy()
  }

  /** Compiles the region that starts at a hot block and puts it in the block's place. */
  #compile(task: number, head: number): void {
    this.#onBusy()
    const view = this.#view
    // Whatever comes of it, the block is not offered again.
    view.setInt32(head + layout.HEAT, -NEVER, true)
    const key = view.getInt32(task + CODE_KEY, true)
    const address = this.#code.address(head)
    const reason = view.getInt32(task + EXIT_REASON, true)
    this.#fetchedPage = -1
    if (key !== this.#recordedKey || this.#recorded.size > RECORDED_MAX) this.#forgetRecorded()
    this.#recordedKey = key
    const code = {
      read: (at: number) => (this.#decodeAt(task, at) === OK ? { ...this.#decoded } : undefined),
      reached: (at: number) => this.#code.find(key, at) !== 0,
      recorded: this.#recorded,
      careful: (key & CAREFUL) !== 0,
    }
    const plan = planRegion(address, code, MEMORY_PAGES_MAXIMUM)
    view.setInt32(task + EXIT_REASON, reason, true)
    if (plan === undefined) return
    if (this.#regions >= REGIONS_MAX) {
      this.#full = true
      return
    }
    const area = this.#code.allocate(plan.siteBytes + plan.callBytes)
    if (area === 0) {
      this.#full = true
      return
    }
    const region = plan.emit(area, area + plan.siteBytes)
    region.calls.forEach((target, n) => {
      const at = area + plan.siteBytes + n * CALL_SITE_SIZE
      view.setInt32(at + CALL_SITE_TARGET, target | 0, true)
      view.setInt32(at + CALL_SITE_TARGET + 4, Math.floor(target / 0x100000000), true)
    })
    region.sites.forEach((site, n) => {
      const at = area + n * SITE_SIZE
      view.setInt32(at, site.general, true)
      view.setInt32(at + 4, site.vector, true)
      view.setInt32(at + 8, site.address | 0, true)
      view.setInt32(at + 12, Math.floor(site.address / 0x100000000), true)
    })
    enableBranchHints()
    const module = new WebAssembly.Module(new Uint8Array(region.bytes))
    const instance = new WebAssembly.Instance(module, { lego: { memory: this.#memory, helpers: this.#helperTable } })
    const slot = this.#regions++
    this.#compiled++
    if (slot >= this.#regionTable.length) this.#regionTable.grow(Math.max(64, this.#regionTable.length))
    this.#regionTable.set(slot, instance.exports.region)
    view.setInt32(head + layout.REGION, slot, true)
    if (slot < DIRECT_REGIONS) {
      const direct = directBase(this.#helperTable) + slot
      this.#helperTable.set(direct, instance.exports.region)
      view.setInt32(head + layout.DIRECT, direct, true)
    }
    view.setInt32(head + layout.HANDLER, HANDLER_OF.region, true)
    for (const page of plan.pages) this.#code.depends(key, page, head)
  }

  #fetchFailed(task: number, status: number): number {
    this.#view.setInt32(task + EXIT_REASON, status === RETRY ? EXIT.poll : EXIT.fault, true)
    return -1
  }
}

/** The hub's functions without the regions. */
function copyOfTable(table: WebAssembly.Table): WebAssembly.Table {
  const copy = new WebAssembly.Table({ element: 'anyfunc', initial: table.length })
  for (let n = 0; n < directBase(table); n++) copy.set(n, table.get(n))
  return copy
}

/** Before the regions' places there are helpers. */
const directBase = (table: WebAssembly.Table): number => table.length - DIRECT_REGIONS

let cached: Uint8Array<ArrayBuffer> | undefined

/** The hub module: built with the project (build.ts), else made now. */
function interpreterBytes(): Uint8Array<ArrayBuffer> {
  if (cached === undefined) {
    try {
      const { buffer, byteOffset, length } = readFileSync(INTERPRETER_FILE)
      cached = new Uint8Array(buffer as ArrayBuffer, byteOffset, length)
    } catch {
      cached = new Uint8Array(buildInterpreter())
    }
  }
  return cached
}
