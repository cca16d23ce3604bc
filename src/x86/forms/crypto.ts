// AES-NI, PCLMULQDQ and the SHA extensions in their legacy encodings. Whole rounds are helpers (engine/crypto-helpers.ts).
// The SHA extensions' memory operands need no alignment on AMD's processors, whatever SDM vol. 2B says of Intel's.

import { and } from '../expr.js'
import { form, type Row } from '../form.js'
import { i32, type Node } from '../ir.js'
import { type Semantics, XMM0 } from '../semantics.js'
import { sha1Message1, sha1Message2, sha1NextE, sha256Message1 } from '../sha.js'
import { bitOf, pickHalf } from '../vector.js'

const by =
  (helper: string): Semantics =>
  (s) =>
    s.setVec(0, s.call(helper, 'v128', s.vec(0), s.vec(1)))
const inline =
  (compute: (a: Node, b: Node) => Node): Semantics =>
  (s) =>
    s.setVec(0, compute(s.vec(0), s.vec(1)))

/** Halves of the two operands that bits 0 and 4 of the immediate name. */
const carryless: Semantics = (s) => {
  const imm = s.immediateByte()
  const halves = [pickHalf(s.vec(0), bitOf(imm, 0)), pickHalf(s.vec(1), bitOf(imm, 4))]
  s.setVec(0, s.call('carrylessProduct', 'v128', ...halves))
}

const sha1Rounds: Semantics = (s) => {
  const kind = and(s.immediateByte(), i32(3))
  const operands = [s.vec(0), s.vec(1)]
  const known = kind.kind === 'const'
  s.setVec(0, s.call(`sha1Rounds${known ? kind.low : ''}`, 'v128', ...operands, ...(known ? [] : [kind])))
}

/** The third operand is xmm0. */
const sha256Rounds: Semantics = (s) => s.setVec(0, s.call('sha256Rounds', 'v128', s.vec(0), s.vec(1), s.get(XMM0, 128)))

export const crypto: readonly Row[] = [
  form('66 0F38 DB /r', 'aesimc', 'Vx Wx', (s) => s.setVec(0, s.call('aesInverseMix', 'v128', s.vec(1))), {
    feature: 'aes',
    vex: 'Vo Wo L0',
  }),
  form('66 0F38 DC /r', 'aesenc', 'Vx Wx', by('aesEncrypt'), { feature: 'aes', vex: 'Vo Ho Wo L0' }),
  form('66 0F38 DD /r', 'aesenclast', 'Vx Wx', by('aesEncryptLast'), { feature: 'aes', vex: 'Vo Ho Wo L0' }),
  form('66 0F38 DE /r', 'aesdec', 'Vx Wx', by('aesDecrypt'), { feature: 'aes', vex: 'Vo Ho Wo L0' }),
  form('66 0F38 DF /r', 'aesdeclast', 'Vx Wx', by('aesDecryptLast'), { feature: 'aes', vex: 'Vo Ho Wo L0' }),
  form(
    '66 0F3A DF /r',
    'aeskeygenassist',
    'Vx Wx Ib',
    (s) => s.setVec(0, s.call('aesKeyAssist', 'v128', s.vec(1), s.immediateByte())),
    { feature: 'aes', vex: 'Vo Wo Ib L0' },
  ),
  form('66 0F3A 44 /r', 'pclmulqdq', 'Vx Wx Ib', carryless, { feature: 'pclmulqdq', vex: 'Vo Ho Wo Ib L0' }),
  form('NP 0F3A CC /r', 'sha1rnds4', 'Vu Wu Ib', sha1Rounds, { feature: 'sha' }),
  form('NP 0F38 C8 /r', 'sha1nexte', 'Vu Wu', inline(sha1NextE), { feature: 'sha' }),
  form('NP 0F38 C9 /r', 'sha1msg1', 'Vu Wu', inline(sha1Message1), { feature: 'sha' }),
  form('NP 0F38 CA /r', 'sha1msg2', 'Vu Wu', inline(sha1Message2), { feature: 'sha' }),
  form('NP 0F38 CB /r', 'sha256rnds2', 'Vu Wu', sha256Rounds, { feature: 'sha' }),
  form('NP 0F38 CC /r', 'sha256msg1', 'Vu Wu', inline(sha256Message1), { feature: 'sha' }),
  form('NP 0F38 CD /r', 'sha256msg2', 'Vu Wu', by('sha256Message2'), { feature: 'sha' }),
]
