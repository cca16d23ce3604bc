// Loads a program into a fresh address space, as fs/binfmt_elf.c and binfmt_script.c do: segments mapped from their file, .bss, stack, auxv.
//   const loaded = loadProgram(kernel, { path, argv, envp, cwd, ... }); if (!('entry' in loaded)) ...
// Static programs only, fixed or position-independent. Addresses are the same in every run.
import { AUX } from '../abi/auxv.js'
import { ET, PF, PHDR_SIZE, PT } from '../abi/elf.js'
import { E } from '../abi/errno.js'
import { AT, O, PATH_MAX } from '../abi/fcntl.js'
import { MAP, PROT } from '../abi/mman.js'
import { RLIMIT } from '../abi/resource.js'
import { newFileStatus, S } from '../abi/stat.js'
import type { CpuFacts } from '../engine/cpu.js'
import { textOfPath } from '../lib/path-text.js'
import type { FileHandle } from '../wire/layout.js'
import { PAGE, TASK_SIZE, type Vma } from '../wire/layout.js'
import type { AddressSpace, AddressSpaces } from './address-space.js'
import type { Credentials, Identity } from './credentials.js'
import { type ElfImage, headersEnd, readImage, type Segment } from './elf-image.js'
import { StorageFile } from './files.js'
import { hasRoom, isData } from './memory-limits.js'
import type { Limits, Process } from './process.js'
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
const X_OK = 1
const R_OK = 4
/** MAX_LFS_FILESIZE: mmap(2) refuses more of a file (EOVERFLOW). */
const FILE_SIZE_MAX = 2 ** 63
const OFFSET_MAX = 2 ** 52

/** Where execveat(2) finds a program: by name, or in a file that is open already. */
export type ProgramSource =
  | { readonly cwd: string; readonly path: string; readonly follow: boolean }
  | { readonly handle: FileHandle }

export interface ProgramRequest {
  /** What it is called: AT_EXECFN, and the argument of a script's interpreter. */
  readonly path: string
  /** Where it is, unless `path` says so. */
  readonly source?: ProgramSource
  /** `path` leads nowhere in the new program, since its descriptor is closed: scripts are ENOENT. */
  readonly isUnreachable?: boolean
  /** The file, where it is open already (`openProgram`): taken over. */
  readonly opened?: Executable
  readonly argv: readonly Uint8Array[]
  readonly envp: readonly Uint8Array[]
  readonly cwd: string
  readonly credentials: Credentials
  readonly random: Uint8Array
  readonly limits: readonly Limits[]
}

export interface LoadedProgram {
  readonly space: AddressSpace
  readonly entry: number
  readonly sp: number
  /** Canonical path of the executable. */
  readonly path: string
  readonly key: string
  /** Its process may read it; else nobody may look into what runs (would_dump, fs/exec.c). */
  readonly isReadable: boolean
  /** What was asked for, without directories: a script's own name, not its interpreter's; an open file's own (begin_new_exec, fs/exec.c). */
  readonly name: string
}

/** Why it cannot be executed: errno as execve(2) has it (negative), and a line for people. */
export interface LoadFailure {
  readonly errno: number
  readonly reason: string
  /** The old program is gone already (fs/exec.c, the point of no return): the process dies by SIGSEGV. */
  readonly fatal: boolean
}

export interface LoaderEnvironment {
  readonly storage: Storage
  readonly processes: ReadonlyMap<number, Process>
  readonly spaces: AddressSpaces
  readonly cpu: CpuFacts
  readonly identity: Identity
}

const failure = (errno: number, reason: string): LoadFailure => ({ errno: -errno, reason, fatal: false })
const fatal = (errno: number, reason: string): LoadFailure => ({
  errno: -errno,
  reason: `cannot execute: ${reason}`,
  fatal: true,
})

const OPEN_FAILURES: Readonly<Record<number, string>> = {
  [E.NOENT]: 'No such file or directory',
  [E.NOTDIR]: 'Not a directory',
  [E.ACCES]: 'Permission denied',
  [E.LOOP]: 'Too many levels of symbolic links',
  [E.NAMETOOLONG]: 'File name too long',
}

export const isFailure = (result: object): result is LoadFailure => 'errno' in result

export function loadProgram(environment: LoaderEnvironment, request: ProgramRequest): LoadedProgram | LoadFailure {
  const { storage } = environment
  let { path } = request
  let argv = request.argv
  let source = sourceOf(request)
  for (let depth = 0; ; depth++) {
    const opened = depth === 0 && request.opened ? request.opened : openExecutable(environment, source)
    if ('errno' in opened) return depth === 0 ? opened : ofInterpreter(path, opened)
    const { handle, head, size, isReadable } = opened
    const script = parseScript(head)
    if (script === null) {
      const result = loadElf(environment, { ...request, argv }, handle, head, size)
      storage.release(handle)
      if (!isFailure(result)) return { ...result, isReadable }
      return depth > 0 ? ofInterpreter(path, result) : result
    }
    storage.release(handle)
    if (depth === SCRIPT_DEPTH_MAX) return failure(E.LOOP, 'too many levels of interpreter scripts')
    if (script.interpreter.length === 0) return failure(E.NOEXEC, 'cannot execute: its first line names no interpreter')
    if (depth === 0 && request.isUnreachable === true)
      return failure(E.NOENT, 'a script in a descriptor that is closed on exec')
    const encoder = new TextEncoder()
    const option = script.argument === null ? [] : [script.argument]
    argv = [script.interpreter, ...option, encoder.encode(path), ...argv.slice(1)]
    path = new TextDecoder().decode(script.interpreter)
    source = { cwd: request.cwd, path, follow: true }
  }
}

const ofInterpreter = (path: string, { reason, ...rest }: LoadFailure): LoadFailure => ({
  ...rest,
  // The name comes from a file: one line, whatever it is.
  reason: `its interpreter ${path.replace(/\p{Cc}/gu, '?')}: ${reason}`,
})

/** A file that may be executed (one reference), and how it begins. */
export interface Executable {
  readonly handle: FileHandle
  readonly head: Uint8Array
  readonly size: number
  /** Also by the process itself. */
  readonly isReadable: boolean
}

const sourceOf = ({ source, cwd, path }: Pick<ProgramRequest, 'source' | 'cwd' | 'path'>): ProgramSource =>
  source ?? { cwd, path, follow: true }

/** The first half of execve(2), before it looks at its arguments: for `opened` of a request. */
export const openProgram = (
  environment: LoaderEnvironment,
  request: Pick<ProgramRequest, 'source' | 'cwd' | 'path'>,
): Executable | LoadFailure => openExecutable(environment, sourceOf(request))

function open(storage: Storage, source: ProgramSource): ReturnType<Storage['open']> {
  if ('path' in source) {
    const { cwd, path, follow } = source
    const opened = storage.open(cwd, path, O.RDONLY | O.CLOEXEC | (follow ? 0 : O.NOFOLLOW), 0)
    // Who may execute it need not be allowed to read it.
    return opened === -E.ACCES ? storage.open(cwd, path, O.PATH | (follow ? 0 : O.NOFOLLOW), 0) : opened
  }
  const status = newFileStatus()
  const retained = storage.retain(source.handle)
  const result = retained < 0 ? retained : storage.statHandle(source.handle, status)
  return result < 0 ? result : { kind: 'file', handle: source.handle, status }
}

/** Whether a process of the guest has a file open for writing, or maps it from then (exe_file_deny_write_access, linux/fs.h). */
function isBeingWritten({ processes }: LoaderEnvironment, key: string): boolean {
  for (const { status, files, space } of processes.values()) {
    if (status >= 0) continue
    const isOpen = files.list().some((fd) => {
      const file = files.get(fd)
      return file instanceof StorageFile && file.writable && file.handle.key === key
    })
    if (isOpen || space.vmas.some((vma) => vma.file === key && isWritableForAll(vma))) return true
  }
  return false
}

/** A shared mapping that is writable, or may become so. */
const isWritableForAll = ({ flags, maxProt }: Vma): boolean =>
  (flags & MAP.TYPE) !== MAP.PRIVATE && (maxProt === 0 || (maxProt & PROT.WRITE) !== 0)

function openExecutable(environment: LoaderEnvironment, source: ProgramSource): Executable | LoadFailure {
  const { storage } = environment
  const opened = open(storage, source)
  if (typeof opened === 'number')
    return { fatal: false, errno: opened, reason: OPEN_FAILURES[-opened] ?? `cannot be opened (errno ${-opened})` }
  if (opened.kind === 'device') return failure(E.ACCES, 'cannot execute: not a regular file')
  const { handle, status } = opened
  const refuse = (reason: string, errno: number = E.ACCES): LoadFailure => {
    storage.release(handle)
    return failure(errno, reason)
  }
  if ((status.mode & S.IFMT) === S.IFDIR) return refuse('cannot execute: Is a directory')
  if ((status.mode & S.IFMT) === S.IFLNK) return refuse('Too many levels of symbolic links', E.LOOP)
  if ((status.mode & S.IFMT) !== S.IFREG) return refuse('cannot execute: not a regular file')
  if (storage.accessHandle(handle, X_OK, AT.EACCESS) < 0) return refuse('Permission denied')
  const head = new Uint8Array(HEAD_SIZE)
  if (isBeingWritten(environment, handle.key)) return refuse('Text file busy', E.TXTBSY)
  const isReadable = storage.accessHandle(handle, R_OK, AT.EACCESS) >= 0
  const readHead = (): number => storage.read(handle, 0, head)
  const got = isReadable ? readHead() : environment.identity.asOurselves(readHead)
  return got < 0
    ? refuse('cannot be read', -got)
    : { handle, head: head.subarray(0, got), size: status.size, isReadable }
}

function loadElf(
  environment: LoaderEnvironment,
  request: ProgramRequest,
  handle: FileHandle,
  head: Uint8Array,
  size: number,
): Omit<LoadedProgram, 'isReadable'> | LoadFailure {
  const { storage, spaces, cpu } = environment
  let bytes = head
  const end = headersEnd(head)
  if (end > head.length && end <= Math.min(size, 1 << 20)) {
    bytes = new Uint8Array(end)
    if (storage.read(handle, 0, bytes) < end) bytes = head
  }
  const image = readImage(bytes)
  if (typeof image === 'string') return failure(E.NOEXEC, `cannot execute: ${image}`)
  const interpreter = image.segments.find(({ type }) => type === PT.INTERP)
  if (interpreter !== undefined) return refusedInterpreter(environment, request.cwd, handle, interpreter)
  const space = spaces.create()
  space.stackLimit = request.limits[RLIMIT.STACK]!.current
  space.sizeLimit = request.limits[RLIMIT.AS]!.current
  const sp = mapProgram(spaces, space, image, cpu, request, handle)
  if (typeof sp !== 'number') {
    spaces.release(space)
    return sp
  }
  const isCut = image.segments.some(({ type, offset, fileSize }) => type === PT.LOAD && offset + fileSize > size)
  if (isCut) space.flaw = 'truncated: a segment lies beyond the end of the file'
  const path = storage.pathOf(handle)
  const canonical = typeof path === 'string' ? path : handle.path
  // A file without a name is called by its last one.
  const called =
    request.source !== undefined && 'handle' in request.source ? canonical.replace(/ \(deleted\)$/, '') : request.path
  const name = called.slice(called.lastIndexOf('/') + 1)
  return { space, entry: image.entry + biasOf(image), sp, path: canonical, key: handle.key, name }
}

/** What the kernel finds wrong with the name of a dynamic linker, in its order; else that there is none here. */
function refusedInterpreter(
  environment: LoaderEnvironment,
  cwd: string,
  handle: FileHandle,
  { offset, fileSize }: Segment,
): LoadFailure {
  const { storage } = environment
  const malformed = failure(E.NOEXEC, 'cannot execute: malformed: the name of its interpreter')
  if (fileSize < 2 || fileSize > PATH_MAX) return malformed
  const name = new Uint8Array(fileSize)
  const got = offset < Number.MAX_SAFE_INTEGER ? storage.read(handle, offset, name) : -E.INVAL
  if (got < fileSize) return failure(E.IO, 'cannot execute: truncated: the name of its interpreter')
  if (name[fileSize - 1] !== 0) return malformed
  // An empty name is the working directory.
  const path = textOfPath(name.subarray(0, name.indexOf(0))) || '.'
  const opened = openExecutable(environment, { cwd, path, follow: true })
  if ('errno' in opened) return ofInterpreter(path, opened)
  storage.release(opened.handle)
  return failure(E.LIBBAD, 'cannot execute: dynamically linked, which is not supported yet; use a static build')
}

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value))

function biasOf(image: ElfImage): number {
  const loads = image.segments.filter(({ type }) => type === PT.LOAD)
  const first = loads[0]
  if (image.type === ET.EXEC || first === undefined) return 0
  const align = loads.reduce((most, { align }) => (isPowerOfTwo(align) ? Math.max(most, align) : most), PAGE)
  // What has no bytes in the file goes to the lowest address (elf_load's hint), where nobody may map.
  const base = first.fileSize === 0 ? 0 : PIE_BASE - (PIE_BASE % align)
  return base - (first.address - (first.address % PAGE))
}

function protOf({ flags }: Segment): number {
  return (
    ((flags & PF.R) !== 0 ? PROT.READ : 0) |
    ((flags & PF.W) !== 0 ? PROT.WRITE : 0) |
    ((flags & PF.X) !== 0 ? PROT.EXEC : 0)
  )
}

/** The initial stack pointer. The stack comes first, as in load_elf_binary: segments may lie over it. */
function mapProgram(
  spaces: AddressSpaces,
  space: AddressSpace,
  image: ElfImage,
  cpu: CpuFacts,
  request: ProgramRequest,
  handle: FileHandle,
): number | LoadFailure {
  const stack = stackOf(image, cpu, request)
  if (stack === null) return failure(E['2BIG'], 'Argument list too long')
  const failed = mapStack(spaces, space, image, stack.sp) ?? mapImage(spaces, space, image, handle, request.limits)
  if (failed !== null) return failed
  if (image.entry + biasOf(image) >= TASK_SIZE) return fatal(E.INVAL, 'malformed: its entry is out of range')
  if (space.memory.copyOut(stack.sp, stack.bytes) < 0) return fatal(E.FAULT, 'malformed: a segment covers its stack')
  space.argStart = stack.argStart
  space.argEnd = stack.argEnd
  space.envEnd = stack.envEnd
  space.auxStart = stack.auxStart
  return stack.sp
}

function mapImage(
  spaces: AddressSpaces,
  space: AddressSpace,
  image: ElfImage,
  handle: FileHandle,
  limits: readonly Limits[],
): LoadFailure | null {
  const bias = biasOf(image)
  let brk = 0
  // Only the first may not lie over what is there.
  let placement: number = MAP.FIXED | MAP.FIXED_NOREPLACE
  for (const segment of image.segments) {
    if (segment.type !== PT.LOAD) continue
    const failed = outOfRange(segment) ?? mapSegment(spaces, space, segment, bias, placement, handle, limits)
    if (failed !== null) return failed
    placement = MAP.FIXED
    brk = Math.max(brk, segment.address + bias + segment.memorySize)
  }
  if (brk === 0) return fatal(E.INVAL, 'malformed: it has nothing to load')
  spaces.startBrk(space, Math.ceil(brk / PAGE) * PAGE)
  return null
}

function outOfRange({ address, offset, fileSize, memorySize, aligned }: Segment): LoadFailure | null {
  if (fileSize > memorySize || address >= TASK_SIZE || memorySize > TASK_SIZE - address)
    return fatal(E.INVAL, 'malformed: a segment is out of range')
  if (fileSize > 0 && !aligned) return fatal(E.INVAL, 'malformed: a segment is not aligned with its place in the file')
  if (fileSize > 0 && offset + fileSize >= FILE_SIZE_MAX)
    return fatal(E.OVERFLOW, 'malformed: a segment is beyond the end of every file')
  return null
}

const overLimit = fatal(E.NOMEM, 'it is larger than its address space may be (ulimit -v, ulimit -d, --memory-limit)')

/** elf_load: what the file has of the segment, then its .bss, which may be written whatever the segment says. */
function mapSegment(
  spaces: AddressSpaces,
  space: AddressSpace,
  segment: Segment,
  bias: number,
  placement: number,
  handle: FileHandle,
  limits: readonly Limits[],
): LoadFailure | null {
  const address = segment.address + bias
  const start = address - (address % PAGE)
  const fileEnd = address + segment.fileSize
  const filePages = segment.fileSize === 0 ? start : Math.ceil(fileEnd / PAGE) * PAGE
  const memoryEnd = address + segment.memorySize
  const prot = protOf(segment)
  const base = { object: 0, maxProt: 0 }
  if (filePages > start) {
    const length = filePages - start
    if (!hasRoom(limits, space.vmas, length, isData({ prot, flags: 0 }))) return overLimit
    const result = spaces.map(space, {
      ...base,
      prot,
      address: start,
      length,
      flags: MAP.PRIVATE | placement,
      // Beyond every file that there is, one place is as good as another.
      offset: Math.min(segment.offset - (address - start), OFFSET_MAX),
      file: handle.key,
      path: handle.path,
    })
    if (result < 0) return fatal(-result, `a segment cannot be mapped (errno ${-result})`)
  }
  // Behind the file's last byte the page is .bss; a segment that may not be written keeps what the file has there, as in Linux.
  if (
    segment.memorySize > segment.fileSize &&
    (prot & PROT.WRITE) !== 0 &&
    filePages > fileEnd &&
    segment.fileSize > 0 &&
    space.memory.zero(fileEnd, filePages - fileEnd) < 0
  ) {
    return fatal(E.FAULT, 'truncated: .bss lies beyond the end of the file')
  }
  const bssStart = Math.max(filePages, start)
  if (memoryEnd > bssStart) {
    const length = Math.ceil((memoryEnd - bssStart) / PAGE) * PAGE
    if (!hasRoom(limits, space.vmas, length, true)) return overLimit
    const result = spaces.map(space, {
      ...base,
      prot: PROT.READ | PROT.WRITE | (prot & PROT.EXEC),
      address: bssStart,
      length,
      flags: MAP.PRIVATE | MAP.FIXED | MAP.ANONYMOUS,
      offset: 0,
      file: '',
      path: '',
    })
    if (result < 0) return fatal(-result, `.bss cannot be mapped (errno ${-result})`)
  }
  return null
}

/** Null: more strings than a stack takes. */
function stackOf(image: ElfImage, cpu: CpuFacts, request: ProgramRequest): ReturnType<typeof buildStack> | null {
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
  const limit = Math.max(Math.min(request.limits[RLIMIT.STACK]!.current / 4, 6 << 20), STACK_INITIAL)
  return argumentsSize(contents) > limit ? null : buildStack(STACK_TOP, contents)
}

function mapStack(spaces: AddressSpaces, space: AddressSpace, image: ElfImage, sp: number): LoadFailure | null {
  // The last one counts; without one an x86-64 program's stack is not executable (asm/elf.h, elf_read_implies_exec).
  const executable = image.segments.findLast(({ type }) => type === PT.GNU_STACK)
  const exec = executable !== undefined && (executable.flags & PF.X) !== 0 ? PROT.EXEC : 0
  const start = sp - (sp % PAGE) - Math.min(STACK_INITIAL, space.stackLimit)
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
  return result < 0 ? fatal(-result, `no room for its stack (errno ${-result})`) : null
}

/** In the kernel's order; what needs an address on the stack is filled in there. */
function auxvOf(
  image: ElfImage,
  cpu: CpuFacts,
  { uid, euid, gid, egid }: Credentials,
): readonly (readonly [number, number])[] {
  const bias = biasOf(image)
  const holder = image.segments.findLast(
    ({ type, offset, fileSize }) =>
      type === PT.LOAD && image.headersOffset >= offset && image.headersOffset < offset + fileSize,
  )
  const headers = (holder === undefined ? 0 : image.headersOffset - holder.offset + holder.address) + bias
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
