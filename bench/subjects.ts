// What the bench runs: one row a subject. Sizes are for a native run of a few tenths of a second.

/** How a subject is counted: kernels and programs each have a geometric mean, start-ups are differences in wall time. */
export type Group = 'kernel' | 'program' | 'start-up'

/** Files made once, see material.ts. */
export type Material = 'lua' | 'words' | 'random'

export interface Subject {
  readonly name: string
  readonly group: Group
  /** A fixture's name, or an absolute path; a material in braces stands for the path of its file. */
  readonly command: readonly [program: string, ...args: string[]]
}

const busybox = '/usr/bin/busybox'
const bash = '/usr/bin/bash-static'
const fieldSums =
  '{ n += NF; seen[$1]++; if (length($2) > longest) longest = length($2) } END { for (w in seen) k++; print n, k, longest }'

export const subjects: readonly Subject[] = [
  { name: 'crc32', group: 'kernel', command: ['crc32', '100'] },
  { name: 'sieve', group: 'kernel', command: ['sieve', '8000000'] },
  { name: 'fib', group: 'kernel', command: ['fib', '38'] },
  { name: 'matmul', group: 'kernel', command: ['matmul', '300'] },
  { name: 'quicksort', group: 'kernel', command: ['quicksort', '3000000'] },
  { name: 'hashmap', group: 'kernel', command: ['hashmap', '2000000'] },
  { name: 'strcopy', group: 'kernel', command: ['strcopy', '60000'] },
  { name: 'chase', group: 'kernel', command: ['chase', '4000'] },

  { name: 'lua-fib', group: 'program', command: ['{lua}', '{scripts}/fib.lua', '32'] },
  { name: 'lua-nbody', group: 'program', command: ['{lua}', '{scripts}/nbody.lua', '200000'] },
  { name: 'lua-text', group: 'program', command: ['{lua}', '{scripts}/text.lua', '1500'] },
  { name: 'awk', group: 'program', command: [busybox, 'awk', fieldSums, '{words}'] },
  { name: 'sort', group: 'program', command: [busybox, 'sort', '{words}'] },
  { name: 'sha256', group: 'program', command: [busybox, 'sha256sum', '{random}'] },

  { name: 'busybox true', group: 'start-up', command: [busybox, 'true'] },
  { name: "bash -c 'echo hi'", group: 'start-up', command: [bash, '-c', 'echo hi'] },
]
