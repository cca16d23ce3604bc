// Part of `npm run check`: packs the project, installs the tarball in an empty directory and runs the installed `lego`
// there. A file that the package forgot, or a development dependency it leans on, shows here and nowhere else.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expectationOf } from '../fixtures/execute.js'
import { fixturePath, projectRoot } from '../fixtures/root.js'

function run(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 300_000 })
  if (error || status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${error ?? `status ${status}`}\n${stdout}${stderr}`)
  return stdout
}

const directory = mkdtempSync(join(tmpdir(), 'lego-package-'))
try {
  run(projectRoot, 'npm', 'pack', '--ignore-scripts', '--pack-destination', directory)
  const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz'))
  if (!tarball) throw new Error('npm pack left no tarball')
  const listing = run(directory, 'tar', '-tzf', tarball).trim().split('\n')
  const strays = listing.filter((name) => /\.(test|cases)\.|\/(fixtures|bench)\/|tsbuildinfo/.test(name))
  if (strays.length > 0) throw new Error(`the package holds what it should not:\n${strays.join('\n')}`)
  const home = join(directory, 'installed')
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
  run(home, 'npm', 'install', '--no-audit', '--no-fund', join(directory, tarball))
  const lego = join(home, 'node_modules', '.bin', 'lego')
  const version = run(home, lego, '--version').trim()
  const hello = run(home, lego, 'run', fixturePath('hello'))
  if (hello !== expectationOf('hello').cases[0]?.stdout)
    throw new Error(`the installed lego ran hello and printed ${JSON.stringify(hello)}`)
  const script = `import { run } from 'lego-os'; console.log((await run(process.argv[1])).stdout.toString())`
  const fromNode = run(home, process.execPath, '--input-type=module', '-e', script, fixturePath('hello'))
  if (fromNode !== `${hello}\n`) throw new Error(`run() of the installed package gave ${JSON.stringify(fromNode)}`)
  // koffi is optional: where it has no native part, Node's API has to do.
  for (const name of ['koffi', '@koromix']) rmSync(join(home, 'node_modules', name), { recursive: true, force: true })
  const portable = run(home, lego, 'run', '--host', 'portable', fixturePath('hello'))
  if (portable !== hello) throw new Error(`without koffi it printed ${JSON.stringify(portable)}`)
  const { stderr, status } = spawnSync(lego, ['run', '--host', 'linux', fixturePath('hello')], { encoding: 'utf8' })
  if (status !== 125 || !stderr.includes('--host portable'))
    throw new Error(`without koffi, --host linux ended with status ${status} and said ${JSON.stringify(stderr)}`)
  console.log(`${tarball}: ${listing.length} files, installed; lego ${version} runs`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
