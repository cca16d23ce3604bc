// What a fast x87 instruction works with beside st(0): a register, or a number in memory, as a significand and sign and exponent.

import { exactWhen, get, RM, TOP_BIT } from './stack.js'

/** Opcode bits in the operation: of memory operands, whether they are integers, and whether reals are doubles. */
const INTEGER = '(i32.and $operation (i32 0x200))'
const DOUBLE = '(i32.and $operation (i32 0x400))'
const REGISTER = '(i32.ge_u (i32.and $operation (i32 0xff)) (i32 0xc0))'

/** A single or double at the top of ${m}: `width` bits of exponent, and the difference of the biases. */
const real = (m: string, se: string, width: number, bias: number): string => `
  (set $e (i32.wrap_i64 (i64.shr_u (i64.shl ${m} (i64 1)) (i64 ${64 - width}))))
  (if (i64.eqz (i64.shl ${m} (i64 1)))
    (then (set ${m} (i64 0)))
    (else
      ${exactWhen(`(i32.ge_u (i32.sub $e (i32 1)) (i32 ${2 ** width - 2}))`)}
      (set ${m} (i64.or ${TOP_BIT} (i64.shl ${m} (i64 ${width}))))
      (set ${se} (i32.or ${se} (i32.add $e (i32 ${bias}))))))`
const integer = (m: string, se: string): string => `
  (if (i64.ne ${m} (i64 0))
    (then
      (if (i64.lt_s ${m} (i64 0)) (then (set ${m} (i64.sub (i64 0) ${m}))))
      (set ${se} (i32.or ${se} (i32.sub (i32 16446) (i32.wrap_i64 (i64.clz ${m})))))
      (set ${m} (i64.shl ${m} (i64.clz ${m})))))`

/** The operand that the operation names; integers are sign-extended in $bits, singles in its low half. */
export const operand = (m: string, se: string): string => `
  (if ${REGISTER}
    (then ${get(RM, m, se)})
    (else
      (set ${m} (if i64 (i32.or ${INTEGER} ${DOUBLE}) (then $bits) (else (i64.shl $bits (i64 32)))))
      (set ${se} (i32.wrap_i64 (i64.shl (i64.shr_u ${m} (i64 63)) (i64 15))))
      (if ${INTEGER}
        (then ${integer(m, se)})
        (else
          (if ${DOUBLE}
            (then ${real(m, se, 11, 15360)})
            (else ${real(m, se, 8, 16256)}))))))`
