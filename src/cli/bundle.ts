// Build step after tsc: puts what `lego run` needs into dist/start, a few files instead of two hundred, with V8's code caches of two
// (bundle-script.ts). `node dist/src/cli/bundle.js`. Half of a short run is else spent on finding and compiling small modules;
// nothing depends on it: bin/lego takes what tsc made when that is newer.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { build, type Plugin } from 'esbuild'
import { nameForV8, type ScriptName, wrapped } from './bundle-script.js'
import { preparedFamilies } from './prepared-families.js'
import { preparedFlows, preparedOpcodes, preparedRows } from './prepared-rows.js'

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const compiled = pathOf('./')
const dist = pathOf('../..')
const bundled = pathOf('../../start')
/** Made here and then renamed: a bundle is never seen without its cache, nor with another's. */
const building = `${bundled}.${process.pid}`
const program = (name: string): string => pathOf(`../../../fixtures/bin/${name}`)
/** These runs fill the code caches, each adding to them: one compiles regions, one is a C library's start, one makes the usual system calls. */
const WARM_UPS = [['--hot', '50', program('functions')], [program('pie')], [program('calls')]]
/** What builds code has a script of its own. */
const BUILDERS = 'code-builders'
/** A thread that may find no descriptor left to load that with has it from the start. */
const WITH_BUILDERS = [BUILDERS, 'vcpu-worker'].map((entry) => `${compiled}${entry}.js`)

interface Replacement {
  readonly file: RegExp
  readonly from: string
  readonly to: string
}

const ENGINE = /\/engine\/engine\.js$/

/** What is found by its place beside the compiled file: found from the bundle as well. And what a short run does not need. */
const PLACES: readonly Replacement[] = [
  { file: /\/elf-image\.js$/, from: 'createRequire(import.meta.url)', to: 'require' },
  { file: /\/koffi\.js$/, from: 'createRequire(import.meta.url)', to: 'require' },
  { file: /\/cached-start\.js$/, from: 'createRequire(import.meta.url)', to: 'require' },
  { file: /\/run\.js$/, from: 'const hub = compiledHub()', to: 'const hub = preparedHub' },
  // Node's `assert` brings its streams with it; elfy uses it for sections alone, which nobody asks for.
  {
    file: /\/elfy\/parser\.js$/,
    from: "require('assert')",
    to: "{ equal: (...args) => require('assert').equal(...args) }",
  },
  { file: /\/interpreter-file\.js$/, from: './interpreter.wasm', to: '../../src/engine/interpreter.wasm' },
]

/** What is loaded when code is built, and what is prepared of it for who has not loaded it. */
const PREPARED: readonly Replacement[] = [
  {
    file: ENGINE,
    from: "import { planRegion } from './regions/compile.js'",
    to: `import { codeBuilders, openCodeBuilders } from '../cli/cached-start.js'
openCodeBuilders()
const planRegion = (...args) => codeBuilders().planRegion(...args)`,
  },
  {
    file: ENGINE,
    from: "import { buildInterpreter } from './interpreter.js'",
    to: 'const buildInterpreter = (...args) => codeBuilders().buildInterpreter(...args)',
  },
  { file: /\/x86\/table\.js$/, from: "import { ROW_COUNT, rowOf } from './rows.js'", to: preparedRows() },
  { file: /\/x86\/flow\.js$/, from: "import { flowsOf } from './flows.js'", to: preparedFlows() },
  {
    file: /\/syscalls\/table\.js$/,
    from: "import { FAMILIES, familyOf } from './families.js'",
    to: preparedFamilies(),
  },
  { file: /\/decoder\.js$/, from: 'const byOpcode = formsByOpcode()', to: preparedOpcodes() },
]

const places: Plugin = {
  name: 'places',
  setup({ onLoad, onResolve, initialOptions }) {
    const entry = initialOptions.entryPoints?.toString() ?? ''
    const replacements = WITH_BUILDERS.includes(entry) ? PLACES : [...PLACES, ...PREPARED]
    onLoad({ filter: new RegExp(replacements.map(({ file }) => file.source).join('|')) }, ({ path }) => ({
      contents: replacements
        .filter(({ file }) => file.test(path))
        .reduce(
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
    const isMain = entry === `${compiled}main.js`
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

const SCRIPTS: readonly ScriptName[] = ['bundled', BUILDERS]

async function bundleScript(name: ScriptName): Promise<void> {
  await bundle(name, name)
  const file = `${building}/cli/${name}.js`
  writeFileSync(file, wrapped(readFileSync(file, 'latin1')), 'latin1')
}

function writeCodeCaches(): void {
  const succeeds = (command: readonly string[]): boolean =>
    spawnSync(process.execPath, [`${building}/cli/start.js`, 'run', ...command], {
      env: { ...process.env, LEGO_WRITE_CODE_CACHE: '1' },
      stdio: 'ignore',
    }).status === 0
  if (!WARM_UPS.every(succeeds) || !SCRIPTS.every((name) => existsSync(`${building}/cli/${name}.cache`)))
    console.error('no code cache: lego does not run a program here; it starts more slowly without')
  else for (const name of SCRIPTS) checkCodeCache(name)
}

/** A cache that V8 refuses, or without the functions that the run used, would go unnoticed: starts would only be slower. */
function checkCodeCache(name: ScriptName): void {
  const cachedData = readFileSync(`${building}/cli/${name}.cache`)
  const source = readFileSync(`${building}/cli/${name}.js`, 'latin1')
  const { cachedDataRejected } = new Script(source, { filename: nameForV8(name), cachedData })
  if (cachedDataRejected) throw new Error(`V8 refuses the code cache of ${name} that it has just made`)
  if (cachedData.length < source.length / 2)
    throw new Error(`a code cache of ${cachedData.length} bytes has not all functions of ${name}`)
}

rmSync(building, { recursive: true, force: true })
mkdirSync(`${building}/cli`, { recursive: true })
writeFileSync(`${building}/package.json`, '{ "type": "commonjs" }\n')
await bundle('main', 'main')
await bundle('start', 'start')
for (const name of SCRIPTS) await bundleScript(name)
await bundle('guest-worker', 'guest-worker')
await bundle('vcpu-worker', 'vcpu-worker')
await bundle('ticker', 'ticker')
writeFileSync(`${building}/inputs.json`, JSON.stringify([...inputs]))
writeCodeCaches()
rmSync(bundled, { recursive: true, force: true })
renameSync(building, bundled)
