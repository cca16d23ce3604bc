// `npm run bench -- [--rounds N] [--filter TEXT] [--json FILE] [--engines native,qemu,lego] [--deadline SECONDS]`
// Runs every subject natively, under qemu-x86_64 and under lego, interleaved, and prints medians, ratios and means.

import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { legoPath } from '../fixtures/root.js'
import { scriptOptions } from '../src/lib/script-options.js'
import { prepare } from './material.js'
import { measure, type Sample } from './measure.js'
import { type Engine, engines, meansOf, type Row, rowOf, tableOf } from './report.js'
import { type Subject, subjects } from './subjects.js'

const USAGE = `usage: npm run bench -- [--rounds N] [--filter TEXT] [--json FILE] [--engines native,qemu,lego,node] [--deadline SECONDS]
Every subject natively, under qemu-x86_64 and under lego, interleaved; prints medians, ratios and geometric means.`

const qemu = '/usr/bin/qemu-x86_64'

const commandFor: Record<Engine, (command: readonly string[]) => readonly string[]> = {
  native: (command) => command,
  qemu: (command) => [qemu, ...command],
  lego: (command) => [process.execPath, legoPath, 'run', ...command],
  node: () => [process.execPath, '-e', '0'],
}

interface Options {
  readonly rounds: number
  readonly deadline_ms: number
  readonly engines: readonly Engine[]
}

function run(subject: Subject, { rounds, deadline_ms, engines: chosen }: Options): Row {
  const command = prepare(subject.command)
  const samples = new Map<Engine, Sample[]>()
  for (let round = 0; round < rounds; round++)
    for (const engine of chosen) {
      if (engine === 'node' && subject.group !== 'start-up') continue
      const taken = samples.get(engine) ?? []
      samples.set(engine, taken)
      if (taken.some(({ failure }) => failure !== undefined)) continue
      taken.push(measure(commandFor[engine](command), deadline_ms))
    }
  return rowOf(subject, samples)
}

function options(): Options & { readonly filter: string; readonly json: string | undefined } {
  const values = scriptOptions(USAGE, {
    rounds: { type: 'string', default: '5' },
    filter: { type: 'string', default: '' },
    json: { type: 'string' },
    engines: { type: 'string', default: engines.join(',') },
    deadline: { type: 'string', default: '120' },
  })
  const chosen = engines.filter((engine) => values.engines.split(',').includes(engine))
  const available = chosen.filter((engine) => engine !== 'qemu' || existsSync(qemu))
  if (available.length < chosen.length)
    console.error('qemu-x86_64 is not installed (Debian package qemu-user): no ratios to it')
  const [rounds, deadline] = [Number(values.rounds), Number(values.deadline)]
  if (!(rounds >= 1) || !(deadline > 0) || chosen.length === 0) throw new Error(USAGE)
  return { rounds, deadline_ms: deadline * 1000, engines: available, filter: values.filter, json: values.json }
}

function machine(): Record<string, string> {
  const version = spawnSync(qemu, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? 'none'
  return {
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    kernel: release(),
    node: process.version,
    qemu: version,
  }
}

const chosen = options()
const rows: Row[] = []
for (const subject of subjects.filter(({ name }) => name.includes(chosen.filter))) {
  try {
    rows.push(run(subject, chosen))
    process.stderr.write(`${subject.name} done\n`)
  } catch (error) {
    process.stderr.write(`${subject.name} left out: ${(error as Error).message}\n`)
  }
}
console.log(tableOf(rows).join('\n'))
if (chosen.json) {
  const report = { machine: machine(), rounds: chosen.rounds, rows, means: meansOf(rows) }
  writeFileSync(chosen.json, `${JSON.stringify(report, null, 2)}\n`)
}
