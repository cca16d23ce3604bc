// Which code a task's float operations need. Regions compute with wasm's operations, which round to nearest and keep no exception
// flags; *careful* ones call the exact helpers. A task runs careful code once MXCSR's control bits are not the default, or once
// an instruction has looked at its flags. Flags raised in regions before that are lost: the one approximation.
// The mode is a bit of the keys of the code cache, so both kinds of code of one address live side by side; who changes it goes
// on from the root (`run`), as no frame of the other mode may go on.

import { EXIT_GO_ON } from './host.js'
import { ASID, CODE_KEY, EXIT_REASON, FP_OBSERVED, FP_RAISED, MXCSR, RIP } from './record.js'

/** MXCSR as after reset: all exceptions masked, round to nearest (SDM vol. 1, 10.2.3). */
export const MXCSR_DEFAULT = 0x1f80
const CONTROL_BITS = 0xffc0
/** In CODE_KEY. */
export const CAREFUL = 0x8000

/** The task's key as its record is now. */
function codeKey(view: DataView, task: number): number {
  const special = (view.getInt32(task + MXCSR, true) & CONTROL_BITS) !== MXCSR_DEFAULT
  const careful = special || view.getInt32(task + FP_OBSERVED, true) !== 0
  return (view.getInt32(task + ASID, true) << 16) | (careful ? CAREFUL : 0)
}

/** Before code runs: no instruction is in progress, and the key is of this record. */
export function enterMode(view: DataView, task: number): void {
  view.setInt32(task + FP_RAISED, 0, true)
  view.setInt32(task + CODE_KEY, codeKey(view, task), true)
}

/** For a helper that has changed MXCSR or looked at it: its status. 1 when that changes the mode: then the task goes on at `next` from the root. */
export function leaveForMode(view: DataView, task: number, nextLow: number, nextHigh: number): number {
  const key = codeKey(view, task)
  if (view.getInt32(task + CODE_KEY, true) === key) return 0
  view.setInt32(task + CODE_KEY, key, true)
  view.setInt32(task + RIP, nextLow, true)
  view.setInt32(task + RIP + 4, nextHigh, true)
  view.setInt32(task + EXIT_REASON, EXIT_GO_ON, true)
  return 1
}

/** The same in wasm, with the address of the next instruction in $next. */
export const goOnInMode = `
  (set $key (i32.or (i32.shl (i32.load $task +${ASID}) (i32 16))
    (select (i32 ${CAREFUL}) (i32 0) (i32.or (i32.load $task +${FP_OBSERVED})
      (i32.ne (i32.and (i32.load $task +${MXCSR}) (i32 ${CONTROL_BITS})) (i32 ${MXCSR_DEFAULT}))))))
  (if (i32.eq $key (i32.load $task +${CODE_KEY})) (then (return (i32 0))))
  (i32.store $task $key +${CODE_KEY})
  (i64.store $task $next +${RIP})
  (i32.store $task (i32 ${EXIT_GO_ON}) +${EXIT_REASON})
  (i32 1)`
