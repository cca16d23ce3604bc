// rt_sigqueueinfo(2), rt_tgsigqueueinfo(2), signalfd(2), rt_sigtimedwait(2), sigaction's flags, the alternative stack, siginfo.
#include "show.h"
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <ucontext.h>

static volatile int depth, deepest, runs;
static void nested(int signal) {
  runs++;
  if (++depth > deepest) deepest = depth;
  if (runs < 3) raise(signal);
  depth--;
}

static void told(int signal, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  printf("signal %d code %d errno %d pid %d uid %d value %d; masked %d; onstack %d\n", signal, info->si_code, info->si_errno,
         info->si_pid == getpid(), info->si_uid, info->si_value.sival_int, sigismember(&u->uc_sigmask, SIGUSR2),
         (int)u->uc_stack.ss_flags);
}

static void queue(int signal, int code, int value, int pid) {
  siginfo_t info = {.si_signo = 5, .si_code = code, .si_errno = 3, .si_pid = getpid(), .si_uid = 7};
  info.si_value.sival_int = value;
  printf("signal %d code %d: ", signal, code);
  show("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, pid, signal, &info));
  printf("signal %d code %d: ", signal, code);
  show("rt_tgsigqueueinfo", syscall(SYS_rt_tgsigqueueinfo, pid, pid, signal, &info));
}

static char stack[65536];

int main(void) {
  int pid = getpid();
  sigset_t set, all, pending;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, 0);
  queue(SIGUSR1, -1, 1, pid);
  queue(SIGRTMIN + 1, -1, 2, pid);
  queue(SIGRTMIN, -7, 3, pid);
  queue(0, -1, 3, pid);
  queue(99, -1, 3, pid);
  queue(SIGRTMIN, 1, 3, 1);
  queue(SIGRTMIN, SI_TKILL, 3, 1);
  queue(SIGRTMIN, -1, 3, 999999);
  queue(SIGRTMIN, -1, 3, -5);
  CALL(rt_sigqueueinfo, pid, SIGRTMIN, 8L);
  CALL(rt_tgsigqueueinfo, pid, 999999, SIGRTMIN, stack);
  CALL(rt_tgsigqueueinfo, 0, 0, SIGRTMIN, stack);
  CALL(rt_sigpending, &pending, 8L);
  printf("%d %d %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGRTMIN), sigismember(&pending, SIGUSR2));
  struct timespec none = {0}, wrong = {.tv_nsec = -1};
  siginfo_t info;
  for (int i = 0; i < 7; i++) {
    memset(&info, 0, sizeof info);
    int signal = CALL(rt_sigtimedwait, &set, &info, &none, 8L);
    if (signal > 0) printf("  %d %d %d %d\n", info.si_signo, info.si_code, info.si_uid, info.si_value.sival_int);
  }
  CALL(rt_sigtimedwait, &set, &info, &wrong, 8L);
  CALL(rt_sigtimedwait, &set, &info, &none, 4L);
  CALL(rt_sigtimedwait, 8L, &info, &none, 8L);
  CALL(rt_sigtimedwait, &set, &info, 8L, 8L);
  struct rlimit limit = {2, 2}, before;
  getrlimit(RLIMIT_SIGPENDING, &before);
  // Privileged users are held to it too, except for signals of the kernel.
  setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){0, before.rlim_max});
  queue(SIGRTMIN, -1, 4, pid);
  setrlimit(RLIMIT_SIGPENDING, &before);
  while (syscall(SYS_rt_sigtimedwait, &set, 0L, &none, 8L) > 0);

  // Descriptors.
  sigset_t first;
  sigemptyset(&first);
  sigaddset(&first, SIGUSR1);
  CALL(signalfd4, -1, &first, 4L, 0);
  CALL(signalfd4, -1, &first, 8L, 1);
  CALL(signalfd4, -1, 8L, 8L, 0);
  CALL(signalfd4, 99, &first, 8L, 0);
  CALL(signalfd4, 0, &first, 8L, 0);
  int fd = CALL(signalfd4, -1, &first, 8L, SFD_NONBLOCK | SFD_CLOEXEC);
  CALL(fcntl, fd, F_GETFL);
  CALL(fcntl, fd, F_GETFD);
  struct signalfd_siginfo got[4];
  CALL(read, fd, got, sizeof got);
  CALL(read, fd, got, 100L);
  CALL(write, fd, got, 128L);
  CALL(lseek, fd, 0L, SEEK_SET);
  struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
  CALL(poll, &p, 1, 0);
  queue(SIGUSR1, -1, 9, pid);
  queue(SIGRTMIN, -1, 10, pid);
  CALL(poll, &p, 1, -1);
  printf("%x\n", p.revents);
  memset(got, 0, sizeof got);
  CALL(read, fd, got, sizeof got);
  for (int i = 0; i < 2; i++)
    printf("  %u %d %d %u %d %d %lx\n", got[i].ssi_signo, got[i].ssi_code, got[i].ssi_pid == pid, got[i].ssi_uid, got[i].ssi_int, got[i].ssi_status, (long)got[i].ssi_ptr);
  CALL(poll, &p, 1, 0);
  CALL(signalfd4, fd, &set, 8L, 0);
  CALL(poll, &p, 1, 0);
  CALL(read, fd, got, sizeof got);
  printf("%u %u\n", got[0].ssi_signo, got[1].ssi_signo);
  CALL(read, fd, got, sizeof got);
  kill(pid, SIGUSR1);
  CALL(poll, &p, 1, 0);
  CALL(rt_sigtimedwait, &set, &info, &none, 8L);
  CALL(poll, &p, 1, 0);
  struct stat status;
  fstat(fd, &status);
  printf("%o\n", status.st_mode);

  // Handlers.
  struct sigaction action = {.sa_handler = nested}, old;
  CALL(rt_sigaction, SIGUSR2, &action, &old, 4L);
  CALL(rt_sigaction, 65, 0L, 0L, 8L);
  CALL(rt_sigaction, 0, 0L, 0L, 8L);
  CALL(rt_sigaction, SIGKILL, &action, 0L, 8L);
  CALL(rt_sigaction, SIGKILL, 0L, &old, 8L);
  CALL(rt_sigaction, SIGUSR2, 8L, 0L, 8L);
  CALL(rt_sigaction, SIGUSR2, 0L, 8L, 8L);
  sigaction(SIGUSR2, &action, 0);
  raise(SIGUSR2);
  printf("%d runs, depth %d\n", runs, deepest);
  action.sa_flags = SA_NODEFER;
  runs = depth = deepest = 0;
  sigaction(SIGUSR2, &action, 0);
  raise(SIGUSR2);
  printf("%d runs, depth %d\n", runs, deepest);
  action.sa_flags = SA_RESETHAND;
  runs = 5;
  sigaction(SIGUSR2, &action, 0);
  raise(SIGUSR2);
  sigaction(SIGUSR2, 0, &old);
  printf("%d %x\n", old.sa_handler == SIG_DFL, old.sa_flags & ~0x04000000);
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | 0x800;
  action.sa_sigaction = told;
  sigaddset(&action.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &action, 0);
  sigaction(SIGUSR1, 0, &old);
  printf("%x\n", old.sa_flags & ~0x04000000);
  stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack}, seen;
  CALL(sigaltstack, 0L, &seen);
  printf("%d\n", seen.ss_flags);
  alt.ss_flags = 7;
  CALL(sigaltstack, &alt, 0L);
  alt.ss_flags = 0;
  alt.ss_size = 100;
  CALL(sigaltstack, &alt, 0L);
  CALL(sigaltstack, 8L, 0L);
  alt.ss_size = sizeof stack;
  CALL(sigaltstack, &alt, 8L);
  CALL(sigaltstack, &alt, &seen);
  printf("%d %d %d\n", seen.ss_flags, seen.ss_sp == stack, (int)seen.ss_size);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  fflush(stdout);
  raise(SIGUSR1);
  kill(pid, SIGUSR1);
  queue(SIGUSR1, -1, 5, pid);
  CALL(rt_sigprocmask, 5, &set, 0L, 8L);
  CALL(rt_sigprocmask, 5, 0L, &all, 8L);
  CALL(rt_sigprocmask, 0, &set, 0L, 4L);
  CALL(rt_sigprocmask, 0, 8L, 0L, 8L);
  CALL(rt_sigprocmask, 0, 0L, 8L, 8L);
  sigfillset(&all);
  CALL(rt_sigprocmask, SIG_SETMASK, &all, 0L, 8L);
  CALL(rt_sigprocmask, 0, 0L, &all, 8L);
  printf("%lx\n", *(long *)&all);
  CALL(rt_sigpending, &pending, 9L);
  CALL(rt_sigpending, 8L, 8L);
  CALL(rt_sigsuspend, &set, 4L);
  CALL(rt_sigsuspend, 8L, 8L);
  CALL(kill, pid, 65);
  CALL(kill, 999999, 0);
  CALL(kill, -999999, 0);
  CALL(tgkill, pid, pid, 0);
  CALL(tgkill, pid, 999999, 0);
  CALL(tgkill, 999999, pid, 0);
  CALL(tgkill, -1, pid, 0);
  CALL(tkill, pid, 0);
  CALL(tkill, -1, 0);
  CALL(tkill, pid, 99);
  return 0;
}
