// Build step after tsc: puts what `lego run` needs into dist/start, two files instead of two hundred, with V8's code cache of the one
// that the worker runs. `node dist/src/cli/bundle.js`. Half of a short run is else spent on finding and compiling small modules;
// nothing depends on it: bin/lego takes what tsc made when that is newer.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { build, type Plugin } from 'esbuild'
import { formsByOpcode } from '../x86/table.js'
import { BUNDLE_NAME, wrapped } from './bundle-script.js'

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const compiled = pathOf('./')
const dist = pathOf('../..')
const bundled = pathOf('../../start')
/** Made here and then renamed: a bundle is never seen without its cache, nor with another's. */
const building = `${bundled}.${process.pid}`
/** Runs of them fill the code cache, each adding to it: one compiles regions, the other is a C library's start. */
const WARM_UPS = ['functions', 'pie'].map((name) => pathOf(`../../../fixtures/bin/${name}`))

interface Replacement {
  readonly file: RegExp
  readonly from: string
  readonly to: string
}

/** The engine's import of one function, which loads its module when it is called. */
function lazily(name: string, module: string): Replacement {
  return {
    file: /\/engine\/engine\.js$/,
    from: `import { ${name} } from './${module}'`,
    to: `const ${name} = (...args) => require('./${module}').${name}(...args)`,
  }
}

/** What is found by its place beside the compiled file: found from the bundle as well. And what a short run does not need. */
const PLACES: readonly Replacement[] = [
  { file: /\/elf-image\.js$/, from: 'createRequire(import.meta.url)', to: 'require' },
  { file: /\/koffi\.js$/, from: 'createRequire(import.meta.url)', to: 'require' },
  { file: /\/cached-start\.js$/, from: 'createRequire(import.meta.url)', to: 'require' },
  { file: /\/run\.js$/, from: 'const hub = compiledHub()', to: 'const hub = preparedHub' },
  // What builds code waits until code is built.
  lazily('planRegion', 'regions/compile.js'),
  lazily('buildInterpreter', 'interpreter.js'),
  {
    file: /\/decoder\.js$/,
    from: 'const byOpcode = formsByOpcode()',
    to: `const byOpcode = JSON.parse('${JSON.stringify(Object.fromEntries(Object.entries(formsByOpcode())))}')`,
  },
  // Node's `assert` brings its streams with it; elfy uses it for sections alone, which nobody asks for.
  {
    file: /\/elfy\/parser\.js$/,
    from: "require('assert')",
    to: "{ equal: (...args) => require('assert').equal(...args) }",
  },
  { file: /\/interpreter-file\.js$/, from: './interpreter.wasm', to: '../../src/engine/interpreter.wasm' },
]

const places: Plugin = {
  name: 'places',
  setup({ onLoad, onResolve, initialOptions }) {
    onLoad({ filter: new RegExp(PLACES.map(({ file }) => file.source).join('|')) }, ({ path }) => ({
      contents: PLACES.filter(({ file }) => file.test(path)).reduce(
        (text, { from, to }) => {
          if (!text.includes(from)) throw new Error(`${path} no longer says ${from}`)
          return text.replace(from, () => to)
        },
        readFileSync(path, 'utf8'),
      ),
    }))
    // The worker has the bundle with the code cache too.
    onResolve({ filter: /^\.\/guest-run\.js$/ }, ({ importer }) =>
      importer.endsWith('/guest-worker.js') ? { path: 'guest-run', namespace: 'cached' } : null,
    )
    onLoad({ filter: /./, namespace: 'cached' }, () => ({
      contents: "import { loadBundle } from './cached-start.js'\nexport const { runGuest } = loadBundle()",
      resolveDir: compiled,
    }))
    // Commands other than `run` are loaded from where tsc put them; `run` has its own bundle.
    const isMain = initialOptions.entryPoints?.toString() === `${compiled}main.js`
    onResolve({ filter: /^\.\/(run|memory|syscalls|instructions|compare|disasm|completion)\.js$/ }, (found) =>
      found.importer.endsWith('/cli/commands.js') && (isMain || found.path !== './run.js')
        ? { path: `../../src/cli/${found.path}`, external: true }
        : null,
    )
  },
}

/** The compiled files that went into the bundles, relative to dist/: bin/lego looks whether one is newer. */
const inputs = new Set<string>()

async function bundle(entry: string, output: string): Promise<void> {
  const { metafile } = await build({
    entryPoints: [`${compiled}${entry}.js`],
    outfile: `${building}/cli/${output}.js`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    charset: 'ascii',
    legalComments: 'none',
    // Less to read; names stay, for stacks.
    minifyWhitespace: true,
    minifySyntax: true,
    external: ['koffi'],
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href" },
    plugins: [places],
    logLevel: 'warning',
    absWorkingDir: dist,
    metafile: true,
  })
  for (const input of Object.keys(metafile.inputs)) if (!input.startsWith('..')) inputs.add(input)
}

function writeCodeCache(): void {
  const succeeds = (program: string): boolean =>
    spawnSync(process.execPath, [`${building}/cli/start.js`, 'run', program], {
      env: { ...process.env, LEGO_WRITE_CODE_CACHE: '1' },
      stdio: 'ignore',
    }).status === 0
  if (!WARM_UPS.every(succeeds) || !existsSync(`${building}/cli/bundled.cache`))
    console.error('no code cache: lego does not run a program here; it starts more slowly without')
  else checkCodeCache()
}

/** A cache that V8 refuses, or without the functions that the run used, would go unnoticed: starts would only be slower. */
function checkCodeCache(): void {
  const cachedData = readFileSync(`${building}/cli/bundled.cache`)
  const source = readFileSync(`${building}/cli/bundled.js`, 'latin1')
  const { cachedDataRejected } = new Script(source, { filename: BUNDLE_NAME, cachedData })
  if (cachedDataRejected) throw new Error('V8 refuses the code cache that it has just made')
  if (cachedData.length < source.length / 2)
    throw new Error(`a code cache of ${cachedData.length} bytes has not all functions`)
}

rmSync(building, { recursive: true, force: true })
mkdirSync(`${building}/cli`, { recursive: true })
writeFileSync(`${building}/package.json`, '{ "type": "commonjs" }\n')
await bundle('main', 'main')
await bundle('start', 'start')
await bundle('bundled', 'bundled')
writeFileSync(`${building}/cli/bundled.js`, wrapped(readFileSync(`${building}/cli/bundled.js`, 'latin1')), 'latin1')
await bundle('guest-worker', 'guest-worker')
await bundle('vcpu-worker', 'vcpu-worker')
await bundle('ticker', 'ticker')
writeFileSync(`${building}/inputs.json`, JSON.stringify([...inputs]))
writeCodeCache()
rmSync(bundled, { recursive: true, force: true })
renameSync(building, bundled)
