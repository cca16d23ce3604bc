// Loads a program into a fresh address space, as fs/binfmt_elf.c and binfmt_script.c do: segments mapped from their file, .bss, stack, auxv.
//   const loaded = loadProgram(kernel, { path, argv, envp, cwd, ... }); if (!('entry' in loaded)) ...
// Static programs only, fixed or position-independent. Addresses are the same in every run.
import { AUX } from '../abi/auxv.js'
import { ET, PF, PHDR_SIZE, PT } from '../abi/elf.js'
import { E } from '../abi/errno.js'
import { O } from '../abi/fcntl.js'
import { MAP, PROT } from '../abi/mman.js'
import { S } from '../abi/stat.js'
import type { CpuFacts } from '../engine/cpu.js'
import type { FileHandle } from '../wire/layout.js'
import { PAGE } from '../wire/layout.js'
import type { AddressSpace, AddressSpaces } from './address-space.js'
import type { Credentials } from './credentials.js'
import { type ElfImage, headersEnd, readImage, type Segment } from './elf-image.js'
import { argumentsSize, buildStack, type StackContents } from './program-stack.js'
import { parseScript } from './script.js'
import { signalStackMinimum } from './signal-state.js'
import type { Storage } from './storage.js'

const STACK_TOP = 0x7ffffffff000
/** ELF_ET_DYN_BASE: two thirds of the address space (asm/elf.h). */
const PIE_BASE = 0x555555554000
/** What setup_arg_pages gives below the strings before the stack has to grow. */
const STACK_INITIAL = 128 << 10
/** fs/exec.c: BINPRM_MAX_RECURSION. */
const SCRIPT_DEPTH_MAX = 4
const HEAD_SIZE = 4096

export interface ProgramRequest {
  readonly path: string
  readonly argv: readonly Uint8Array[]
  readonly envp: readonly Uint8Array[]
  readonly cwd: string
  readonly credentials: Credentials
  readonly random: Uint8Array
  readonly stackLimit: number
}

export interface LoadedProgram {
  readonly space: AddressSpace
  readonly entry: number
  readonly sp: number
  /** Canonical path of the executable. */
  readonly path: string
}

/** Why it cannot be executed: errno as execve(2) has it (negative), and a line for people. */
export interface LoadFailure {
  readonly errno: number
  readonly reason: string
}

export interface LoaderEnvironment {
  readonly storage: Storage
  readonly spaces: AddressSpaces
  readonly cpu: CpuFacts
}

const failure = (errno: number, reason: string): LoadFailure => ({ errno: -errno, reason })

const OPEN_FAILURES: Readonly<Record<number, string>> = {
  [E.NOENT]: 'No such file or directory',
  [E.NOTDIR]: 'Not a directory',
  [E.ACCES]: 'Permission denied',
  [E.LOOP]: 'Too many levels of symbolic links',
  [E.NAMETOOLONG]: 'File name too long',
}

export const isFailure = (result: LoadedProgram | LoadFailure): result is LoadFailure => 'errno' in result

export function loadProgram(environment: LoaderEnvironment, request: ProgramRequest): LoadedProgram | LoadFailure {
  const { storage } = environment
  let { path } = request
  let argv = request.argv
  for (let depth = 0; ; depth++) {
    const opened = openExecutable(storage, request.cwd, path)
    if ('errno' in opened) return depth === 0 ? opened : ofInterpreter(path, opened)
    const { handle, head, size } = opened
    const script = parseScript(head)
    if (script === null) {
      const result = loadElf(environment, { ...request, argv }, handle, head, size)
      storage.release(handle)
      return depth > 0 && isFailure(result) ? ofInterpreter(path, result) : result
    }
    storage.release(handle)
    if (depth === SCRIPT_DEPTH_MAX) return failure(E.LOOP, 'too many levels of interpreter scripts')
    if (script.interpreter.length === 0) return failure(E.NOEXEC, 'cannot execute: its first line names no interpreter')
    const encoder = new TextEncoder()
    const option = script.argument === null ? [] : [script.argument]
    argv = [script.interpreter, ...option, encoder.encode(path), ...argv.slice(1)]
    path = new TextDecoder().decode(script.interpreter)
  }
}

const ofInterpreter = (path: string, { errno, reason }: LoadFailure): LoadFailure => ({
  errno,
  reason: `its interpreter ${path}: ${reason}`,
})

type Executable = { handle: FileHandle; head: Uint8Array; size: number }

function openExecutable(storage: Storage, cwd: string, path: string): Executable | LoadFailure {
  const opened = storage.open(cwd, path, O.RDONLY | O.CLOEXEC, 0)
  if (typeof opened === 'number')
    return { errno: opened, reason: OPEN_FAILURES[-opened] ?? `cannot be opened (errno ${-opened})` }
  if (opened.kind === 'device') return failure(E.ACCES, 'cannot execute: not a regular file')
  const { handle, status } = opened
  const refuse = (reason: string): LoadFailure => {
    storage.release(handle)
    return failure(E.ACCES, reason)
  }
  if ((status.mode & S.IFMT) === S.IFDIR) return refuse('cannot execute: Is a directory')
  if ((status.mode & S.IFMT) !== S.IFREG) return refuse('cannot execute: not a regular file')
  if (storage.access(cwd, path, 1, 0) < 0) return refuse('Permission denied')
  const head = new Uint8Array(HEAD_SIZE)
  const got = storage.read(handle, 0, head)
  return { handle, head: head.subarray(0, Math.max(0, got)), size: status.size }
}

function loadElf(
  { storage, spaces, cpu }: LoaderEnvironment,
  request: ProgramRequest,
  handle: FileHandle,
  head: Uint8Array,
  size: number,
): LoadedProgram | LoadFailure {
  let bytes = head
  const end = headersEnd(head)
  if (end > head.length && end <= Math.min(size, 1 << 20)) {
    bytes = new Uint8Array(end)
    if (storage.read(handle, 0, bytes) < end) bytes = head
  }
  const image = readImage(bytes, size)
  if (typeof image === 'string') return failure(E.NOEXEC, `cannot execute: ${image}`)
  if (image.segments.some(({ type }) => type === PT.INTERP)) {
    return failure(E.LIBBAD, 'cannot execute: dynamically linked, which is not supported yet; use a static build')
  }
  const space = spaces.create()
  space.stackLimit = request.stackLimit
  const failed = mapImage(spaces, space, image, handle) ?? mapStackOf(spaces, space, image, cpu, request)
  if (typeof failed !== 'number') {
    spaces.release(space)
    return failed
  }
  return { space, entry: image.entry + biasOf(image), sp: failed, path: handle.path }
}

function biasOf(image: ElfImage): number {
  if (image.type === ET.EXEC) return 0
  const first = image.segments.find(({ type }) => type === PT.LOAD)!
  const align = image.segments.reduce(
    (most, { type, align }) => (type === PT.LOAD ? Math.max(most, align) : most),
    PAGE,
  )
  return PIE_BASE - (PIE_BASE % align) - (first.address - (first.address % PAGE))
}

function protOf({ flags }: Segment): number {
  return (
    ((flags & PF.R) !== 0 ? PROT.READ : 0) |
    ((flags & PF.W) !== 0 ? PROT.WRITE : 0) |
    ((flags & PF.X) !== 0 ? PROT.EXEC : 0)
  )
}

function mapImage(spaces: AddressSpaces, space: AddressSpace, image: ElfImage, handle: FileHandle): LoadFailure | null {
  const bias = biasOf(image)
  let brk = 0
  for (const segment of image.segments) {
    if (segment.type !== PT.LOAD) continue
    const address = segment.address + bias
    const start = address - (address % PAGE)
    const fileEnd = address + segment.fileSize
    const filePages = segment.fileSize === 0 ? start : Math.ceil(fileEnd / PAGE) * PAGE
    const memoryEnd = address + segment.memorySize
    const prot = protOf(segment)
    const base = { prot, object: 0, maxProt: 0 }
    if (filePages > start) {
      const result = spaces.map(space, {
        ...base,
        address: start,
        length: filePages - start,
        flags: MAP.PRIVATE | MAP.FIXED,
        offset: segment.offset - (address - start),
        file: handle.key,
        path: handle.path,
      })
      if (result < 0) return { errno: result, reason: `cannot execute: a segment cannot be mapped (errno ${-result})` }
    }
    // Behind the file's last byte the page is .bss; a segment that may not be written keeps what the file has there, as in Linux.
    if (
      segment.memorySize > segment.fileSize &&
      (prot & PROT.WRITE) !== 0 &&
      filePages > fileEnd &&
      segment.fileSize > 0
    ) {
      if (space.memory.zero(fileEnd, filePages - fileEnd) < 0) return failure(E.FAULT, 'cannot execute: truncated')
    }
    const bssStart = Math.max(filePages, start)
    if (memoryEnd > bssStart) {
      const result = spaces.map(space, {
        ...base,
        address: bssStart,
        length: Math.ceil((memoryEnd - bssStart) / PAGE) * PAGE,
        flags: MAP.PRIVATE | MAP.FIXED | MAP.ANONYMOUS,
        offset: 0,
        file: '',
        path: '',
      })
      if (result < 0) return { errno: result, reason: `cannot execute: .bss cannot be mapped (errno ${-result})` }
    }
    brk = Math.max(brk, memoryEnd)
  }
  spaces.startBrk(space, Math.ceil(brk / PAGE) * PAGE)
  return null
}

/** Maps and fills the stack; the initial stack pointer. */
function mapStackOf(
  spaces: AddressSpaces,
  space: AddressSpace,
  image: ElfImage,
  cpu: CpuFacts,
  request: ProgramRequest,
): number | LoadFailure {
  const { argv, envp, credentials } = request
  const fileName = new TextEncoder().encode(request.path)
  const contents: StackContents = {
    argv,
    envp,
    fileName,
    random: request.random,
    auxv: auxvOf(image, cpu, credentials),
  }
  // fs/exec.c, bprm_stack_limits: strings may take a quarter of the stack, at most 6 MiB, at least 128 KiB.
  const limit = Math.max(Math.min(request.stackLimit / 4, 6 << 20), STACK_INITIAL)
  if (argumentsSize(contents) > limit) return failure(E['2BIG'], 'Argument list too long')
  const stack = buildStack(STACK_TOP, contents)
  const executable = image.segments.find(({ type }) => type === PT.GNU_STACK)
  const exec = executable === undefined || (executable.flags & PF.X) !== 0 ? PROT.EXEC : 0
  const start = stack.sp - (stack.sp % PAGE) - Math.min(STACK_INITIAL, request.stackLimit)
  const result = spaces.map(space, {
    address: start,
    length: STACK_TOP - start,
    prot: PROT.READ | PROT.WRITE | exec,
    flags: MAP.PRIVATE | MAP.FIXED | MAP.ANONYMOUS | MAP.GROWSDOWN | MAP.STACK,
    offset: 0,
    object: 0,
    file: '',
    path: '[stack]',
    maxProt: 0,
  })
  if (result < 0) return { errno: result, reason: `cannot execute: no room for its stack (errno ${-result})` }
  if (space.memory.copyOut(stack.sp, stack.bytes) < 0) return failure(E.FAULT, 'cannot execute: no room for its stack')
  space.argStart = stack.argStart
  space.argEnd = stack.argEnd
  space.envEnd = stack.envEnd
  space.auxStart = stack.auxStart
  return stack.sp
}

/** In the kernel's order; what needs an address on the stack is filled in there. */
function auxvOf(
  image: ElfImage,
  cpu: CpuFacts,
  { uid, euid, gid, egid }: Credentials,
): readonly (readonly [number, number])[] {
  const bias = biasOf(image)
  const holder = image.segments.find(
    ({ type, offset, fileSize }) =>
      type === PT.LOAD && image.headersOffset >= offset && image.headersOffset < offset + fileSize,
  )
  const headers = holder === undefined ? 0 : image.headersOffset - holder.offset + holder.address + bias
  return [
    [AUX.MINSIGSTKSZ, signalStackMinimum(cpu)],
    [AUX.HWCAP, cpu.hwcap],
    [AUX.PAGESZ, PAGE],
    [AUX.CLKTCK, 100],
    [AUX.PHDR, headers],
    [AUX.PHENT, PHDR_SIZE],
    [AUX.PHNUM, image.headersCount],
    [AUX.BASE, 0],
    [AUX.FLAGS, 0],
    [AUX.ENTRY, image.entry + bias],
    [AUX.UID, uid],
    [AUX.EUID, euid],
    [AUX.GID, gid],
    [AUX.EGID, egid],
    [AUX.SECURE, 0],
    [AUX.RANDOM, 0],
    [AUX.HWCAP2, cpu.hwcap2],
    [AUX.EXECFN, 0],
    [AUX.PLATFORM, 0],
  ]
}
