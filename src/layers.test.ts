// The layers: which directory may import which. The one table is in README.md, under "Layout"; this test reads it and
// checks every import of every source file against it. Tests (*.test.ts, *.cases.ts) may import what they like.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const root = resolve(__dirname, '..')

interface Layer {
  readonly directory: string
  /** Directories it may import besides itself. */
  readonly imports: readonly string[]
  /** npm packages it may import. */
  readonly packages: readonly string[]
}

/** Rows look like: | `src/host` | what it is | `src/lib` `src/abi` | koffi | */
function layersOf(readme: string): readonly Layer[] {
  const table = readme.slice(readme.indexOf('| directory |')).split('\n\n')[0] as string
  return table
    .split('\n')
    .slice(2)
    .flatMap((row) => {
      const [directories = '', , imports = '', packages = ''] = row.split('|').slice(1)
      const paths = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string)
      return paths(directories).map((directory) => ({
        directory,
        imports: paths(imports),
        packages: packages.split(/\s+/).filter(Boolean),
      }))
    })
}

const layers = layersOf(readFileSync(join(root, 'README.md'), 'utf8'))

function layerOf(path: string): Layer | undefined {
  return layers.find(({ directory }) => path === directory || path.startsWith(`${directory}/`))
}

const importPattern =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm

/** What a file, by its path from the root, imports against the table. */
function violations(path: string, source: string): readonly string[] {
  const layer = layerOf(path)
  if (!layer)
    return path.startsWith('src/') && path.includes('/', 4) ? [`${path} is in no layer of README's table`] : []
  return [...source.matchAll(importPattern)].flatMap((match) => {
    const specifier = (match[1] ?? match[2] ?? match[3]) as string
    if (specifier.startsWith('node:')) return []
    if (!specifier.startsWith('.')) {
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
      return layer.packages.includes(name) ? [] : [`${path} imports the package ${name}`]
    }
    const target = relative(root, resolve(root, dirname(path), specifier))
    const other = layerOf(target)?.directory ?? 'no layer at all'
    return other === layer.directory || layer.imports.includes(other) ? [] : [`${path} imports ${target} of ${other}`]
  })
}

function sourcesUnder(directory: string): readonly string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.(test|cases)\.ts$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => join(directory, name))
}

test('the table names every directory of src', () => {
  const directories = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const unknown = directories.map(({ name }) => `src/${name}`).filter((directory) => !layerOf(directory))
  expect(layers.length).toBeGreaterThan(10)
  expect(unknown).toEqual([])
})

test('the table imports only directories that it names', () => {
  const known = layers.map(({ directory }) => directory)
  expect(layers.flatMap(({ imports }) => imports).filter((directory) => !known.includes(directory))).toEqual([])
})

test('every import is one that the table allows', () => {
  const files = ['src', 'syscalls', 'fixtures', 'bench']
    .filter((name) => existsSync(join(root, name)))
    .flatMap(sourcesUnder)
  expect(files.flatMap((path) => violations(path, readFileSync(join(root, path), 'utf8')))).toEqual([])
})

test.each([
  ["import { x } from '../engine/record.js'", 'src/excache/a.ts', 'imports src/engine/record.js of src/engine'],
  ["import type {\n  X,\n} from '../../processor/task.js'", 'src/x86/forms/a.ts', 'of src/processor'],
  ["export { x } from '../cli/main.js'", 'src/lib/a.ts', 'of src/cli'],
  ["const late = await import('../cli/main.js')", 'src/lib/a.ts', 'of src/cli'],
  ["import koffi from 'koffi'", 'src/memory/a.ts', 'imports the package koffi'],
])('%j in %s is refused', (source, path, complaint) => {
  expect(violations(path, source).join()).toContain(complaint)
})

test('imports inside a layer, of allowed layers and of Node are not refused', () => {
  const source = "import { a } from '../ir.js'\nimport { b } from '../../lib/assert.js'\nimport { c } from 'node:fs'\n"
  expect(violations('src/x86/forms/a.ts', source)).toEqual([])
})
