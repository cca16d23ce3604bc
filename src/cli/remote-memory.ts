// written next
import type { MemoryMethods } from '../wire/memory-protocol.js'
export function connectMemory(_address: string): MemoryMethods { throw new Error('x') }
