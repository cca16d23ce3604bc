// Assembles a function written as folded WebAssembly text, for the few functions that are written by hand:
//   assemble('(param $task i32) (local $n i64) (set $n (i64.load $task +8)) (return (i32.wrap_i64 $n))', (name) => index)
// A subset of the text format: `$name` alone reads a local; (i32 5) and (i64 5) are constants; `+8` is a memory offset;
// (if cond (then …) (else …)) with a result type before the condition where it has one, (loop $l …), (block $l …), (br $l), (br_if $l cond), (call $f …), (return_call $f …),
// (call_indirect type table …) and its return_ form, (copy d s n), (fill d v n), (lane op n …) for accesses to vector lanes.

import { assert } from '../lib/assert.js'
import { Code } from './encoder.js'
import { MEMORY, TYPE_BYTE, type Type } from './opcodes.js'

type Term = string | Term[]

function parse(source: string): Term[] {
  const tokens = source.replace(/;;.*/g, '').match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  const list = (): Term[] => {
    const terms: Term[] = []
    while (at < tokens.length) {
      const token = tokens[at++] as string
      if (token === '(') terms.push(list())
      else if (token === ')') return terms
      else terms.push(token)
    }
    return terms
  }
  return list()
}

/**
 * @param functionIndex gives the index of a function called by name (without `$`)
 * @param indirect gives the index of a type or table named by (call_indirect type table …)
 */
export function assemble(
  source: string,
  functionIndex: (name: string) => number,
  indirect?: (name: string) => number,
): Code {
  const terms = parse(source)
  const declared = (kind: string) =>
    terms.filter((term) => Array.isArray(term) && term[0] === kind) as [string, string, Type][]
  const params = declared('param')
  const code = new Code(params.length)
  const locals = new Map<string, number>()
  params.forEach(([, name], index) => {
    locals.set(name, index)
  })
  for (const [, name, type] of declared('local')) locals.set(name, code.local(type))
  const labels: (string | undefined)[] = []

  const local = (term: Term | undefined): number => {
    const index = locals.get(term as string)
    assert(index !== undefined, `unknown local ${term}`)
    return index
  }
  const depthOf = (label: Term | undefined): number => {
    const position = labels.lastIndexOf(label as string)
    assert(position >= 0, `unknown label ${label}`)
    return labels.length - 1 - position
  }
  const nested = (label: string | undefined, body: readonly Term[]) => {
    labels.push(label)
    body.forEach(emit)
    labels.pop()
  }

  function emit(term: Term): void {
    if (typeof term === 'string') {
      code.get(local(term))
      return
    }
    const [head, ...rest] = term as [string, ...Term[]]
    switch (head) {
      case 'param':
      case 'local':
        return
      case 'i32':
        code.i32(Number(rest[0]))
        return
      case 'i64': {
        const value = BigInt(rest[0] as string)
        code.i64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)))
        return
      }
      case 'set':
      case 'tee':
        emit(rest[1] as Term)
        if (head === 'set') code.set(local(rest[0]))
        else code.tee(local(rest[0]))
        return
      case 'loop':
      case 'block':
        code[head]()
        nested(rest[0] as string, rest.slice(1))
        code.end()
        return
      case 'if': {
        const result = TYPE_BYTE[rest[0] as Type] === undefined ? undefined : (rest.shift() as Type)
        emit(rest[0] as Term)
        code.if(result)
        nested(undefined, (rest[1] as Term[]).slice(1))
        if (rest[2] !== undefined) {
          code.else()
          nested(undefined, (rest[2] as Term[]).slice(1))
        }
        code.end()
        return
      }
      case 'br':
        code.br(depthOf(rest[0]))
        return
      case 'br_if':
        emit(rest[1] as Term)
        code.brIf(depthOf(rest[0]))
        return
      case 'return':
        rest.forEach(emit)
        code.return()
        return
      case 'call':
        rest.slice(1).forEach(emit)
        code.call(functionIndex((rest[0] as string).slice(1)))
        return
      case 'return_call':
        rest.slice(1).forEach(emit)
        code.returnCall(functionIndex((rest[0] as string).slice(1)))
        return
      case 'call_indirect':
      case 'return_call_indirect':
        assert(indirect !== undefined, 'indirect calls need names for types and tables')
        rest.slice(2).forEach(emit)
        if (head === 'call_indirect') code.callIndirect(indirect(rest[0] as string), indirect(rest[1] as string))
        else code.returnCallIndirect(indirect(rest[0] as string), indirect(rest[1] as string))
        return
      case 'select':
        rest.forEach(emit)
        code.select()
        return
      case 'copy':
        rest.forEach(emit)
        code.memoryCopy()
        return
      case 'fill':
        rest.forEach(emit)
        code.memoryFill()
        return
      case 'lane':
        rest.slice(2).forEach(emit)
        code.lane(rest[0] as string, Number(rest[1]))
        return
      case 'drop':
        rest.forEach(emit)
        code.drop()
        return
    }
    const offset = rest.find((one) => typeof one === 'string' && one.startsWith('+')) as string | undefined
    for (const operand of rest) if (operand !== offset) emit(operand)
    if (MEMORY[head] !== undefined) code.memory(head, offset === undefined ? 0 : Number(offset.slice(1)))
    else code.op(head)
  }
  terms.forEach(emit)
  return code
}
