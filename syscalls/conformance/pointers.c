// Every system call with pointers to structures, with pointers that lead nowhere, to memory that cannot be written, and over the end of a page.
#include "show.h"
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

static const struct kind {
  const char *title;
  int at;
} kinds[] = {{"NULL", 0}, {"8", 1}, {"the kernel's", 2}, {"not canonical", 3}, {"unmapped", 4}, {"read-only", 5}, {"over the end", 6}, {"good", 7}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static char *pages, *fixed;
static int p[2], file, epoll, timer, event;
static timer_t posix;

static void *pointer(int kind) {
  switch (kinds[kind].at) {
    case 0: return 0;
    case 1: return (void *)8;
    case 2: return (void *)0xffff888000000000;
    case 3: return (void *)0x8000000000000000;
    case 4: return pages + 4096;
    case 5: return fixed;
    case 6: return pages + 4096 - 4;
    default: return pages;
  }
}

static void again(void) {
  memset(pages, 0, 4096);
  char much[64];
  write(p[1], "bytes", 5);
}

// What is written is looked at only by its first bytes; results that vary are shown as working.
#define EACH(call, ...)                                                                                       \
  do {                                                                                                        \
    printf("== %s\n", #call "(" #__VA_ARGS__ ")");                                                            \
    for (int kind = 0; kind < KINDS; kind++) {                                                                \
      again();                                                                                                \
      void *at = pointer(kind);                                                                               \
      long result = syscall(SYS_##call, ##__VA_ARGS__);                                                       \
      int error = errno;                                                                                      \
      char rest[64];                                                                                          \
      while (read(p[0], rest, sizeof rest) > 0) {}                                                            \
      printf("%s: %s\n", kinds[kind].title, result < 0 ? strerrorname_np(error) : "works");                   \
    }                                                                                                         \
    fflush(stdout);                                                                                           \
  } while (0)

static void time_calls(void) {
  struct timespec none = {0, 0};
  struct itimerspec spec = {{0, 0}, {0, 0}};
  EACH(clock_gettime, CLOCK_MONOTONIC, at);
  EACH(clock_gettime, 1234, at);
  EACH(clock_getres, CLOCK_MONOTONIC, at);
  EACH(clock_getres, 1234, at);
  EACH(gettimeofday, at, 0L);
  EACH(gettimeofday, 0L, at);
  EACH(time, at);
  EACH(times, at);
  EACH(nanosleep, at, 0L);
  EACH(nanosleep, &none, at);
  EACH(clock_nanosleep, CLOCK_MONOTONIC, 0, at, 0L);
  EACH(clock_nanosleep, 1234, 0, at, 0L);
  EACH(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, at, at);
  EACH(getitimer, ITIMER_REAL, at);
  EACH(getitimer, 9, at);
  EACH(setitimer, ITIMER_REAL, at, 0L);
  EACH(setitimer, ITIMER_REAL, &spec, at);
  EACH(setitimer, 9, at, 0L);
  EACH(timer_create, CLOCK_MONOTONIC, at, at);
  EACH(timer_create, 1234, 0L, at);
  EACH(timer_settime, posix, 0, at, 0L);
  EACH(timer_settime, posix, 0, &spec, at);
  EACH(timer_settime, (void *)999, 0, &spec, at);
  EACH(timer_gettime, posix, at);
  EACH(timer_gettime, (void *)999, at);
  EACH(timerfd_settime, timer, 0, at, 0L);
  EACH(timerfd_settime, timer, 0, &spec, at);
  EACH(timerfd_gettime, timer, at);
  EACH(adjtimex, at);
}

static void signals(void) {
  struct sigaction act;
  EACH(rt_sigaction, SIGUSR1, at, 0L, 8L);
  EACH(rt_sigaction, SIGUSR1, 0L, at, 8L);
  EACH(rt_sigaction, SIGKILL, at, 0L, 8L);
  EACH(rt_sigaction, 99, at, 0L, 8L);
  EACH(rt_sigaction, SIGUSR1, at, 0L, 4L);
  EACH(rt_sigprocmask, SIG_BLOCK, at, 0L, 8L);
  EACH(rt_sigprocmask, SIG_BLOCK, 0L, at, 8L);
  EACH(rt_sigprocmask, 9, at, 0L, 8L);
  EACH(rt_sigprocmask, SIG_BLOCK, at, 0L, 16L);
  EACH(rt_sigpending, at, 8L);
  EACH(rt_sigpending, at, 9L);
  EACH(rt_sigtimedwait, at, at, at, 8L);
  EACH(rt_sigqueueinfo, getpid(), 0, at);
  EACH(sigaltstack, at, 0L);
  EACH(sigaltstack, 0L, at);
  signal(SIGUSR1, SIG_DFL);
  (void)act;
}

static void waits(void) {
  struct timespec none = {0, 0};
  EACH(poll, at, 1L, 0);
  EACH(poll, at, 0L, 0);
  EACH(ppoll, at, 1L, &none, 0L, 8L);
  EACH(ppoll, 0L, 0L, kind == 0 ? (void *)&none : at, 0L, 8L);
  EACH(ppoll, 0L, 0L, &none, at, 8L);
  EACH(select, 3, at, 0L, 0L, &none);
  EACH(select, 3, 0L, at, 0L, &none);
  EACH(select, 0, 0L, 0L, 0L, kind == 0 ? (void *)&none : at);
  EACH(pselect6, 3, at, 0L, 0L, &none, 0L);
  EACH(pselect6, 0, 0L, 0L, 0L, &none, at);
  EACH(epoll_ctl, epoll, EPOLL_CTL_ADD, p[0], at);
  EACH(epoll_ctl, epoll, EPOLL_CTL_MOD, p[0], at);
  EACH(epoll_ctl, epoll, EPOLL_CTL_DEL, p[0], at);
  EACH(epoll_wait, epoll, at, 1, 0);
  EACH(epoll_pwait, epoll, pages, 1, 0, at, 8L);
  EACH(signalfd4, -1, at, 8L, 0);
  EACH(wait4, -1, at, WNOHANG, 0L);
  EACH(waitid, 0L, 0L, at, WNOHANG | WEXITED, 0L);
  // A page that was never written has no identity to share.
  EACH(futex, kind == 5 ? pages : at, FUTEX_WAKE, 1, 0L, 0L, 0);
  EACH(futex, kind == 5 ? pages : at, FUTEX_WAIT, 1, 0L, 0L, 0);
  EACH(futex, at, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0L, 0L, 0);
  EACH(futex, at, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, 0L, 0L, 0);
}

static void transfers(void) {
  EACH(read, p[0], kind == 6 ? pages : at, 5L);
  EACH(write, p[1], kind == 6 ? pages : at, 5L);
  EACH(readv, p[0], at, 1L);
  EACH(writev, p[1], at, 1L);
  EACH(pread64, file, at, 8L, 0L);
  EACH(pwrite64, file, at, 8L, 0L);
  EACH(preadv, file, at, 1L, 0L, 0L);
  EACH(pwritev, file, at, 1L, 0L, 0L);
  EACH(getrandom, at, 16L, 0);
  EACH(getrandom, at, 16L, 99);
  EACH(pipe, at);
  EACH(pipe2, at, 0);
  EACH(pipe2, at, 1);
  EACH(getcwd, at, 4096L);
  EACH(getcwd, at, 1L);
  EACH(readlink, "/proc/self/exe", at, 4L);
  EACH(ioctl, p[0], FIONREAD, at);
  EACH(sendfile, p[1], file, at, 3L);
  EACH(copy_file_range, file, at, file, at, 0L, 0);
  EACH(splice, file, at, p[1], 0L, 1L, 2);
  EACH(openat2, AT_FDCWD, "file", at, 24L);
  EACH(process_vm_readv, getpid(), at, 1L, at, 1L, 0L);
  EACH(memfd_create, at, 0);
}

static void machine(void) {
  unsigned bits[2] = {0};
  EACH(uname, at);
  EACH(sysinfo, at);
  EACH(getrlimit, RLIMIT_NOFILE, at);
  EACH(getrlimit, 99, at);
  EACH(setrlimit, 99, at);
  EACH(setrlimit, RLIMIT_CORE, kind == 7 ? pages + 64 : at);
  EACH(prlimit64, 0, RLIMIT_NOFILE, 0L, at);
  EACH(prlimit64, 999999, RLIMIT_NOFILE, 0L, at);
  EACH(getrusage, RUSAGE_SELF, at);
  EACH(getrusage, 9, at);
  EACH(getcpu, at, 0L, 0L);
  EACH(getcpu, 0L, at, 0L);
  EACH(getgroups, 0, at);
  EACH(setgroups, 1L, kind == 7 ? (void *)8 : at);
  EACH(getresuid, at, pages, pages);
  EACH(getresuid, pages, pages, at);
  EACH(getresgid, pages, at, pages);
  EACH(sched_getaffinity, 0, 128L, at);
  EACH(sched_getaffinity, 0, 1L, at);
  EACH(sched_getparam, 0, at);
  EACH(sched_getparam, -1, at);
  EACH(sched_getattr, 0, at, 48L, 0);
  EACH(sched_getattr, 0, at, 1L, 0);
  EACH(sched_rr_get_interval, 0, at);
  EACH(sched_rr_get_interval, 999999, at);
  EACH(prctl, PR_GET_NAME, at);
  EACH(prctl, PR_SET_NAME, at);
  EACH(arch_prctl, 0x1003, at);
  EACH(arch_prctl, 9, at);
  EACH(capget, at, pages + 64);
  EACH(get_robust_list, 0, at, pages);
  EACH(get_robust_list, 0, pages, at);
  EACH(set_robust_list, at, 24L);
  EACH(set_robust_list, at, 8L);
  syscall(SYS_set_robust_list, 0L, 24L);
  (void)bits;
}

static void memory(void) {
  EACH(mincore, pages, 4096L, at);
  EACH(mincore, pages + 1, 4096L, at);
  EACH(msync, at, 4L, MS_ASYNC);
  EACH(msync, kind == 6 ? pages : at, 4096L, 99);
  EACH(madvise, kind == 6 ? pages : at, 4096L, MADV_NORMAL);
  EACH(madvise, kind == 6 ? pages : at, 4096L, 999);
  EACH(mprotect, kind >= 6 ? pages + 8 : at, 4096L, PROT_READ);
  EACH(mlock, at, 8L);
  EACH(munlock, at, 8L);
  EACH(munmap, kind == 0 || kind >= 5 ? pages + 4 : at, 4096L);
  EACH(mremap, kind == 5 ? pages : at, 4096L, 4096L, 99);
}

int main(void) {
  pages = mmap((void *)0x10000000, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  munmap(pages + 4096, 4096);
  fixed = mmap((void *)0x20000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  make("file", "content");
  file = open("file", O_RDWR);
  pipe2(p, O_NONBLOCK);
  epoll = syscall(SYS_epoll_create1, 0);
  timer = syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
  syscall(SYS_timer_create, CLOCK_MONOTONIC, 0L, &posix);
  signal(SIGALRM, SIG_IGN);
  time_calls();
  signals();
  waits();
  transfers();
  machine();
  memory();
  return 0;
}
