// How code reaches code: block look-up, links, guest calls and the root loop, and the interpreter's special handlers.
// A guest call is a wasm call (`enter`) under a budget of host stack; at its end everything unwinds to `run`, which goes on
// from the task record: no host frame holds guest state.

import { assemble } from '../wasm/assemble.js'
import { Code } from '../wasm/encoder.js'
import * as decoded from './decoded.js'
import type { Helper } from './helpers.js'
import { RESULT } from './helpers.js'
import { EXIT } from './host.js'
import { HANDLER_OF, type HubModule } from './hub-module.js'
import { ASID, BLOCK_HASH, EXIT_REASON, POLL, RIP, STACK_BUDGET } from './record.js'

/** Internal reason: the budget of nested guest calls ran out; `run` goes on from the record. */
export const EXIT_DEPTH = 3
/** Host stack of one nested guest call, in bytes: a handler or region frame and `enter`'s, as Liftoff lays them out. */
export const FRAME_BYTES = 1024

/** Functions of the hub that code calls, after HELPERS in the helper table. Budgets are bytes of host stack. */
export const DISPATCH: readonly Omit<Helper, 'build'>[] = [
  /**
   * (task, call site, budget): calls from a region. A call site is {block i32, direct i32, target i64}: the block once known, and
   * its region's place in the helper table once it has one.
   */
  { name: 'callSite', params: ['i32', 'i32', 'i32'], results: ['i64'] },
  /** (task, call site): links a jump between regions once its target has a place in the helper table. */
  { name: 'linkJump', params: ['i32', 'i32'], results: [] },
  /** (task, link word): calls the block at rip from the interpreter; the link caches it. */
  { name: 'callLinked', params: ['i32', 'i32'], results: ['i64'] },
  /** (task, budget): calls the block at rip. */
  { name: 'callDynamic', params: ['i32', 'i32'], results: ['i64'] },
  /** (task, budget): goes from a region to the region at rip. */
  { name: 'jumpDynamic', params: ['i32', 'i32'], results: ['i64'] },
  /** (task): goes to the block at rip without nesting. */
  { name: 'indirect', params: ['i32'], results: ['i64'] },
  { name: 'enter', params: ['i32', 'i32', 'i32'], results: ['i64'] },
  { name: 'lookup', params: ['i32'], results: ['i32'] },
  { name: 'goto', params: ['i32', 'i32'], results: ['i64'] },
  { name: 'leave', params: ['i32', 'i32'], results: ['i64'] },
  { name: 'setRip', params: ['i32', 'i32'], results: [] },
  { name: 'run', params: ['i32', 'i32'], results: ['i32'] },
]

export function buildDispatch(module: HubModule): void {
  const define = (name: string, code: Code) => module.builder.define(module.index(name), code)
  define('callSite', callSite(module))
  define('linkJump', linkJump(module))
  define('callLinked', callLinked(module))
  define('callDynamic', callDynamic(module))
  define('jumpDynamic', jumpDynamic(module))
  define('indirect', indirect(module))
  define('enter', enter(module))
  define('lookup', lookup(module))
  define('goto', goto(module))
  define('setRip', setRip())
  define('leave', leave(module))
  define('run', run(module))
  define('handler:block', block(module))
  define('handler:goto', gotoHandler(module))
  define('handler:region', region(module))
  define('handler:stale', stale(module))
  define('handler:undefined', undefinedInstruction(module))
}

/** (task) → block head, or 0 with EXIT_REASON set. */
function lookup(module: HubModule): Code {
  const code = new Code(1)
  const rip = code.local('i64')
  const entry = code.local('i32')
  code.get(0)
  code.memory('i32.load', POLL)
  code.if()
  unwindReason(code, 0, EXIT.poll)
  code.i32(0)
  code.return()
  code.end()
  code.get(0)
  code.memory('i64.load', RIP)
  code.tee(rip)
  code.get(rip)
  code.i64(15, 0)
  code.op('i64.shr_u')
  code.op('i64.xor')
  code.op('i32.wrap_i64')
  code.i32(decoded.HASH_ENTRIES - 1)
  code.op('i32.and')
  code.i32(Math.log2(decoded.HASH_ENTRY_SIZE))
  code.op('i32.shl')
  code.get(0)
  code.memory('i32.load', BLOCK_HASH)
  code.op('i32.add')
  code.set(entry)
  code.get(entry)
  code.memory('i64.load', 0)
  code.get(rip)
  code.get(0)
  code.memory('i64.load32_u', ASID)
  code.i64(48, 0)
  code.op('i64.shl')
  code.op('i64.add')
  code.op('i64.eq')
  code.if()
  code.get(entry)
  code.memory('i32.load', 8)
  code.return()
  code.end()
  code.get(0)
  module.call(code, 'findBlock')
  return code
}

/** Calls a handler of the record `block`: the local with it, and the task. */
function callHandler(module: HubModule, code: Code, record: number, task: number, tail: boolean): void {
  code.get(record)
  code.get(task)
  code.get(record)
  code.memory('i32.load', decoded.HANDLER)
  if (tail) code.returnCallIndirect(module.handlerType, module.handlerTable)
  else code.callIndirect(module.handlerType, module.handlerTable)
}

const unwindReason = (code: Code, task: number, reason: number) => {
  code.get(task)
  code.i32(reason)
  code.memory('i32.store', EXIT_REASON)
}

const text = (module: HubModule, source: string): Code =>
  assemble(
    source,
    (name) => module.index(name),
    (name) => module.table(name),
  )

/** A region as it is called from the hub. */
const callRegion = (block: string, budget: string) =>
  `(call_indirect region regions $task ${budget} (i32.load ${block} +${decoded.REGION}))`
const isRegion = (block: string) => `(i32.eq (i32.load ${block} +${decoded.HANDLER}) (i32 ${HANDLER_OF.region}))`
const outOfStack = (rip: string) => `
  (i64.store $task ${rip} +${RIP})
  (i32.store $task (i32 ${EXIT_DEPTH}) +${EXIT_REASON})
  (return (i64 ${RESULT.unwind}))`

/** (task, block, budget): one nested guest call; goes on from block to block until a `ret` or an unwinding. */
const enter = (module: HubModule): Code =>
  text(
    module,
    `(param $task i32) (param $block i32) (param $budget i32) (local $before i32) (local $result i64)
    (if (i32.lt_s $budget (i32 ${FRAME_BYTES})) (then ${outOfStack(`(i64.load $block +${decoded.NEXT})`)}))
    (set $before (i32.load $task +${STACK_BUDGET}))
    (set $budget (i32.sub $budget (i32 ${FRAME_BYTES})))
    (i32.store $task $budget +${STACK_BUDGET})
    (block $done
      (loop $on
        (if ${isRegion('$block')}
          (then (set $result ${callRegion('$block', '$budget')}))
          (else (set $result (call_indirect handler handlers $block $task (i32.load $block +${decoded.HANDLER})))))
        (br_if $done (i64.ne $result (i64 ${RESULT.jump})))
        (br_if $on (tee $block (call $lookup $task)))
        (set $result (i64 ${RESULT.unwind}))))
    (i32.store $task $before +${STACK_BUDGET})
    $result`,
  )

/** Direct calls from regions that do not (yet) have their callee's place in the helper table. */
const callSite = (module: HubModule): Code =>
  text(
    module,
    `(param $task i32) (param $site i32) (param $budget i32) (local $block i32) (local $result i64)
    (if (i32.eqz (tee $block (i32.load $site)))
      (then
        (i64.store $task (i64.load $site +8) +${RIP})
        (if (i32.eqz (tee $block (call $lookup $task))) (then (return (i64 ${RESULT.unwind}))))
        (i32.store $site $block)))
    (if (i32.eqz ${isRegion('$block')}) (then (return_call $enter $task $block $budget)))
    (if (i32.load $block +${decoded.DIRECT}) (then (call $linkSite $site $block)))
    (if (i32.lt_s $budget (i32 ${FRAME_BYTES})) (then ${outOfStack('(i64.load $site +8)')}))
    (set $result ${callRegion('$block', `(i32.sub $budget (i32 ${FRAME_BYTES}))`)})
    (if (i64.eq $result (i64 ${RESULT.jump})) (then (return_call $callDynamic $task $budget)))
    $result`,
  )

const linkJump = (module: HubModule): Code =>
  text(
    module,
    `(param $task i32) (param $site i32) (local $block i32)
    (if (i32.eqz (tee $block (i32.load $site)))
      (then (i32.store $site (tee $block (call $lookup $task)))))
    (if $block (then
      (if (i32.load $block +${decoded.DIRECT}) (then (call $linkSite $site $block)))))`,
  )

const callLinked = (module: HubModule): Code =>
  text(
    module,
    `(param $task i32) (param $link i32) (local $block i32)
    (if (i32.eqz (tee $block (i32.load $link)))
      (then
        (if (i32.eqz (tee $block (call $lookup $task))) (then (return (i64 ${RESULT.unwind}))))
        (i32.store $link $block)))
    (return_call $enter $task $block (i32.load $task +${STACK_BUDGET}))`,
  )

const callDynamic = (module: HubModule): Code =>
  text(
    module,
    `(param $task i32) (param $budget i32) (local $block i32) (local $result i64)
    (if (i32.eqz (tee $block (call $lookup $task))) (then (return (i64 ${RESULT.unwind}))))
    (if (i32.or (i32.eqz ${isRegion('$block')}) (i32.lt_s $budget (i32 ${FRAME_BYTES})))
      (then (return_call $enter $task $block $budget)))
    (set $result ${callRegion('$block', `(i32.sub $budget (i32 ${FRAME_BYTES}))`)})
    (if (i64.eq $result (i64 ${RESULT.jump})) (then (return_call $callDynamic $task $budget)))
    $result`,
  )

/** An indirect jump out of a region: on to the next region on the same frame. */
const jumpDynamic = (module: HubModule): Code =>
  text(
    module,
    `(param $task i32) (param $budget i32) (local $block i32)
    (if (i32.eqz (tee $block (call $lookup $task))) (then (return (i64 ${RESULT.unwind}))))
    (if (i32.eqz ${isRegion('$block')}) (then (return (i64 ${RESULT.jump}))))
    (return_call_indirect region regions $task $budget (i32.load $block +${decoded.REGION}))`,
  )

/** target ← lookup(task); returns `unwind` when there is none. */
function lookupOrUnwind(module: HubModule, code: Code, target: number, task: number): void {
  code.get(task)
  module.call(code, 'lookup')
  code.tee(target)
  code.op('i32.eqz')
  code.if()
  code.i64(RESULT.unwind)
  code.return()
  code.end()
}

function indirect(module: HubModule): Code {
  const code = new Code(1)
  const target = code.local('i32')
  lookupOrUnwind(module, code, target, 0)
  callHandler(module, code, target, 0, true)
  return code
}

/** (record, task): follows a record's direct branch through its link. */
function goto(module: HubModule): Code {
  const code = new Code(2)
  const target = code.local('i32')
  code.get(0)
  code.memory('i32.load', decoded.LINK)
  code.tee(target)
  code.op('i32.eqz')
  code.get(1)
  code.memory('i32.load', POLL)
  code.op('i32.or')
  code.if()
  code.get(1)
  code.get(0)
  code.memory('i64.load', decoded.TARGET)
  code.memory('i64.store', RIP)
  lookupOrUnwind(module, code, target, 1)
  code.get(0)
  code.get(target)
  code.memory('i32.store', decoded.LINK)
  code.end()
  callHandler(module, code, target, 1, true)
  return code
}

/** (record, task): rip ← the record's own address. */
function setRip(): Code {
  const code = new Code(2)
  code.get(1)
  code.get(0)
  code.memory('i64.load', decoded.NEXT)
  code.get(0)
  code.memory('i64.load8_u', decoded.LENGTH)
  code.op('i64.sub')
  code.memory('i64.store', RIP)
  return code
}

/** (record, task): leaves with this instruction as the next to run; EXIT_REASON is set. */
function leave(module: HubModule): Code {
  const code = new Code(2)
  code.get(0)
  code.get(1)
  module.call(code, 'setRip')
  code.i64(RESULT.unwind)
  return code
}

/** The root (task, budget): runs a task from its record until something outside must happen; returns EXIT. */
const run = (module: HubModule): Code =>
  text(
    module,
    `(param $task i32) (param $budget i32) (local $block i32)
    (loop $on
      (if (tee $block (call $lookup $task))
        (then
          (br_if $on (i64.ne (call $enter $task $block $budget) (i64 ${RESULT.unwind})))
          (br_if $on (i32.eq (i32.load $task +${EXIT_REASON}) (i32 ${EXIT_DEPTH}))))))
    (i32.load $task +${EXIT_REASON})`,
  )

/** A block's head: counts entries and offers hot blocks to the optimising tier. */
function block(module: HubModule): Code {
  const code = new Code(2)
  const heat = code.local('i32')
  const following = code.local('i32')
  code.get(0)
  code.get(0)
  code.memory('i32.load', decoded.HEAT)
  code.i32(1)
  code.op('i32.add')
  code.tee(heat)
  code.memory('i32.store', decoded.HEAT)
  code.get(heat)
  code.i32(0)
  code.memory('i32.load', decoded.HOT_THRESHOLD)
  code.op('i32.ge_s')
  code.if()
  code.get(1)
  code.get(0)
  module.call(code, 'hot')
  code.get(0)
  code.memory('i32.load', decoded.HANDLER)
  code.i32(HANDLER_OF.block)
  code.op('i32.ne')
  code.if()
  callHandler(module, code, 0, 1, true)
  code.end()
  code.end()
  code.get(0)
  code.i32(decoded.DECODED_SIZE)
  code.op('i32.add')
  code.tee(following)
  code.get(1)
  code.get(following)
  code.memory('i32.load', decoded.HANDLER)
  code.returnCallIndirect(module.handlerType, module.handlerTable)
  return code
}

function gotoHandler(module: HubModule): Code {
  const code = new Code(2)
  code.get(0)
  code.get(1)
  code.returnCall(module.index('goto'))
  return code
}

function region(module: HubModule): Code {
  const code = new Code(2)
  code.get(1)
  code.get(1)
  code.memory('i32.load', STACK_BUDGET)
  code.get(0)
  code.memory('i32.load', decoded.REGION)
  code.returnCallIndirect(module.regionType, module.regionTable)
  return code
}

/** A head whose code has changed, or the first record after a fetch that failed: look again at its address. */
function stale(module: HubModule): Code {
  const code = new Code(2)
  code.get(1)
  code.get(0)
  code.memory('i64.load', decoded.NEXT)
  code.memory('i64.store', RIP)
  code.get(1)
  code.returnCall(module.index('indirect'))
  return code
}

/** No row for these bytes, or more of them than an instruction may have: the vector is in the record. */
function undefinedInstruction(module: HubModule): Code {
  const code = new Code(2)
  code.get(1)
  code.get(0)
  code.memory('i32.load', decoded.REG0)
  module.call(code, 'raise')
  code.get(0)
  code.get(1)
  code.returnCall(module.index('leave'))
  return code
}
