// The x87 instructions that programs use most, as wasm of the hub; each hands what is unusual to the exact helper (../helper.ts).

import type { Helper } from '../../helpers.js'
import { fastArithmetic } from './arithmetic.js'
import { fastCompare } from './compare.js'
import { fastMemory } from './memory.js'
import { fastMoves } from './moves.js'

export const x87Fast: readonly Helper[] = [...fastMemory, ...fastArithmetic, ...fastCompare, ...fastMoves]
