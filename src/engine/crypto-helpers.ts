// AES, SHA and carry-less products as helpers: a round is a hundred wasm instructions and more (x86/aes.ts, x86/sha.ts,
// x86/carryless.ts).

import * as aes from '../x86/aes.js'
import { carrylessProduct } from '../x86/carryless.js'
import { i32 } from '../x86/ir.js'
import { sha1Rounds, sha256Message2, sha256Rounds } from '../x86/sha.js'
import type { Helper } from './helpers.js'
import { pureHelper } from './pure-helper.js'

export const cryptoHelpers: readonly Helper[] = [
  pureHelper('aesEncrypt', ['v128', 'v128'], 'v128', aes.aesEncrypt),
  pureHelper('aesEncryptLast', ['v128', 'v128'], 'v128', aes.aesEncryptLast),
  pureHelper('aesDecrypt', ['v128', 'v128'], 'v128', aes.aesDecrypt),
  pureHelper('aesDecryptLast', ['v128', 'v128'], 'v128', aes.aesDecryptLast),
  pureHelper('aesInverseMix', ['v128'], 'v128', aes.aesInverseMix),
  pureHelper('aesKeyAssist', ['v128', 'i32'], 'v128', aes.aesKeyAssist),
  pureHelper('carrylessProduct', ['i64', 'i64'], 'v128', carrylessProduct),
  // The four kinds that regions know, and the one the interpreter finds in the immediate.
  ...[0, 1, 2, 3].map((kind) =>
    pureHelper(`sha1Rounds${kind}`, ['v128', 'v128'], 'v128', (state, message) =>
      sha1Rounds(state, message, i32(kind)),
    ),
  ),
  pureHelper('sha1Rounds', ['v128', 'v128', 'i32'], 'v128', sha1Rounds),
  pureHelper('sha256Rounds', ['v128', 'v128', 'v128'], 'v128', sha256Rounds),
  pureHelper('sha256Message2', ['v128', 'v128'], 'v128', sha256Message2),
]
