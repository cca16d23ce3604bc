// What the subjects read, made once into bench/.cache: a static Lua linked against Debian's liblua5.4.a, a text of words
// and a file of random bytes, both the same on every machine (seeded).

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixturePath, projectRoot } from '../fixtures/root.js'
import type { Material } from './subjects.js'

const cache = join(projectRoot, 'bench', '.cache')

/** xorshift32; never zero. */
function randomWords(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

function writeWords(path: string): void {
  const random = randomWords(2463534242)
  const word = () => (random() % 60_000).toString(36).replace(/\d/g, (digit) => 'aeiouklmnr'[Number(digit)] as string)
  const lines = Array.from({ length: 250_000 }, () => `${word()} ${word()} ${random() % 100_000} ${word()}\n`)
  writeFileSync(path, lines.join(''))
}

function writeRandom(path: string): void {
  const random = randomWords(88675123)
  writeFileSync(path, Uint32Array.from({ length: 50_000_000 / 4 }, random))
}

function linkLua(path: string): void {
  const source = join(projectRoot, 'fixtures', 'src', 'lua.c')
  const flags = ['-O2', '-static', '-s', '-I/usr/include/lua5.4', '-o', path, source, '-llua5.4', '-lm']
  const { status, stderr } = spawnSync('gcc', flags, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`no static Lua: ${stderr || 'gcc is missing'}`)
}

const make: Record<Material, (path: string) => void> = { lua: linkLua, words: writeWords, random: writeRandom }

function material(name: Material): string {
  const path = join(cache, name)
  if (!existsSync(path)) {
    mkdirSync(cache, { recursive: true })
    make[name](`${path}.part`)
    renameSync(`${path}.part`, path)
  }
  return path
}

/** The command with materials in place of their braces. Throws an Error that says what could not be made. */
export function prepare([program, ...args]: readonly string[]): readonly string[] {
  const replace = (text: string): string =>
    text
      .replace('{scripts}', join(projectRoot, 'bench', 'lua'))
      .replace(/^\{(lua|words|random)\}$/, (_, name: Material) => material(name))
  const resolved = replace(program as string)
  const path = resolved.startsWith('/') ? resolved : fixturePath(resolved)
  if (!existsSync(path)) throw new Error(`${path} is not installed`)
  return [path, ...args.map(replace)]
}
