// How a region hands control to other code: calls and jumps out, straight to the other region where their site is linked, else through the
// hub (dispatch.ts).

import type { Code, ModuleBuilder } from '../../wasm/encoder.js'
import { CALL_SITE_DIRECT, CALL_SITE_SIZE } from '../call-site.js'
import { FRAME_BYTES } from '../dispatch.js'
import { RESULT } from '../helpers.js'
import { EXIT_GO_ON } from '../host.js'
import { EXIT_REASON, POLL, RIP } from '../record.js'

/** The region's own function index: it imports no functions. */
export const SELF = 0

export class Calls {
  /** Guest addresses of the sites, in their order. */
  readonly targets: number[] = []
  readonly #code: Code
  readonly #builder: ModuleBuilder
  readonly #callHelper: (name: string, tail?: boolean) => void
  readonly #task: number
  readonly #budget: number
  readonly #siteBase: number
  readonly #direct: number
  readonly #result: number

  /** @param task, budget the region's parameters; @param siteBase where its call sites will be */
  constructor(
    code: Code,
    builder: ModuleBuilder,
    callHelper: (name: string, tail?: boolean) => void,
    task: number,
    budget: number,
    siteBase: number,
  ) {
    this.#code = code
    this.#builder = builder
    this.#callHelper = callHelper
    this.#task = task
    this.#budget = budget
    this.#siteBase = siteBase
    this.#direct = code.local('i32')
    this.#result = code.local('i64')
  }

  /** To code outside: straight to its region where the site is linked, else by the hub, which also looks at the poll word. */
  jumpOut(target: number): void {
    const code = this.#code
    const site = this.#siteFor(target)
    const direct = this.#direct
    code.i32(site)
    code.memory('i32.load', CALL_SITE_DIRECT)
    code.tee(direct)
    code.op('i32.eqz')
    code.get(this.#task)
    code.memory('i32.load', POLL)
    code.op('i32.or')
    code.ifUnlikely()
    this.#setRip(target)
    code.get(this.#task)
    code.i32(site)
    this.#callHelper('linkJump')
    code.i64(RESULT.jump)
    code.return()
    code.end()
    code.get(this.#task)
    code.get(this.#budget)
    code.get(direct)
    code.returnCallIndirect(this.#builder.type(['i32', 'i32'], ['i64']), 0)
  }

  /** To the code at rip, known only at run time. */
  jumpDynamic(): void {
    const code = this.#code
    code.get(this.#task)
    code.get(this.#budget)
    this.#callHelper('jumpDynamic', true)
  }

  #siteFor(target: number): number {
    return this.#siteBase + (this.targets.push(target) - 1) * CALL_SITE_SIZE
  }

  /** Directly to the callee's region where the site is linked and there is stack for it; else through the hub. */
  callSite(target: number): void {
    const code = this.#code
    const site = this.#siteFor(target)
    const direct = this.#direct
    code.i32(site)
    code.memory('i32.load', CALL_SITE_DIRECT)
    code.tee(direct)
    code.op('i32.eqz')
    code.get(this.#budget)
    code.i32(FRAME_BYTES)
    code.op('i32.lt_s')
    code.op('i32.or')
    code.ifUnlikely('i64')
    code.get(this.#task)
    code.i32(site)
    code.get(this.#budget)
    this.#callHelper('callSite')
    code.else()
    code.get(this.#task)
    this.#lessBudget()
    code.get(direct)
    code.callIndirect(this.#builder.type(['i32', 'i32'], ['i64']), 0)
    this.#unlessJump()
    code.end()
  }

  #setRip(address: number): void {
    this.#code.get(this.#task)
    this.#code.i64Number(address)
    this.#code.memory('i64.store', RIP)
  }

  #lessBudget(): void {
    this.#code.get(this.#budget)
    this.#code.i32(FRAME_BYTES)
    this.#code.op('i32.sub')
  }

  /** A callee that goes on elsewhere than by returning does so in the hub. */
  #unlessJump(): void {
    const code = this.#code
    code.tee(this.#result)
    code.i64(RESULT.jump)
    code.op('i64.eq')
    code.ifUnlikely('i64')
    code.get(this.#task)
    code.get(this.#budget)
    this.#callHelper('callDynamic')
    code.else()
    code.get(this.#result)
    code.end()
  }

  /** A function that calls itself needs no hub, unless it goes on elsewhere than by returning. */
  callSelf(address: number): void {
    const code = this.#code
    code.get(this.#budget)
    code.i32(FRAME_BYTES)
    code.op('i32.lt_s')
    code.ifUnlikely()
    code.get(this.#task)
    code.i32(EXIT_GO_ON)
    code.memory('i32.store', EXIT_REASON)
    this.#setRip(address)
    code.i64(RESULT.unwind)
    code.return()
    code.end()
    code.get(this.#task)
    this.#lessBudget()
    code.call(SELF)
    this.#unlessJump()
  }
}
