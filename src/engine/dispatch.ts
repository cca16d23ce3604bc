// How code reaches code: block look-up, links, guest calls and the root loop, and the interpreter's special handlers.
// A guest call is a wasm call (`enter`) under a budget of host stack; at its end everything unwinds to `run`, which goes on
// from the task record: no host frame holds guest state.

import { assemble } from '../wasm/assemble.js'
import type { Type } from '../wasm/opcodes.js'
import * as decoded from './decoded.js'
import { RESULT } from './helpers.js'
import { EXIT, EXIT_GO_ON } from './host.js'
import { HANDLER_OF, type SPECIAL } from './hub-layout.js'
import type { HubModule } from './hub-module.js'
import { BLOCK_HASH, CODE_KEY, EXIT_REASON, POLL, RIP, STACK_BUDGET } from './record.js'

/** Host stack of one nested guest call, in bytes: a handler or region frame and `enter`'s, as Liftoff lays them out. */
export const FRAME_BYTES = 1024

/** A region as it is called from the hub. */
const callRegion = (block: string, budget: string) =>
  `(call_indirect region regions $task ${budget} (i32.load ${block} +${decoded.REGION}))`
const isRegion = (block: string) => `(i32.eq (i32.load ${block} +${decoded.HANDLER}) (i32 ${HANDLER_OF.region}))`
const handlerOf = (record: string) => `handler handlers ${record} $task (i32.load ${record} +${decoded.HANDLER})`
const lessBudget = `(i32.sub $budget (i32 ${FRAME_BYTES}))`
const outOfStack = (rip: string) => `
  (i64.store $task ${rip} +${RIP})
  (i32.store $task (i32 ${EXIT_GO_ON}) +${EXIT_REASON})
  (return (i64 ${RESULT.unwind}))`
/** $block ← the block at rip; unwinds when there is none. */
const lookup = `(if (i32.eqz (tee $block (call $lookup $task))) (then (return (i64 ${RESULT.unwind}))))`

type Row = {
  readonly name: string
  readonly params: readonly Type[]
  readonly results: readonly Type[]
  readonly body: string
}

/** Functions of the hub that code calls, after HELPERS in the helper table. Budgets are bytes of host stack. */
export const DISPATCH: readonly Row[] = [
  {
    /** Direct calls from regions whose call site (call-site.ts) is not linked to a place in the helper table (yet). */
    name: 'callSite',
    params: ['i32', 'i32', 'i32'],
    results: ['i64'],
    body: `(param $task i32) (param $site i32) (param $budget i32) (local $block i32) (local $result i64)
      (if (i32.eqz (tee $block (i32.load $site)))
        (then
          (i64.store $task (i64.load $site +8) +${RIP})
          ${lookup}
          (i32.store $site $block)))
      (if (i32.eqz ${isRegion('$block')}) (then (return_call $enter $task $block $budget)))
      (if (i32.load $block +${decoded.DIRECT}) (then (call $linkSite $site $block)))
      (if (i32.lt_s $budget (i32 ${FRAME_BYTES})) (then ${outOfStack('(i64.load $site +8)')}))
      (set $result ${callRegion('$block', lessBudget)})
      (if (i64.eq $result (i64 ${RESULT.jump})) (then (return_call $callDynamic $task $budget)))
      $result`,
  },
  {
    /** Links a jump between regions once its target has a place in the helper table. */
    name: 'linkJump',
    params: ['i32', 'i32'],
    results: [],
    body: `(param $task i32) (param $site i32) (local $block i32)
      (if (i32.eqz (tee $block (i32.load $site)))
        (then (i32.store $site (tee $block (call $lookup $task)))))
      (if $block (then
        (if (i32.load $block +${decoded.DIRECT}) (then (call $linkSite $site $block)))))`,
  },
  {
    /** Calls the block at rip from the interpreter; the link word caches it. */
    name: 'callLinked',
    params: ['i32', 'i32'],
    results: ['i64'],
    body: `(param $task i32) (param $link i32) (local $block i32)
      (if (i32.eqz (tee $block (i32.load $link)))
        (then ${lookup} (i32.store $link $block)))
      (return_call $enter $task $block (i32.load $task +${STACK_BUDGET}))`,
  },
  {
    /** Calls the block at rip. */
    name: 'callDynamic',
    params: ['i32', 'i32'],
    results: ['i64'],
    body: `(param $task i32) (param $budget i32) (local $block i32) (local $result i64)
      ${lookup}
      (if (i32.or (i32.eqz ${isRegion('$block')}) (i32.lt_s $budget (i32 ${FRAME_BYTES})))
        (then (return_call $enter $task $block $budget)))
      (set $result ${callRegion('$block', lessBudget)})
      (if (i64.eq $result (i64 ${RESULT.jump})) (then (return_call $callDynamic $task $budget)))
      $result`,
  },
  {
    /** An indirect jump out of a region: on to the next region on the same frame. */
    name: 'jumpDynamic',
    params: ['i32', 'i32'],
    results: ['i64'],
    body: `(param $task i32) (param $budget i32) (local $block i32)
      ${lookup}
      (if (i32.eqz ${isRegion('$block')}) (then (return (i64 ${RESULT.jump}))))
      (return_call_indirect region regions $task $budget (i32.load $block +${decoded.REGION}))`,
  },
  {
    /** Goes to the block at rip without nesting. */
    name: 'indirect',
    params: ['i32'],
    results: ['i64'],
    body: `(param $task i32) (local $block i32) ${lookup} (return_call_indirect ${handlerOf('$block')})`,
  },
  {
    /** (task, block, budget): one nested guest call; goes on from block to block until a `ret` or an unwinding. */
    name: 'enter',
    params: ['i32', 'i32', 'i32'],
    results: ['i64'],
    body: `(param $task i32) (param $block i32) (param $budget i32) (local $before i32) (local $result i64)
      (if (i32.lt_s $budget (i32 ${FRAME_BYTES})) (then ${outOfStack(`(i64.load $block +${decoded.NEXT})`)}))
      (set $before (i32.load $task +${STACK_BUDGET}))
      (set $budget ${lessBudget})
      (i32.store $task $budget +${STACK_BUDGET})
      (block $done
        (loop $on
          (if ${isRegion('$block')}
            (then (set $result ${callRegion('$block', '$budget')}))
            (else (set $result (call_indirect ${handlerOf('$block')}))))
          (br_if $done (i64.ne $result (i64 ${RESULT.jump})))
          (br_if $on (tee $block (call $lookup $task)))
          (set $result (i64 ${RESULT.unwind}))))
      (i32.store $task $before +${STACK_BUDGET})
      $result`,
  },
  {
    /** (task) → the head of the block at rip, or 0 with EXIT_REASON set; comes by at the poll word. */
    name: 'lookup',
    params: ['i32'],
    results: ['i32'],
    body: `(param $task i32) (local $rip i64) (local $entry i32)
      (if (i32.load $task +${POLL})
        (then (i32.store $task (i32 ${EXIT.poll}) +${EXIT_REASON}) (return (i32 0))))
      (set $rip (i64.load $task +${RIP}))
      (set $entry (i32.add (i32.load $task +${BLOCK_HASH})
        (i32.shl
          (i32.and (i32.wrap_i64 (i64.xor $rip (i64.shr_u $rip (i64 15)))) (i32 ${decoded.HASH_ENTRIES - 1}))
          (i32 ${Math.log2(decoded.HASH_ENTRY_SIZE)}))))
      (if (i64.eq (i64.load $entry) (i64.add $rip (i64.shl (i64.load32_u $task +${CODE_KEY}) (i64 32))))
        (then (return (i32.load $entry +8))))
      (call $findBlock $task)`,
  },
  {
    /** Follows a record's direct branch through its link. */
    name: 'goto',
    params: ['i32', 'i32'],
    results: ['i64'],
    body: `(param $record i32) (param $task i32) (local $block i32)
      (set $block (i32.load $record +${decoded.LINK}))
      (if (i32.or (i32.eqz $block) (i32.load $task +${POLL}))
        (then
          (i64.store $task (i64.load $record +${decoded.TARGET}) +${RIP})
          ${lookup}
          (i32.store $record $block +${decoded.LINK})))
      (return_call_indirect ${handlerOf('$block')})`,
  },
  {
    /** Leaves with this instruction as the next to run; EXIT_REASON is set. */
    name: 'leave',
    params: ['i32', 'i32'],
    results: ['i64'],
    body: `(param $record i32) (param $task i32) (call $setRip $record $task) (i64 ${RESULT.unwind})`,
  },
  {
    /** rip ← the record's own address. */
    name: 'setRip',
    params: ['i32', 'i32'],
    results: [],
    body: `(param $record i32) (param $task i32)
      (i64.store $task (i64.sub (i64.load $record +${decoded.NEXT}) (i64.load8_u $record +${decoded.LENGTH})) +${RIP})`,
  },
  {
    /** (task, record, budget): runs one instruction's record; POLL is set, so that the next look-up leaves. Returns EXIT. */
    name: 'step',
    params: ['i32', 'i32', 'i32'],
    results: ['i32'],
    body: `(param $task i32) (param $record i32) (param $budget i32)
      (i32.store $task (i32 ${EXIT.poll}) +${EXIT_REASON})
      (drop (call $enter $task $record $budget))
      (i32.load $task +${EXIT_REASON})`,
  },
  {
    /** The root (task, budget): runs a task from its record until something outside must happen; returns EXIT. */
    name: 'run',
    params: ['i32', 'i32'],
    results: ['i32'],
    body: `(param $task i32) (param $budget i32) (local $block i32)
      (loop $on
        (if (tee $block (call $lookup $task))
          (then
            (br_if $on (i64.ne (call $enter $task $block $budget) (i64 ${RESULT.unwind})))
            (br_if $on (i32.eq (i32.load $task +${EXIT_REASON}) (i32 ${EXIT_GO_ON}))))))
      (i32.load $task +${EXIT_REASON})`,
  },
]

const handlerParams = '(param $record i32) (param $task i32)'
/** The interpreter's handlers that are not instructions. */
const HANDLERS: Readonly<Record<(typeof SPECIAL)[number], string>> = {
  /** A block's head: counts entries and offers hot blocks to the optimising tier. */
  block: `${handlerParams} (local $heat i32)
    (set $heat (i32.add (i32.load $record +${decoded.HEAT}) (i32 1)))
    (i32.store $record $heat +${decoded.HEAT})
    (if (i32.ge_s $heat (i32.load (i32 0) +${decoded.HOT_THRESHOLD}))
      (then
        (call $hot $task $record)
        (if (i32.ne (i32.load $record +${decoded.HANDLER}) (i32 ${HANDLER_OF.block}))
          (then (return_call_indirect ${handlerOf('$record')})))))
    (set $record (i32.add $record (i32 ${decoded.DECODED_SIZE})))
    (return_call_indirect ${handlerOf('$record')})`,
  goto: `${handlerParams} (return_call $goto $record $task)`,
  region: `${handlerParams}
    (return_call_indirect region regions $task (i32.load $task +${STACK_BUDGET}) (i32.load $record +${decoded.REGION}))`,
  /** A head whose code has changed: look again at its address. */
  stale: `${handlerParams}
    (i64.store $task (i64.load $record +${decoded.NEXT}) +${RIP})
    (return_call $indirect $task)`,
  /** No row for these bytes, or more of them than an instruction may have: the vector is in the record. */
  undefined: `${handlerParams}
    (call $raise $task (i32.load $record +${decoded.REG0}))
    (return_call $leave $record $task)`,
}

export function buildDispatch(module: HubModule): void {
  const define = (name: string, body: string) =>
    module.builder.define(
      module.index(name),
      assemble(
        body,
        (called) => module.index(called),
        (named) => module.table(named),
      ),
    )
  for (const { name, body } of DISPATCH) define(name, body)
  for (const [name, body] of Object.entries(HANDLERS)) define(`handler:${name}`, body)
}
