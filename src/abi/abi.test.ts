// Compares every table and structure of src/abi with this machine's C headers: a C program prints the headers' numbers.
// Skipped where there is no gcc or the machine is not x86-64 Linux: the headers would be others.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { needing } from '../../fixtures/requirements.js'
import { AUX } from './auxv.js'
import { DIRENT, DT as DIRENT_TYPE } from './dirent.js'
import { DT, EHDR, EHDR_SIZE, EI, ELFCLASS, ELFDATA, EM, ET, PF, PHDR, PHDR_SIZE, PT, R_X86_64 } from './elf.js'
import { E, errnoByName } from './errno.js'
import {
  ACCESS,
  AT,
  CLOSE_RANGE,
  F,
  FADV,
  FALLOC,
  FD_CLOEXEC,
  FLOCK_SIZE,
  LOCK,
  O,
  RENAME,
  SEEK,
  XATTR,
} from './fcntl.js'
import { FUTEX, FUTEX_OP, ROBUST_LIST_HEAD_SIZE } from './futex.js'
import { IOCTL, TERMIOS, TERMIOS_SIZE, WINSIZE_SIZE } from './ioctl.js'
import { MADV, MAP, MCL, MFD, MREMAP, MS, PROT } from './mman.js'
import { EFD, EPOLL, EPOLL_CTL, EPOLL_EVENT_SIZE, IN, IN_EVENT, POLL, POLLFD, POLLFD_SIZE, TFD } from './poll.js'
import { ARCH, PR } from './prctl.js'
import { GRND } from './random.js'
import { RLIM_NLIMITS, RLIMIT, RLIMIT_SIZE, RUSAGE, RUSAGE_SIZE } from './resource.js'
import { CLONE, CLONE_ARGS, CLONE_ARGS_SIZE_VER2, SCHED } from './sched.js'
import { FPSTATE, FPSTATE_SIZE, RT_SIGFRAME, SIGCONTEXT, SIGCONTEXT_SIZE, UCONTEXT, UCONTEXT_SIZE } from './sigframe.js'
import {
  BUS,
  CLD,
  FPE,
  ILL,
  POLL_CODE,
  SA,
  SEGV,
  SI,
  SIG,
  SIG_HOW,
  SIGACTION,
  SIGINFO,
  SIGINFO_SIZE,
  SS,
  TRAP,
} from './signal.js'
import { AF, MSG, MSGHDR, MSGHDR_SIZE, SCM, SHUT, SO, SOCK, SOCKADDR_UN_SIZE, SOL, TCP } from './socket.js'
import { S, STAT, STAT_SIZE } from './stat.js'
import { ST, STATFS_SIZE } from './statfs.js'
import { STATX, STATX_FIELD, STATX_SIZE } from './statx.js'
import { SYSINFO_SIZE } from './sysinfo.js'
import { BAUD, CFLAG, CHARACTER_SIZE, IFLAG, LFLAG, OFLAG } from './termios.js'
import { CLOCK, TIMESPEC_SIZE, UTIME_NOW, UTIME_OMIT } from './time.js'
import { IOVEC_SIZE, RWF } from './uio.js'
import { UTSNAME_SIZE } from './utsname.js'
import { P, W } from './wait.js'

const HEADERS = `
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <fcntl.h>
#include <stdio.h>
#include <stddef.h>
#include <elf.h>
#include <time.h>
#include <poll.h>
#include <dirent.h>
#include <termios.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/resource.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/sysinfo.h>
#include <sys/ucontext.h>
#include <sys/xattr.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/sockios.h>
struct kernel_sigaction { void *handler; unsigned long flags; void *restorer; unsigned long mask; };
struct kernel_termios { unsigned iflag, oflag, cflag, lflag; unsigned char line, cc[19]; };
struct kernel_ucontext { unsigned long flags; void *link; stack_t stack; unsigned char mcontext[256]; unsigned long mask; };
struct rt_sigframe { void *pretcode; struct kernel_ucontext uc; siginfo_t info; };
`

/** Prefix of the C names, our table, and names that the C library hides or spells otherwise. */
const TABLES: readonly (readonly [
  prefix: string,
  table: Readonly<Record<string, number>>,
  absent?: readonly string[],
])[] = [
  ['E', E, ['RESTARTSYS', 'RESTARTNOINTR', 'RESTARTNOHAND', 'RESTART_RESTARTBLOCK']],
  ['SIG', SIG],
  ['SA_', SA, ['RESTORER']],
  ['SIG_', SIG_HOW],
  ['SS_', SS, ['AUTODISARM']],
  ['SI_', SI],
  ['ILL_', ILL],
  ['FPE_', FPE],
  ['SEGV_', SEGV],
  ['BUS_', BUS],
  ['TRAP_', TRAP],
  ['CLD_', CLD],
  ['POLL_', POLL_CODE],
  // glibc defines O_LARGEFILE as 0 on 64-bit machines.
  ['O_', O, ['LARGEFILE']],
  ['F_', F],
  ['LOCK_', LOCK],
  ['SEEK_', SEEK],
  ['AT_', AT, ['EXECVE_CHECK']],
  ['', ACCESS],
  ['RENAME_', RENAME],
  ['FALLOC_', FALLOC],
  ['XATTR_', XATTR],
  ['POSIX_FADV_', FADV],
  ['PROT_', PROT],
  ['MAP_', MAP, ['UNINITIALIZED']],
  ['MREMAP_', MREMAP],
  ['MADV_', MADV, ['COLLAPSE', 'GUARD_INSTALL', 'GUARD_REMOVE']],
  ['MS_', MS],
  ['MCL_', MCL],
  ['MFD_', MFD, ['NOEXEC_SEAL', 'EXEC']],
  ['', IOCTL],
  ['POLL', POLL, ['REMOVE']],
  ['EPOLL', EPOLL],
  ['EPOLL_CTL_', EPOLL_CTL],
  ['EFD_', EFD],
  ['TFD_', TFD],
  ['IN_', IN, ['ALL_BITS']],
  ['IN_', IN_EVENT],
  ['CLOSE_RANGE_', CLOSE_RANGE],
  ['GRND_', GRND],
  ['ST_', ST, ['VALID']],
  ['', IFLAG],
  ['', OFLAG],
  ['', CFLAG],
  ['', LFLAG],
  ['', BAUD],
  ['', CHARACTER_SIZE],
  ['RLIMIT_', RLIMIT],
  ['RUSAGE_', RUSAGE],
  ['AT_', AUX],
  ['EI_', EI],
  ['ELFCLASS', ELFCLASS],
  ['ELFDATA', ELFDATA],
  ['ET_', ET],
  ['EM_', EM],
  ['PT_', PT],
  ['PF_', PF],
  ['DT_', DT],
  ['R_X86_64_', R_X86_64],
  ['DT_', DIRENT_TYPE],
  ['FUTEX_', FUTEX],
  ['FUTEX_OP_', FUTEX_OP],
  ['CLONE_', CLONE],
  ['SCHED_', SCHED],
  ['PR_', PR],
  ['ARCH_', ARCH],
  ['W', W, ['NOTHREAD', 'ALL', 'CLONE']],
  ['P_', P],
  ['AF_', AF],
  ['SOCK_', SOCK],
  ['SOL_', SOL, ['UDP', 'IPV6']],
  ['SO_', SO],
  ['MSG_', MSG],
  ['SHUT_', SHUT],
  ['TCP_', TCP],
  ['SCM_', SCM],
  ['S_', S],
  ['STATX_', STATX],
  ['CLOCK_', CLOCK],
  ['RWF_', RWF],
]

const sizeOf = (type: string): string => `sizeof(${type})`
const at = (type: string, field: string): string => `offsetof(${type}, ${field})`

/** C expressions and the numbers we give for them. */
const LAYOUTS: readonly (readonly [expression: string, ours: number])[] = [
  ['FD_CLOEXEC', FD_CLOEXEC],
  ['RLIM_NLIMITS', RLIM_NLIMITS],
  ['UTIME_NOW', UTIME_NOW],
  ['UTIME_OMIT', UTIME_OMIT],
  [sizeOf('struct flock'), FLOCK_SIZE],
  [sizeOf('struct kernel_termios'), TERMIOS_SIZE],
  [at('struct kernel_termios', 'cc'), TERMIOS.CC],
  [sizeOf('struct winsize'), WINSIZE_SIZE],
  [sizeOf('struct pollfd'), POLLFD_SIZE],
  [at('struct pollfd', 'events'), POLLFD.EVENTS],
  [at('struct pollfd', 'revents'), POLLFD.REVENTS],
  [sizeOf('struct epoll_event'), EPOLL_EVENT_SIZE],
  [sizeOf('struct rlimit'), RLIMIT_SIZE],
  [sizeOf('struct rusage'), RUSAGE_SIZE],
  [at('struct rusage', 'ru_maxrss'), 32],
  [at('struct rusage', 'ru_minflt'), 64],
  [at('struct rusage', 'ru_majflt'), 72],
  [at('struct rusage', 'ru_inblock'), 88],
  [at('struct rusage', 'ru_oublock'), 96],
  [at('struct rusage', 'ru_nvcsw'), 128],
  [at('struct rusage', 'ru_nivcsw'), 136],
  [sizeOf('struct robust_list_head'), ROBUST_LIST_HEAD_SIZE],
  [sizeOf('struct clone_args'), CLONE_ARGS_SIZE_VER2],
  [at('struct clone_args', 'exit_signal'), CLONE_ARGS.EXIT_SIGNAL],
  [at('struct clone_args', 'tls'), CLONE_ARGS.TLS],
  [at('struct clone_args', 'cgroup'), CLONE_ARGS.CGROUP],
  [at('struct kernel_sigaction', 'restorer'), SIGACTION.RESTORER],
  [at('struct kernel_sigaction', 'mask'), SIGACTION.MASK],
  [sizeOf('siginfo_t'), SIGINFO_SIZE],
  [at('siginfo_t', 'si_errno'), SIGINFO.ERRNO],
  [at('siginfo_t', 'si_code'), SIGINFO.CODE],
  [at('siginfo_t', 'si_pid'), SIGINFO.PID],
  [at('siginfo_t', 'si_uid'), SIGINFO.UID],
  [at('siginfo_t', 'si_value'), SIGINFO.VALUE],
  [at('siginfo_t', 'si_status'), SIGINFO.STATUS],
  [at('siginfo_t', 'si_utime'), SIGINFO.UTIME],
  [at('siginfo_t', 'si_stime'), SIGINFO.STIME],
  [at('siginfo_t', 'si_addr'), SIGINFO.ADDR],
  [at('siginfo_t', 'si_addr_lsb'), SIGINFO.ADDR_LSB],
  [at('siginfo_t', 'si_band'), SIGINFO.BAND],
  [at('siginfo_t', 'si_fd'), SIGINFO.FD],
  [at('siginfo_t', 'si_timerid'), SIGINFO.TIMER_ID],
  [at('siginfo_t', 'si_overrun'), SIGINFO.OVERRUN],
  [at('siginfo_t', 'si_syscall'), SIGINFO.SYSCALL],
  [at('siginfo_t', 'si_arch'), SIGINFO.ARCH],
  [at('ucontext_t', 'uc_mcontext'), UCONTEXT.MCONTEXT],
  [at('struct kernel_ucontext', 'mask'), UCONTEXT.SIGMASK],
  [sizeOf('struct kernel_ucontext'), UCONTEXT_SIZE],
  [sizeOf('mcontext_t'), SIGCONTEXT_SIZE],
  [at('mcontext_t', 'fpregs'), SIGCONTEXT.FPSTATE],
  // glibc's gregs are the same words; its index of CSGSFS stands for our four 16-bit selectors.
  ...(['R8', 'R9', 'R10', 'R11', 'R12', 'R13', 'R14', 'R15', 'RDI', 'RSI', 'RBP', 'RBX', 'RDX', 'RAX'] as const).map(
    (register): [string, number] => [`8 * REG_${register}`, SIGCONTEXT[register]],
  ),
  ['8 * REG_RCX', SIGCONTEXT.RCX],
  ['8 * REG_RSP', SIGCONTEXT.RSP],
  ['8 * REG_RIP', SIGCONTEXT.RIP],
  ['8 * REG_EFL', SIGCONTEXT.EFLAGS],
  ['8 * REG_CSGSFS', SIGCONTEXT.CS],
  ['8 * REG_ERR', SIGCONTEXT.ERR],
  ['8 * REG_TRAPNO', SIGCONTEXT.TRAPNO],
  ['8 * REG_OLDMASK', SIGCONTEXT.OLDMASK],
  ['8 * REG_CR2', SIGCONTEXT.CR2],
  [at('struct rt_sigframe', 'uc'), RT_SIGFRAME.UCONTEXT],
  [at('struct rt_sigframe', 'info'), RT_SIGFRAME.SIGINFO],
  [sizeOf('struct _libc_fpstate'), FPSTATE_SIZE],
  [at('struct _libc_fpstate', 'mxcsr'), FPSTATE.MXCSR],
  [at('struct _libc_fpstate', '_st'), FPSTATE.ST],
  [at('struct _libc_fpstate', '_xmm'), FPSTATE.XMM],
  [sizeOf('struct msghdr'), MSGHDR_SIZE],
  [at('struct msghdr', 'msg_iov'), MSGHDR.IOV],
  [at('struct msghdr', 'msg_control'), MSGHDR.CONTROL],
  [at('struct msghdr', 'msg_flags'), MSGHDR.FLAGS],
  [sizeOf('struct sockaddr_un'), SOCKADDR_UN_SIZE],
  [sizeOf('struct stat'), STAT_SIZE],
  ...(['DEV', 'INO', 'NLINK', 'MODE', 'UID', 'GID', 'RDEV', 'SIZE', 'BLKSIZE', 'BLOCKS'] as const).map(
    (field): [string, number] => [at('struct stat', `st_${field.toLowerCase()}`), STAT[field]],
  ),
  [at('struct stat', 'st_atim'), STAT.ATIME],
  [at('struct stat', 'st_mtim'), STAT.MTIME],
  [at('struct stat', 'st_ctim'), STAT.CTIME],
  [sizeOf('struct statx'), STATX_SIZE],
  ...Object.entries(STATX_FIELD).map(([field, offset]): [string, number] => [
    at('struct statx', `stx_${field.toLowerCase()}`),
    offset,
  ]),
  [sizeOf('struct statfs'), STATFS_SIZE],
  [at('struct statfs', 'f_namelen'), 64],
  [at('struct statfs', 'f_flags'), 80],
  [sizeOf('struct sysinfo'), SYSINFO_SIZE],
  [at('struct sysinfo', 'mem_unit'), 104],
  [at('struct sysinfo', 'procs'), 80],
  [sizeOf('struct timespec'), TIMESPEC_SIZE],
  [sizeOf('struct iovec'), IOVEC_SIZE],
  [sizeOf('struct utsname'), UTSNAME_SIZE],
  [at('struct dirent64', 'd_name'), DIRENT.NAME],
  [at('struct dirent64', 'd_type'), DIRENT.TYPE],
  [sizeOf('Elf64_Ehdr'), EHDR_SIZE],
  [at('Elf64_Ehdr', 'e_entry'), EHDR.ENTRY],
  [at('Elf64_Ehdr', 'e_phoff'), EHDR.PHOFF],
  [at('Elf64_Ehdr', 'e_phnum'), EHDR.PHNUM],
  [sizeOf('Elf64_Phdr'), PHDR_SIZE],
  [at('Elf64_Phdr', 'p_filesz'), PHDR.FILESZ],
  [at('Elf64_Phdr', 'p_align'), PHDR.ALIGN],
]

const whenCompiling = needing('compiler')

function valuesInC(expressions: readonly string[]): number[] {
  const directory = mkdtempSync(join(tmpdir(), 'abi-'))
  try {
    const prints = expressions.map((expression) => `printf("%lld\\n", (long long) (${expression}));`)
    const source = `${HEADERS}\nint main(void) {\n${prints.join('\n')}\nreturn 0; }\n`
    const program = join(directory, 'abi')
    execFileSync('gcc', ['-w', '-x', 'c', '-o', program, '-'], { input: source })
    return execFileSync(program, { encoding: 'utf8' }).trim().split('\n').map(Number)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

whenCompiling('every number and offset is the one of the C headers', () => {
  const expected: Record<string, number> = {}
  for (const [prefix, table, absent = []] of TABLES) {
    for (const [key, value] of Object.entries(table)) {
      if (!absent.includes(key)) expected[prefix + key] = value
    }
  }
  for (const [expression, value] of LAYOUTS) expected[expression] = value
  const names = Object.keys(expected)
  const values = valuesInC(names)
  // C's constants beyond 31 bits may be negative ints: compare them as 32-bit words.
  const word = (value: number): number => (value < 0 && value >= -(2 ** 31) ? value >>> 0 : value)
  const actual = Object.fromEntries(names.map((name, index) => [name, word(values[index]!)]))
  expect(actual).toEqual(Object.fromEntries(names.map((name) => [name, word(expected[name]!)])))
})

test('aliases of errno names have their numbers', () => {
  expect(errnoByName('EWOULDBLOCK')).toBe(11)
  expect(errnoByName('ENOTSUP')).toBe(95)
  expect(errnoByName('ENOENT')).toBe(2)
  expect(errnoByName('ENOTHING')).toBeUndefined()
})
