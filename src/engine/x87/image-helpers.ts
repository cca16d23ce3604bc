// What environments and images of the x87 state need beside the words of the record: the registers by their place on the stack, and full
// tags (SDM vol. 1, 8.1.7 and 8.1.10). Wasm of the hub.

import { assemble } from '../../wasm/assemble.js'
import type { Type } from '../../wasm/opcodes.js'
import type { Helper } from '../helpers.js'
import { X87, X87_STATUS, X87_STRIDE, X87_TAG } from '../record.js'

/** The record's address of st($n) when the top is that of the status word `status`. */
const register = (status: string): string =>
  `(i32.add $task (i32.mul (i32.and (i32.add (i32.shr_u ${status} (i32 11)) $n) (i32 7)) (i32 ${X87_STRIDE})))`
const current = register(`(i32.load $task +${X87_STATUS})`)

/** Valid 0, zero 1, special 2; empty registers are 3 already. */
const fullTags = `(local $n i32) (local $tags i32) (local $at i32) (local $exponent i32) (local $high i64) (local $tag i32)
  (set $tags (i32.and (i32.load $task +${X87_TAG}) (i32 0xffff)))
  (loop $next
    (if (i32.eqz (i32.and (i32.shr_u $tags (i32.shl $n (i32 1))) (i32 3)))
      (then
        (set $at (i32.add $task (i32.mul $n (i32 ${X87_STRIDE}))))
        (set $high (i64.load $at +${X87}))
        (set $exponent (i32.and (i32.load16_u $at +${X87 + 8}) (i32 0x7fff)))
        (set $tag (i32.shl (i32.or (i32.eq $exponent (i32 0x7fff)) (i64.ge_s $high (i64 0))) (i32 1)))
        (if (i32.eqz $exponent) (then (set $tag (select (i32 1) (i32 2) (i64.eqz $high)))))
        (set $tags (i32.or $tags (i32.shl $tag (i32.shl $n (i32 1)))))))
    (br_if $next (i32.lt_u (tee $n (i32.add $n (i32 1))) (i32 8))))
  $tags`

const helper = (name: string, params: string, results: readonly Type[], body: string): Helper => {
  const declared = params.split(' ').map((word) => word.split(':') as [string, Type])
  return {
    name,
    params: declared.map(([, type]) => type),
    results,
    build: (hub) =>
      assemble(`${declared.map(([one, type]) => `(param $${one} ${type})`).join(' ')} ${body}`, (called) =>
        hub.index(called),
      ),
  }
}

export const x87ImageHelpers: readonly Helper[] = [
  helper('x87.fullTags', 'task:i32', ['i32'], fullTags),
  /** Of st(n). */
  helper('x87.significand', 'task:i32 n:i32', ['i64'], `(i64.load ${current} +${X87})`),
  helper('x87.signAndExponent', 'task:i32 n:i32', ['i32'], `(i32.load16_u ${current} +${X87 + 8})`),
  /** Sets st(n) as a status word counts; answers 0. */
  helper(
    'x87.setRegister',
    'task:i32 status:i32 n:i32 significand:i64 exponent:i32',
    ['i32'],
    `(i64.store ${register('$status')} $significand +${X87})
    (i32.store16 ${register('$status')} $exponent +${X87 + 8})
    (i32 0)`,
  ),
]
