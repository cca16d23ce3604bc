// System instructions as user mode sees them: syscall, cpuid, time stamps, segment bases, fences, hints, and those that only
// raise. Refused with #UD by having no row: what no CPU here has (protection keys, vmmcall …).

import { add, and, cut, eq, ne, or, shl, shrS, shrU, wrap, zext64 } from '../expr.js'
import { fromFlagBits } from '../flags.js'
import { form, type Row } from '../form.js'
import { i32, i64, vector } from '../ir.js'
import { RAX, RCX, type Semantics } from '../semantics.js'
import { WORD } from '../words.js'
import { rflags } from './flag.js'

const UNDEFINED_OPCODE = 6
const GENERAL_PROTECTION = 13

const nothing: Semantics = () => {}
const raises =
  (vector: number): Semantics =>
  (s) =>
    s.raise(vector)
const helper =
  (name: string): Semantics =>
  (s) =>
    s.sync(name)

/** The helper stores rcx, r11 and rip before the call: whoever blocks, forks or replaces the registers finds them done. */
const syscall: Semantics = (s) => s.sync('syscall', s.next(), zext64(rflags(s)))

/**
 * Linux opens gates 3 and 4 to user mode (arch/x86/kernel/idt.c); any other vector is #GP, whose error code names the gate. So is
 * 0x80, as on a kernel without the 32-bit system calls (CONFIG_IA32_EMULATION).
 */
const interrupt: Semantics = (s) => {
  const vector = s.immediateByte()
  s.raise(3, eq(vector, i32(3)))
  s.raise(4, eq(vector, i32(4)))
  s.raise(GENERAL_PROTECTION, undefined, or(shl(vector, i32(3)), i32(2)))
}

const readBase =
  (offset: number): Semantics =>
  (s) =>
    s.write(0, cut(s.word(offset, 'i64'), s.width))
const writeBase =
  (offset: number): Semantics =>
  (s) => {
    const base = zext64(s.read(0))
    s.raise(GENERAL_PROTECTION, ne(shrS(shl(base, i64(16)), i64(16)), base))
    s.setWord(offset, base)
  }

/** The upper 16 bits are reserved (SDM vol. 1, 10.2.3). */
const ldmxcsr: Semantics = (s) => {
  const value = s.read(0)
  s.raise(GENERAL_PROTECTION, shrU(value, i32(16)))
  s.sync('exact.control', value, s.next())
}
const stmxcsr: Semantics = (s) => {
  s.write(0, s.word(WORD.mxcsr, 'i32'))
  s.sync('exact.observe', s.next())
}

const legacyState =
  (name: string): Semantics =>
  (s) => {
    s.raise(GENERAL_PROTECTION, and(wrap(s.address()), i32(15)))
    s.sync(name, s.address(), s.next())
  }

/** The area of XSAVE and its kin starts on 64 bytes (SDM vol. 1, 13.4). */
const saves =
  (compacted: 0 | 1): Semantics =>
  (s) => {
    s.raise(GENERAL_PROTECTION, and(wrap(s.address()), i32(63)))
    s.sync('xsave', s.address(), s.next(), i32(compacted))
  }
const restores: Semantics = (s) => {
  s.raise(GENERAL_PROTECTION, and(wrap(s.address()), i32(63)))
  s.sync('xrstor', s.address(), s.next())
}

/** The immediate is size | level << 16. The helper pushes one frame pointer after the other, as the CPU does. */
const enter: Semantics = (s) => s.sync('enterFrame', s.immediate(), i32(s.width / 8))

/** Zeroes the 64 bytes of the line that rax points into. */
const clzero: Semantics = (s) => {
  const line = and(add(s.addressSized(s.reg(RAX, 64)), s.segmentBase()), i64(-64))
  for (let n = 0; n < 64; n += 16) s.storeAs('v128.store', add(line, i64(n)), vector(new Array(16).fill(0)))
}

/** Always succeeds: CF set, the other flags clear. */
const random: Semantics = (s) => {
  s.sync('random', i32(s.width / 8))
  s.write(0, cut(s.word(WORD.random, s.width === 64 ? 'i64' : 'i32'), s.width))
  s.flags(fromFlagBits(i32(1)))
}

const untestable = { untestable: true }
const ends = { untestable: true, ends: true }
const hint = (encoding: string, name: string, operands: string) => form(encoding, name, operands, nothing)

/** Flushing a line reads it, as far as faults go (SDM vol. 2A, CLFLUSH). */
const flush = (encoding: string, name: string) =>
  form(encoding, name, 'Mb', (s) => void s.load(s.address(), 8), { feature: name })

/** Instructions that user mode may not execute: [encoding, mnemonic, operands]. */
const PRIVILEGED: readonly (readonly [string, string, string])[] = [
  ['F4', 'hlt', ''],
  ['FA', 'cli', ''],
  ['FB', 'sti', ''],
  ['E4', 'in', 'Ab Ib'],
  ['E5', 'in', 'Az Ib'],
  ['E6', 'out', 'Ib Ab'],
  ['E7', 'out', 'Ib Az'],
  ['EC', 'in', 'Ab'],
  ['ED', 'in', 'Az'],
  ['EE', 'out', 'Ab'],
  ['EF', 'out', 'Az'],
  ['6C', 'ins', 'Yb'],
  ['6D', 'ins', 'Yz'],
  ['6E', 'outs', 'Xb'],
  ['6F', 'outs', 'Xz'],
  ['0F 06', 'clts', ''],
  ['0F 07', 'sysret', ''],
  ['0F 08', 'invd', ''],
  ['0F 09', 'wbinvd', ''],
  ['0F 30', 'wrmsr', ''],
  ['0F 32', 'rdmsr', ''],
  ['0F 33', 'rdpmc', ''],
  ['0F 35', 'sysexit', ''],
  ['NP 0F C7 /3', 'xrstors', 'Mq'],
  ['NP 0F C7 /5', 'xsaves', 'Mq'],
  ['0F 00 /2', 'lldt', 'Ew'],
  ['0F 00 /3', 'ltr', 'Ew'],
  ['0F 01 /2', 'lgdt', 'Mq'],
  ['0F 01 /3', 'lidt', 'Mq'],
  ['0F 01 /6', 'lmsw', 'Ew'],
  ['0F 01 /7', 'invlpg', 'Mb'],
  ['66 0F38 82 /r', 'invpcid', 'Mq'],
]

export const system: readonly Row[] = [
  form('0F 05', 'syscall', '', syscall, ends),
  form('0F A2', 'cpuid', '', helper('cpuid'), untestable),
  form('0F 31', 'rdtsc', '', helper('rdtsc'), untestable),
  form('0F 01 /7', 'rdtscp', 'Rd', helper('rdtscp'), { ...untestable, register: 1, feature: 'rdtscp' }),
  form('NP 0F 01 /2', 'xgetbv', 'Rd', helper('xgetbv'), { ...untestable, register: 0, feature: 'osxsave' }),
  form('NP 0F 01 /2', 'xsetbv', 'Rd', raises(GENERAL_PROTECTION), { ...ends, register: 1 }),
  form('0F 01 /7', 'swapgs', 'Rd', raises(GENERAL_PROTECTION), { ...ends, register: 0 }),
  form('NP 0F 01 /7', 'monitorx', 'Rd', (s) => s.raise(GENERAL_PROTECTION, s.reg(RCX, 32)), {
    ...untestable,
    register: 2,
    feature: 'mwaitx',
  }),
  // The wait ends at once: it may, for any reason (APM vol. 3, MWAITX).
  form('NP 0F 01 /7', 'mwaitx', 'Rd', (s) => s.raise(GENERAL_PROTECTION, ne(and(s.reg(RCX, 64), i64(-4)), i64(0))), {
    ...untestable,
    register: 3,
    feature: 'mwaitx',
  }),
  form('0F 01 /7', 'clzero', 'Rd', clzero, { ...untestable, register: 4, feature: 'clzero' }),
  // The instructions of SVM, as a CPU has them where a hypervisor keeps them for itself; vmmcall calls that one, and has no row.
  ...['vmrun', '', 'vmload', 'vmsave', 'stgi', 'clgi', 'skinit', 'invlpga'].flatMap((name, rm) =>
    name === '' ? [] : [form('0F 01 /3', name, 'Rd', raises(GENERAL_PROTECTION), { ...ends, register: rm })],
  ),
  form('NFx 0F C7 /6', 'rdrand', 'Rv', random, { ...untestable, feature: 'rdrand' }),
  form('NFx 0F C7 /7', 'rdseed', 'Rv', random, { ...untestable, feature: 'rdseed' }),
  form('F3 0F C7 /7', 'rdpid', 'Rq', (s) => s.write(0, i64(0)), { ...untestable, feature: 'rdpid' }),
  form('CC', 'int3', '', raises(3), ends),
  form('F1', 'int1', '', raises(1), ends),
  form('CD', 'int', 'Ib', interrupt, ends),
  form('0F 0B', 'ud2', '', raises(UNDEFINED_OPCODE), ends),
  // AMD's CPUs raise before they fetch a modrm byte.
  form('0F B9', 'ud1', '', raises(UNDEFINED_OPCODE), ends),
  form('0F FF', 'ud0', '', raises(UNDEFINED_OPCODE), ends),
  ...PRIVILEGED.map(([encoding, name, operands]) => form(encoding, name, operands, raises(GENERAL_PROTECTION), ends)),
  ...[0x20, 0x21, 0x22, 0x23].map((opcode) =>
    form(`0F ${opcode.toString(16)} /r`, 'mov', 'Rq', raises(GENERAL_PROTECTION), {
      ...ends,
      systemRegisters: opcode % 2 === 0 ? [0, 2, 3, 4, 8] : [0, 1, 2, 3, 4, 5, 6, 7],
    }),
  ),
  form('F3 0F AE /0', 'rdfsbase', 'Ry', readBase(WORD.fsBase), { ...untestable, feature: 'fsgsbase' }),
  form('F3 0F AE /1', 'rdgsbase', 'Ry', readBase(WORD.gsBase), { ...untestable, feature: 'fsgsbase' }),
  form('F3 0F AE /2', 'wrfsbase', 'Ry', writeBase(WORD.fsBase), { ...untestable, feature: 'fsgsbase' }),
  form('F3 0F AE /3', 'wrgsbase', 'Ry', writeBase(WORD.gsBase), { ...untestable, feature: 'fsgsbase' }),
  form('NP 0F AE /4', 'xsave', 'Mq', saves(0), { ...untestable, feature: 'osxsave' }),
  form('NP 0F AE /6', 'xsaveopt', 'Mq', saves(0), { ...untestable, feature: 'xsaveopt' }),
  form('NP 0F C7 /4', 'xsavec', 'Mq', saves(1), { ...untestable, feature: 'xsavec' }),
  form('NP 0F AE /5', 'xrstor', 'Mq', restores, { ...untestable, feature: 'osxsave' }),
  form('NP 0F AE /0', 'fxsave', 'Mq', legacyState('fxsave'), untestable),
  form('NP 0F AE /1', 'fxrstor', 'Mq', legacyState('fxrstor'), untestable),
  form('NP 0F AE /2', 'ldmxcsr', 'Md', ldmxcsr, { vex: 'Md L0' }),
  form('NP 0F AE /3', 'stmxcsr', 'Md', stmxcsr, { vex: 'Md L0' }),
  // Atomics are sequentially consistent already and plain accesses ordered as on x86 (store buffering apart): mfence and a
  // locked instruction end at the host's own fence.
  form('NP 0F AE /5', 'lfence', 'Rd', nothing),
  form('NP 0F AE /6', 'mfence', 'Rd', helper('fence')),
  form('NP 0F AE /7', 'sfence', 'Rd', nothing),
  flush('NP 0F AE /7', 'clflush'),
  flush('66 0F AE /7', 'clflushopt'),
  flush('66 0F AE /6', 'clwb'),
  form('C8', 'enter', 'Iw Ib', enter, { default64: true }),
  // With REX.B it is xchg, whatever the prefix.
  form('F3 90', 'pause', '', nothing, { register: 0 }),
  hint('0F 0D /r', 'prefetchw', 'Mb'),
  hint('0F 18 /r', 'prefetch', 'Ev'),
  ...[0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f].map((opcode) =>
    hint(`0F ${opcode.toString(16).toUpperCase()} /r`, 'nop', 'Ev'),
  ),
]
