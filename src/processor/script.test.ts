// Interpreter lines as the kernel reads them (fs/binfmt_script.c).
import { parseScript } from './script.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const shown = (text: string) => {
  const script = parseScript(bytes(text))
  if (script === null) return null
  const decode = (part: Uint8Array) => new TextDecoder().decode(part)
  return [decode(script.interpreter), script.argument === null ? null : decode(script.argument)]
}

test.each([
  ['#!/bin/sh\necho', ['/bin/sh', null]],
  ['#!/bin/sh', ['/bin/sh', null]],
  ['#! \t /bin/sh  -e  \n', ['/bin/sh', '-e']],
  ['#!/usr/bin/env -S a b\n', ['/usr/bin/env', '-S a b']],
  ['#!/bin/sh\0-x\n', ['/bin/sh', null]],
  ['#!\n', ['', null]],
  ['#!   \n', ['', null]],
  ['echo', null],
  ['#', null],
  ['', null],
])('%j names %j', (text, expected) => {
  expect(shown(text)).toEqual(expected)
})

test('a name that may be cut off by the 256-byte buffer is not used', () => {
  expect(shown(`#!/${'a'.repeat(300)}\n`)).toEqual(['', null])
  expect(shown(`#!/${'a'.repeat(200)}\n`)).toEqual([`/${'a'.repeat(200)}`, null])
})
