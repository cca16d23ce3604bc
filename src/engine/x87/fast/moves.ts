// Fast x87 instructions that do not compute: between registers, signs, and what fxam says. They take any number.

import type { Helper } from '../../helpers.js'
import {
  CLEAR_C1,
  commit,
  exponentOf,
  fast,
  fill,
  free,
  get,
  isEmpty,
  POP,
  put,
  RM,
  SIGN,
  ST0,
  setSignAndExponent,
  signAndExponent,
  significand,
  TOP_BIT,
} from './stack.js'

const exchange = fast(
  'exchange',
  `${get(ST0)}
  ${get(RM, '$n', '$sf')}
  ${put(RM, '$m', '$se')}
  ${put(ST0, '$n', '$sf')}
  ${CLEAR_C1}
  ${commit()}`,
)

/** fst st(i), whose digit is even, and fstp st(i). */
const move = fast(
  'move',
  `${get(ST0)}
  ${put(RM, '$m', '$se')}
  ${fill(RM)}
  (if (i32.and $operation (i32 8)) (then ${POP}))
  ${CLEAR_C1}
  ${commit()}`,
)

/** fcmov: $bits is its condition. */
const moveWhen = fast(
  'moveWhen',
  `${get(ST0)}
  ${get(RM)}
  (if (i32.wrap_i64 $bits) (then ${put(ST0, '$m', '$se')}))`,
)

const release = fast('release', `${free(RM)} ${CLEAR_C1} ${commit()}`)

/** fabs and fchs, by the last bit of the operation. */
const sign = fast(
  'sign',
  `${get(ST0)}
  (set $se (if i32 (i32.and $operation (i32 1))
    (then ${exponentOf('$se')})
    (else (i32.xor $se ${SIGN}))))
  ${setSignAndExponent(ST0, '$se')}
  ${CLEAR_C1}
  ${commit()}`,
)

/** fxam (SDM vol. 2A, table 3-43): C1 the sign; empty C3 C0, unsupported none, NaN C0, normal C2, infinity C2 C0, zero C3, denormal C3 C2. */
const examine = fast(
  'examine',
  `(set $m ${significand(ST0)})
  (set $se ${signAndExponent(ST0)})
  (set $e ${exponentOf('$se')})
  (set $d (i32 0x400))
  (if (i32.eqz $e)
    (then (set $d (select (i32 0x4000) (i32 0x4400) (i64.eqz $m))))
    (else
      (if (i64.ge_s $m (i64 0))
        (then (set $d (i32 0)))
        (else
          (if (i32.eq $e (i32 0x7fff))
            (then (set $d (select (i32 0x500) (i32 0x100) (i64.eq $m ${TOP_BIT})))))))))
  (if ${isEmpty(ST0)} (then (set $d (i32 0x4100))))
  (set $status (i32.or (i32.and $status (i32 0xb8ff)) (i32.or $d (i32.shr_u (i32.and $se ${SIGN}) (i32 6)))))
  ${commit()}`,
)

export const fastMoves: readonly Helper[] = [exchange, move, moveWhen, release, sign, examine]
