// The comparison is tested against a stand-in for lego: a script that drops `run` and its options and runs the program
// with the change that the test asks for.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
  const { printed, status } = await comparison('exit 0', 'exec sleep 100', '--time-limit', '0.2')
  expect(printed).toMatch(/\+ ended by us: .*ETIMEDOUT/)
  expect(status).toBe(1)
})

test('stdin and files named by --with reach both runs', async () => {
  const input = join(directory, 'input')
  writeFileSync(input, 'from a file\n')
  const { printed } = await comparison('cat; cat input', 'cat; cat input', '--stdin', input, '--with', input)
  expect(printed).toMatch(/^equal: 24 bytes/)
})

/** A program that counts its runs in a file outside. */
const counting = (text: string): string => {
  const file = join(directory, `count${scripts}`)
  return `echo x >> ${file}; n=$(wc -l < ${file}); ${text}`
}

test('what differs between native runs is not compared', async () => {
  const both = counting('echo "run $n of $$"; echo "a temporary file" > "left.$n"; echo "$n" > same')
  const { status, printed } = await comparison(both, both)
  expect(printed).toMatch(
    /^equal: .*\nnot compared where native runs differ from each other: stdout, file left\.1, file same, file left\.2\n$/s,
  )
  expect(status).toBe(0)
})

test('what is the same in native runs is compared, beside what is not', async () => {
  const { status, printed } = await comparison(counting('echo "run $n is good"'), 'echo "run 1 is bad"')
  expect(printed).toMatch(/stdout differs\n +from line 1:\n +- run … is good\n +\+ run 1 is bad\n/)
  expect(status).toBe(1)
})

test('a recording stands for the native runs', async () => {
  const golden = join(directory, 'golden.json')
  const native = "echo a; printf 'b\\000\\377' > left; exit 3"
  const recorded = await comparison(native, 'exit 1', '--record', golden)
  expect(recorded).toMatchObject({
    status: 0,
    printed: 'recorded: 2 bytes of stdout, 0 of stderr, status 3, 1 files\n',
  })
  expect(await comparison('exit 9', native, '--against', golden)).toMatchObject({ status: 0 })
  const { status, printed } = await comparison('exit 9', 'echo b', '--against', golden)
  expect(printed).toMatch(/stdout differs.*end differs.*file left differs/s)
  expect(status).toBe(1)
})

test('--junit writes a test case for everything compared', async () => {
  const report = join(directory, 'report.xml')
  await comparison('echo "<a>"; echo x > left', 'echo "<b>"; echo x > left', '--junit', report)
  const text = readFileSync(report, 'utf8')
  expect(text).toContain('<testsuite name="lego compare" tests="4" failures="1">')
  expect(text).toMatch(
    /name="stdout">\s*<failure message="stdout differs">from line 1:\n +- &lt;a&gt;\n +\+ &lt;b&gt;</,
  )
  expect(text).toMatch(/name="file left"\/>/)
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
  [['--time-limit', 'soon', 'true'], /not a number/],
  [['--native-runs', '0', 'true'], /not a number from 1/],
  [['--record', 'x', '--against', 'x', 'true'], /one or the other/],
  [['--against', '/nowhere/at/all', 'true'], /no such file/],
  [['--against', __filename, 'true'], /JSON/],
])('usage errors give status 2: %j', async (argv, message) => {
  let complaint = ''
  const complain = (text: string): void => {
    complaint += text
  }
  const host = { lego: ['false'], print: () => {}, complain }
  expect(await compareCommand.run(argv, host)).toBe(2)
  expect(complaint).toMatch(message)
})
