// Calls that change the machine, or act on other programs from outside: all refused, as to a program without the capability, or by a kernel built without
// them. Adding one is adding a row.
import { E } from '../src/abi/errno.js'
import { Flags, Int, Path, Pointer } from './arguments.js'
import { refusedCall } from './define.js'

const MOUNTS = "the mounts are the host's"
const MACHINE = 'a guest does not run the machine'
const MODULES = 'there is no kernel to load modules into'
const WITHOUT = 'as in a kernel without it'

export const mount = refusedCall(165, 'mount', Int, E.PERM, MOUNTS)
export const umount2 = refusedCall(166, 'umount2', Int, E.PERM, MOUNTS, { target: Path, flags: Flags })
export const pivot_root = refusedCall(155, 'pivot_root', Int, E.PERM, MOUNTS)
export const open_tree = refusedCall(428, 'open_tree', Int, E.PERM, MOUNTS)
export const move_mount = refusedCall(429, 'move_mount', Int, E.PERM, MOUNTS)
export const fsopen = refusedCall(430, 'fsopen', Int, E.PERM, MOUNTS)
export const fsmount = refusedCall(432, 'fsmount', Int, E.PERM, MOUNTS)
export const fspick = refusedCall(433, 'fspick', Int, E.PERM, MOUNTS)
export const mount_setattr = refusedCall(442, 'mount_setattr', Int, E.PERM, MOUNTS)
export const swapon = refusedCall(167, 'swapon', Int, E.PERM, MACHINE, { path: Path, flags: Flags })
export const swapoff = refusedCall(168, 'swapoff', Int, E.PERM, MACHINE, { path: Path })
export const reboot = refusedCall(169, 'reboot', Int, E.PERM, MACHINE)
export const sethostname = refusedCall(170, 'sethostname', Int, E.PERM, MACHINE)
export const setdomainname = refusedCall(171, 'setdomainname', Int, E.PERM, MACHINE)
export const iopl = refusedCall(172, 'iopl', Int, E.PERM, MACHINE, { level: Int })
export const ioperm = refusedCall(173, 'ioperm', Int, E.PERM, MACHINE)
export const acct = refusedCall(163, 'acct', Int, E.PERM, MACHINE)
export const syslog = refusedCall(103, 'syslog', Int, E.PERM, "the log is the host's")
export const vhangup = refusedCall(153, 'vhangup', Int, E.PERM, MACHINE)
export const quotactl = refusedCall(179, 'quotactl', Int, E.PERM, MACHINE)
export const init_module = refusedCall(175, 'init_module', Int, E.PERM, MODULES)
export const delete_module = refusedCall(176, 'delete_module', Int, E.PERM, MODULES)
export const finit_module = refusedCall(313, 'finit_module', Int, E.PERM, MODULES)
export const kexec_load = refusedCall(246, 'kexec_load', Int, E.PERM, MODULES)
export const kexec_file_load = refusedCall(320, 'kexec_file_load', Int, E.PERM, MODULES)
export const bpf = refusedCall(321, 'bpf', Int, E.PERM, MODULES)
export const perf_event_open = refusedCall(298, 'perf_event_open', Int, E.ACCES, 'the counters are the host’s')
export const fanotify_init = refusedCall(300, 'fanotify_init', Int, E.PERM, 'it watches whole mounts')
export const setns = refusedCall(308, 'setns', Int, E.PERM, 'there are no namespaces')
export const ptrace = refusedCall(101, 'ptrace', Int, E.PERM, 'no task here is traced')
export const userfaultfd = refusedCall(323, 'userfaultfd', Int, E.PERM, 'as with vm.unprivileged_userfaultfd 0')
export const open_by_handle_at = refusedCall(304, 'open_by_handle_at', Int, E.PERM, 'no CAP_DAC_READ_SEARCH')
export const name_to_handle_at = refusedCall(
  303,
  'name_to_handle_at',
  Int,
  E.OPNOTSUPP,
  'file systems here have no handles',
)
export const modify_ldt = refusedCall(154, 'modify_ldt', Int, E.NOSYS, WITHOUT, { operation: Int, buffer: Pointer })
export const io_setup = refusedCall(206, 'io_setup', Int, E.NOSYS, WITHOUT)
export const io_uring_setup = refusedCall(425, 'io_uring_setup', Int, E.NOSYS, WITHOUT)
export const seccomp = refusedCall(317, 'seccomp', Int, E.INVAL, 'no filters')
export const add_key = refusedCall(248, 'add_key', Int, E.NOSYS, WITHOUT)
export const request_key = refusedCall(249, 'request_key', Int, E.NOSYS, WITHOUT)
export const keyctl = refusedCall(250, 'keyctl', Int, E.NOSYS, WITHOUT)
export const landlock_create_ruleset = refusedCall(444, 'landlock_create_ruleset', Int, E.NOSYS, WITHOUT)
