// The comparison is tested against a stand-in for lego: a script that drops `run` and its options and runs the program
// with the change that the test asks for.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareCommand } from './compare.js'

const directory = mkdtempSync(join(tmpdir(), 'lego-compare-test-'))
afterAll(() => rmSync(directory, { recursive: true }))

let scripts = 0
/** Compares `native`, a shell script, with the same script under a lego that runs `instead`. */
async function comparison(native: string, instead: string, ...options: string[]) {
  const program = join(directory, `program${scripts++}`)
  writeFileSync(program, `#!/bin/sh\n${native}\n`)
  const fake = join(directory, `lego${scripts}`)
  writeFileSync(fake, `#!/bin/sh\n${instead}\n`)
  for (const path of [program, fake]) chmodSync(path, 0o755)
  let printed = ''
  let complaint = ''
  const status = await compareCommand.run([...options, program, 'one', '--two'], {
    lego: [fake],
    print: (text) => {
      printed += text
    },
    complain: (text) => {
      complaint += text
    },
  })
  return { status, printed, complaint }
}

test('two runs that do the same are equal', async () => {
  const both = 'echo "$PWD"; echo oops >&2; echo x > left; exit 3'
  const { status, printed } = await comparison(both, both)
  expect(printed).toMatch(/^equal: \d+ bytes of stdout, 5 of stderr, status 3, 1 files\n$/)
  expect(status).toBe(0)
})

test('the program and its own options reach lego after the run options', async () => {
  const same = 'echo "$@"'
  const { status, printed } = await comparison(same, same, '--run-options', '--excache 64K --ways 1')
  expect(status).toBe(1)
  expect(printed).toMatch(/ - one --two\n.* \+ run --excache 64K --ways 1 \S+ one --two\n/)
})

test.each([
  ['stdout', 'echo a; echo b; echo c', 'echo a; echo B; echo c', /stdout differs\n +from line 2:\n +- b\n +\+ B\n/],
  ['stderr', 'echo a >&2', ':', /stderr differs/],
  [
    'bytes that are not text',
    "printf 'a\\000b'",
    "printf 'a\\000c'",
    /from byte 2 \(3 and 3 bytes\):\n +- 62\n +\+ 63/,
  ],
  ['status', 'exit 1', 'exit 2', /end differs\n +- status 1\n +\+ status 2/],
  ['signal', 'kill -TERM $$', 'exit 143', /end differs\n +- SIGTERM\n +\+ status 143/],
  ['a missing file', 'echo x > made', ':', /file made differs\n +only the native run left it/],
  ['an extra file', ':', 'mkdir d; echo x > d/made', /file d\/made differs\n +only lego left it/],
  ['content of a file', 'echo x > made', 'echo y > made', /file made differs\n +from line 1:/],
  [
    'mode of a file',
    'touch made; chmod 600 made',
    'touch made; chmod 644 made',
    /mode 100600 natively, 100644 under lego/,
  ],
  ['target of a link', 'ln -s a made', 'ln -s b made', /file made differs/],
])('a difference in %s is shown and gives status 1', async (_, native, lego, message) => {
  const { status, printed } = await comparison(native, lego)
  expect(printed).toMatch(message)
  expect(status).toBe(1)
})

test('what lego says of a guest killed by a signal is not a difference', async () => {
  const { printed, status } = await comparison(
    'echo a >&2; kill -SEGV $$',
    'echo a >&2; echo "lego: SIGSEGV at 0x0" >&2; kill -SEGV $$',
  )
  expect(printed).toMatch(/^equal/)
  expect(status).toBe(0)
})

test('a run that never ends is a difference', async () => {
  const { printed, status } = await comparison('exit 0', 'exec sleep 100', '--deadline', '0.2')
  expect(printed).toMatch(/\+ ended by us: .*ETIMEDOUT/)
  expect(status).toBe(1)
})

test('stdin and files named by --with reach both runs', async () => {
  const input = join(directory, 'input')
  writeFileSync(input, 'from a file\n')
  const { printed } = await comparison('cat; cat input', 'cat; cat input', '--stdin', input, '--with', input)
  expect(printed).toMatch(/^equal: 24 bytes/)
})

test('--json prints both runs', async () => {
  const { printed, status } = await comparison('echo a', 'echo b', '--json')
  expect(JSON.parse(printed)).toMatchObject({
    equal: false,
    native: { stdout: 'a\n' },
    lego: { stdout: 'b\n', end: 'status 0' },
  })
  expect(status).toBe(1)
})

test.each([
  [['--nonsense', 'true'], /unknown option/],
  [[], /missing required argument/],
  [['/nowhere/at/all'], /no such program/],
  [['--stdin', '/nowhere/at/all', 'true'], /no such file/],
  [['--deadline', 'soon', 'true'], /not a number/],
])('usage errors give status 2: %j', async (argv, message) => {
  let complaint = ''
  const complain = (text: string): void => {
    complaint += text
  }
  const host = { lego: ['false'], print: () => {}, complain }
  expect(await compareCommand.run(argv, host)).toBe(2)
  expect(complaint).toMatch(message)
})
