// Small programs in lockstep, and engines that are wrong on purpose: the instruction is named.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { factsOf } from '../engine/cpu.js'
import { Engine, type EngineOptions } from '../engine/engine.js'
import { EXIT } from '../engine/host.js'
import { FAULT_SIGNAL, FLAG_AUX, GPR, MXCSR, RIP, VECTOR, X87, X87_STATUS } from '../engine/record.js'
import { CPU_MAX } from '../x86/features.js'
import { follow, type Outcome } from './follower.js'
import { mappingAt, parseMappings } from './mappings.js'
import { startNative, tracerProgram } from './native.js'
import { describe as tell } from './report.js'

const tracer = tracerProgram()
const here = 'path' in tracer ? test : test.skip
if ('reason' in tracer) console.warn(`lockstep is not tested: ${tracer.reason}`)

const directory = mkdtempSync(join(tmpdir(), 'lego-lockstep-test-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let programs = 0

/** A program of these instructions; it exits with what is in edi. */
function assemble(code: string): string {
  const path = join(directory, `program-${++programs}`)
  const source = `${path}.S`
  writeFileSync(
    source,
    `.intel_syntax noprefix\n.globl _start\n.data\n.balign 64\nspace: .fill 16384\n.text\n_start:\n${code}\n mov eax, 60\n syscall\n`,
  )
  const { status, stderr } = spawnSync('gcc', ['-nostdlib', '-static', '-no-pie', '-o', path, source], {
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
  return path
}

type Run = { readonly countMax?: number; readonly skip?: number; readonly engine?: (options: EngineOptions) => Engine }

function lockstep(command: readonly string[], { countMax = 200_000, ...rest }: Run = {}): Outcome {
  if ('reason' in tracer) throw new Error(tracer.reason)
  const { hwcap, hwcap2 } = factsOf(CPU_MAX)
  const native = startNative({ tracer: tracer.path, command, hwcap, hwcap2, stdio: 'ignore', environment: {} })
  if (native === undefined) throw new Error('the program starts')
  const outcome = follow({ stream: native.stream, pid: native.pid, countMax, ...rest })
  native.stop()
  return outcome
}

const loop = `
  mov ecx, 200
again:
  imul ebx, ecx, 77
  add esi, ebx
  mov [space+rcx*8], rsi
  dec ecx
  jnz again
  xor edi, edi`

const samePrograms: readonly (readonly [name: string, code: string, status: number])[] = [
  ['a loop that multiplies and stores', loop, 0],
  ['undefined flags that are read', 'mov eax, 3\n mul eax\n pushfq\n pop rbx\n bsf ecx, eax\n lahf\n xor edi, edi', 0],
  [
    'string instructions, forward over pages and backward',
    `lea rsi, space\n lea rdi, space+4000\n mov ecx, 600\n mov al, 7\n rep stosb
     lea rdi, space+100\n mov ecx, 200\n rep movsq
     std\n lea rsi, space+900\n lea rdi, space+4103\n mov ecx, 50\n rep movsd\n cld
     lea rdi, space+3700\n mov ecx, 999\n mov al, 1\n repne scasb\n xor edi, edi`,
    0,
  ],
  [
    'vectors, their control word, approximations',
    `mov eax, 0x3f900000\n movd xmm1, eax\n shufps xmm1, xmm1, 0\n addps xmm1, xmm1\n divps xmm1, xmm1\n rcpps xmm2, xmm1
     rsqrtps xmm3, xmm2\n vaddps ymm4, ymm3, ymm2\n stmxcsr space\n movaps space+16, xmm1\n vzeroupper\n xor edi, edi`,
    0,
  ],
  ['the x87', 'fldpi\n fld1\n fdivrp\n fsqrt\n fstp tbyte ptr space\n fnstcw space+16\n xor edi, edi', 0],
  [
    'time, chance and features',
    'rdtsc\n mov r8d, eax\n xor eax, eax\n cpuid\n rdrand rdx\n xor ecx, ecx\n xgetbv\n mov edi, 3',
    3,
  ],
  [
    'memory that is mapped, and written by the kernel',
    `mov eax, 9\n xor edi, edi\n mov esi, 0x10000\n mov edx, 3\n mov r10d, 0x22\n mov r8, -1\n xor r9d, r9d\n syscall
     mov rbx, rax\n mov rax, [rbx+8]\n mov dword ptr [rbx+0x5000], 9
     mov eax, 63\n mov rdi, rbx\n syscall\n mov al, [rbx]\n push rax\n pop rdi\n xor edi, edi`,
    0,
  ],
  ['a stack that grows', 'mov ecx, 60\ngrow:\n sub rsp, 4096\n mov [rsp], rcx\n dec ecx\n jnz grow\n xor edi, edi', 0],
]

here.each(samePrograms)('%s run without a difference to the end', (_name, code, status) => {
  const outcome = lockstep([assemble(code)])
  expect(tell(outcome)).toEqual([expect.stringContaining(`the program ended with status ${status}`)])
})

here('a fault of the program is the same fault, and its handler is followed', () => {
  const handled = `
    lea rsi, action\n xor edx, edx\n mov r10d, 8\n mov edi, 11\n mov eax, 13\n syscall
    mov eax, [0x10]\n xor edi, edi\n jmp end
    restorer: mov eax, 15\n syscall
    handler: mov rax, [rdx+0xa8]\n add rax, 7\n mov [rdx+0xa8], rax\n ret
    .data\n action: .quad handler, 0x04000004, restorer, 0\n .text\n end:`
  expect(tell(lockstep([assemble(handled)]))[0]).toContain('the program ended with status 0')
})

here('a signal that the program sends to itself comes when the call returns', () => {
  const code = `
    lea rsi, action\n xor edx, edx\n mov r10d, 8\n mov edi, 10\n mov eax, 13\n syscall
    mov eax, 39\n syscall\n mov edi, eax\n mov esi, eax\n mov edx, 10\n mov eax, 234\n syscall
    mov edi, [space]\n jmp end
    restorer: mov eax, 15\n syscall
    handler: inc dword ptr [space]\n ret
    .data\n action: .quad handler, 0x04000000, restorer, 0\n .text\n end:`
  expect(tell(lockstep([assemble(code)]))[0]).toContain('the program ended with status 1')
})

here('a program that dies of a signal is followed to its end', () => {
  expect(tell(lockstep([assemble('ud2')]))[0]).toContain('was ended by signal 4')
})

here('instructions that are skipped are not compared', () => {
  const outcome = lockstep([assemble(loop)], { skip: 400, countMax: 200 })
  expect(outcome).toMatchObject({ kind: 'same', count: 600 })
})

/** An engine that goes wrong after a certain number of steps. */
function wrongAfter(steps: number, spoil: (view: DataView, task: number) => void) {
  return (options: EngineOptions) => {
    const view = new DataView(options.memory.buffer)
    let taken = 0
    class Wrong extends Engine {
      override step(task: number): number {
        const exit = super.step(task)
        if (++taken === steps) spoil(view, task)
        return exit
      }
    }
    return new Wrong(options)
  }
}

// The loop's first instruction is a mov, the second an imul; five make a turn.
const wrongs: readonly (readonly [
  what: string,
  steps: number,
  spoil: (view: DataView, task: number) => void,
  RegExp,
])[] = [
  [
    'a register',
    2,
    (view, task) => view.setInt32(task + GPR + 24, 5, true),
    /imul.*\n.*rbx: the CPU has 0x3c28, the engine 0x5$/,
  ],
  [
    'a register late in the loop',
    5 * 150 + 3,
    (view, task) => view.setInt32(task + GPR + 48, 5, true),
    /instruction 753 differs\n.*add.*\n.*rsi/,
  ],
  ['a flag', 3, (view, task) => view.setInt32(task + FLAG_AUX, 1 << 31, true), /add.*\n.*flags/],
  [
    'where it goes',
    6,
    (view, task) => view.setInt32(task + RIP, 0x1000, true),
    /jne.*\n.*rip: the CPU has .*, the engine 0x1000$/,
  ],
  [
    'another register',
    1,
    (view, task) => view.setInt32(task + GPR + 8 * 15 + 4, 1, true),
    /mov.*\n.*r15: the CPU has 0x0/,
  ],
]

here.each(wrongs)('an engine that is wrong about %s is caught at the instruction', (_what, steps, spoil, expected) => {
  const outcome = lockstep([assemble(loop)], { engine: wrongAfter(steps, spoil) })
  expect(outcome.kind).toBe('differs')
  expect(tell(outcome).join('\n')).toMatch(expected)
})

const floats = `mov eax, 0x3f800000\n movd xmm1, eax\n addps xmm1, xmm1\n fld1\n fld1\n faddp\n vaddps ymm2, ymm1, ymm1\n xor edi, edi`
const wrongFloats: typeof wrongs = [
  ['a vector', 3, (view, task) => view.setInt32(task + VECTOR + 32, 7, true), /addps.*\n.*ymm1: the CPU has 00000040/],
  [
    'the upper half of a vector',
    7,
    (view, task) => view.setInt32(task + VECTOR + 2 * 32 + 20, 7, true),
    /vaddps.*\n.*ymm2/,
  ],
  ['mxcsr', 3, (view, task) => view.setInt32(task + MXCSR, 0x1f81, true), /addps.*\n.*mxcsr: the CPU has 0x1f80/],
  [
    'an x87 register',
    6,
    (view, task) => view.setInt32(task + X87 + 16 * 7, 7, true),
    /faddp.*\n.*st0: the CPU has 0000000000000080/,
  ],
  ['the x87 status word', 4, (view, task) => view.setInt32(task + X87_STATUS, 0x3900, true), /fld1.*\n.*fsw/],
]

here.each(wrongFloats)(
  'an engine that is wrong about %s is caught at the instruction',
  (_what, steps, spoil, expected) => {
    const outcome = lockstep([assemble(floats)], { engine: wrongAfter(steps, spoil) })
    expect(tell(outcome).join('\n')).toMatch(expected)
  },
)

here('an engine that stores something else is caught at the store', () => {
  // Before the store rsi becomes something else, and is put back after it.
  const engine = (options: EngineOptions) => {
    const view = new DataView(options.memory.buffer)
    let taken = 0
    class Wrong extends Engine {
      override step(task: number): number {
        const isStore = ++taken === 5 * 40 + 4
        const kept = view.getInt32(task + GPR + 48, true)
        if (isStore) view.setInt32(task + GPR + 48, kept ^ 0x100, true)
        const exit = super.step(task)
        if (isStore) view.setInt32(task + GPR + 48, kept, true)
        return exit
      }
    }
    return new Wrong(options)
  }
  const outcome = lockstep([assemble(loop)], { engine })
  expect(tell(outcome).join('\n')).toMatch(/instruction 204 differs\n.*mov \[rcx\*8.*\n.*\[0x/)
})

here('an engine that forgets a store is caught at the store', () => {
  const engine = (options: EngineOptions) => {
    const view = new DataView(options.memory.buffer)
    let taken = 0
    class Wrong extends Engine {
      override step(task: number): number {
        if (++taken !== 4) return super.step(task)
        // Eight bytes long: rip goes past it.
        view.setInt32(task + RIP, view.getInt32(task + RIP, true) + 8, true)
        return 0
      }
    }
    return new Wrong(options)
  }
  const outcome = lockstep([assemble(loop)], { engine })
  expect(tell(outcome).join('\n')).toMatch(/instruction 4 differs\n.*mov \[rcx\*8.*\n.*\[0x/)
})

here('an engine that raises where the CPU does not is caught at the instruction', () => {
  const engine = (options: EngineOptions) => {
    const view = new DataView(options.memory.buffer)
    let taken = 0
    class Wrong extends Engine {
      override step(task: number): number {
        if (++taken !== 7) return super.step(task)
        view.setInt32(task + FAULT_SIGNAL, 8, true)
        return EXIT.fault
      }
    }
    return new Wrong(options)
  }
  const outcome = lockstep([assemble(loop)], { engine })
  expect(tell(outcome).join('\n')).toMatch(/imul.*\n.*signal: the CPU has none, the engine 8 \(code 0, address 0x0\)$/)
})

test('mappings are found by address, the stack also below it', () => {
  const mappings = parseMappings(
    `00400000-00401000 r--p 00000000 fe:00 12    /bin/x y
00401000-00402000 r-xp 00001000 fe:00 12    /bin/x y
7ffff0000000-7ffff0021000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`,
  )
  const at = (address: number) => mappingAt(mappings, address, 0x100000)
  expect(mappings).toHaveLength(3)
  expect(at(0x400fff)).toMatchObject({ start: 0x400000, writable: false, executable: false, grows: false })
  expect(at(0x401000)).toMatchObject({ start: 0x401000, executable: true })
  expect(at(0x402000)).toBeUndefined()
  expect(at(0x7fffefff0000)).toMatchObject({ stack: true, writable: true, grows: true })
  expect(at(0x7fffef000000)).toBeUndefined()
  expect(at(0x7ffff0021000)).toBeUndefined()
})
