// What a CPU model says of itself in /proc/cpuinfo.
import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { CPU_MAX, CPU_NAMES, type CpuModel, parseCpu } from '../x86/features.js'
import { factsOf } from './cpu.js'

const linesOf = (name: string) => factsOf(parseCpu(name) as CpuModel).cpuinfo()

test('every flag of /proc/cpuinfo has the name that this kernel gives it, where the host has the feature', () => {
  const host = new Set(/^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))![1]!.split(' '))
  const ours = linesOf('max').flags!.split(' ')
  // Hosts lack them, or their hypervisors hide them.
  const rare = [
    'abm',
    'clwb',
    'clzero',
    'mwaitx',
    'mmxext',
    '3dnowprefetch',
    'rdpid',
    'sha_ni',
    'fsgsbase',
    'rdtscp',
    'rdseed',
  ]
  expect(ours.filter((flag) => !host.has(flag) && !rare.includes(flag))).toEqual([])
  expect(ours.length).toBe(CPU_MAX.size - 1)
})

test.each(CPU_NAMES.map((name) => [name]))('%s has its lines in /proc/cpuinfo', (name) => {
  const lines = linesOf(name)
  expect(lines.flags!.split(' ').includes('avx2')).toBe(name === 'x86-64-v3' || name === 'max')
  expect(Number(lines['cpu family'])).toBeGreaterThanOrEqual(15)
})
