// sched_setscheduler(2) and its family, setpriority(2), ioprio_set(2), getcpu(2), prlimit(2), getrusage(2), prctl(2), arch_prctl(2), personality(2).
#include "show.h"
#include <linux/prctl.h>
#include <asm/prctl.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/prctl.h>

static void policy(int pid, int policy, int priority) {
  struct sched_param p = {priority};
  printf("policy %x priority %d: ", policy, priority);
  show("sched_setscheduler", syscall(SYS_sched_setscheduler, pid, policy, &p));
}

struct attributes { unsigned size, policy; unsigned long flags; int nice; unsigned priority; unsigned long runtime, deadline, period; };

int main(void) {
  int pid = getpid();
  struct sched_param p = {9};
  CALL(sched_getscheduler, 0);
  CALL(sched_getscheduler, pid);
  CALL(sched_getscheduler, -1);
  CALL(sched_getscheduler, 999999);
  CALL(sched_getparam, 0, &p);
  printf("%d\n", p.sched_priority);
  CALL(sched_getparam, 0, 0L);
  CALL(sched_getparam, 0, 8L);
  CALL(sched_getparam, -1, &p);
  for (int i = 0; i < 7; i++) {
    CALL(sched_get_priority_max, i);
    CALL(sched_get_priority_min, i);
  }
  policy(0, SCHED_BATCH, 0);
  CALL(sched_getscheduler, 0);
  policy(0, SCHED_BATCH, 1);
  policy(0, SCHED_OTHER | SCHED_RESET_ON_FORK, 0);
  CALL(sched_getscheduler, 0);
  policy(0, SCHED_OTHER, 0);
  policy(0, 4, 0);
  policy(0, 77, 0);
  policy(0, -1, 0);
  policy(-1, 0, 0);
  policy(999999, 0, 0);
  CALL(sched_setscheduler, 0, 0, 0L);
  CALL(sched_setscheduler, 0, 0, 8L);
  CALL(sched_setparam, 0, 0L);
  p.sched_priority = 5;
  CALL(sched_setparam, 0, &p);
  p.sched_priority = 0;
  CALL(sched_setparam, 0, &p);
  struct timespec t;
  WORKS(sched_rr_get_interval, 0, &t);
  CALL(sched_rr_get_interval, -1, &t);
  CALL(sched_rr_get_interval, 0, 8L);
  struct attributes a = {0};
  CALL(sched_getattr, 0, &a, 48, 0);
  printf("%u %u %lu %d %u\n", a.size, a.policy, a.flags, a.nice, a.priority);
  CALL(sched_getattr, 0, &a, 47, 0);
  CALL(sched_getattr, 0, &a, 48, 1);
  CALL(sched_getattr, 0, 0L, 48, 0);
  CALL(sched_getattr, 0, 8L, 48, 0);
  CALL(sched_getattr, 999999, &a, 48, 0);
  a = (struct attributes){.size = 48, .nice = 3};
  CALL(sched_setattr, 0, &a, 0);
  CALL(sched_setattr, 0, &a, 1);
  CALL(sched_setattr, 0, 0L, 0);
  a.policy = 9;
  CALL(sched_setattr, 0, &a, 0);
  unsigned long mask[16] = {0};
  WORKS(sched_getaffinity, 0, sizeof mask, mask);
  printf("%d\n", mask[0] != 0);
  CALL(sched_getaffinity, 0, 4, mask);
  CALL(sched_getaffinity, 0, 12, mask);
  CALL(sched_getaffinity, 999999, 8, mask);
  CALL(sched_getaffinity, 0, 8, 8L);
  CALL(sched_setaffinity, 0, sizeof mask, mask);
  CALL(sched_setaffinity, 0, 8, 8L);
  CALL(sched_setaffinity, 999999, 8, mask);
  mask[0] = 0;
  CALL(sched_setaffinity, 0, 8, mask);
  CALL(sched_setaffinity, 0, 0, mask);
  unsigned cpu, node;
  CALL(getcpu, &cpu, &node, 0L);
  CALL(getcpu, 0L, 0L, 0L);
  CALL(getcpu, 8L, 0L, 0L);
  CALL(setpriority, PRIO_PROCESS, 0, 5);
  CALL(getpriority, PRIO_PROCESS, 0);
  CALL(setpriority, PRIO_PROCESS, pid, 99);
  CALL(getpriority, PRIO_PROCESS, pid);
  CALL(setpriority, 3, 0, 5);
  CALL(getpriority, 3, 0);
  CALL(getpriority, PRIO_PROCESS, 999999);
  CALL(setpriority, PRIO_PROCESS, 999999, 1);
  CALL(getpriority, PRIO_PGRP, 999999);
  CALL(ioprio_get, 1, 0);
  CALL(ioprio_set, 1, 0, 2 << 13 | 5);
  CALL(ioprio_get, 1, 0);
  CALL(ioprio_get, 9, 0);
  CALL(ioprio_get, 1, 999999);
  CALL(ioprio_set, 1, 0, 4 << 13);
  CALL(ioprio_set, 9, 0, 2 << 13);
  CALL(ioprio_set, 1, 0, 3);

  // Limits and usage.
  struct rlimit limit = {0};
  for (int i = 0; i < 17; i++) {
    printf("resource %d: ", i);
    if (i == 3 || i == 12) continue;
    show("getrlimit", syscall(SYS_getrlimit, i, &limit));
  }
  CALL(getrlimit, RLIMIT_NOFILE, 8L);
  CALL(prlimit64, 0, 99, 0L, &limit);
  CALL(prlimit64, 999999, RLIMIT_NOFILE, 0L, &limit);
  CALL(prlimit64, pid, RLIMIT_NOFILE, 0L, &limit);
  limit = (struct rlimit){5, 4};
  CALL(setrlimit, RLIMIT_NOFILE, &limit);
  CALL(setrlimit, RLIMIT_NOFILE, 8L);
  limit = (struct rlimit){6, 10};
  CALL(prlimit64, 0, RLIMIT_NOFILE, &limit, 0L);
  CALL(dup2, 0, 6);
  CALL(dup2, 0, 5);
  CALL(fcntl, 0, F_DUPFD, 6);
  while (dup(0) >= 0);
  CALL(dup, 0);
  limit = (struct rlimit){8 << 20, -1};
  CALL(setrlimit, RLIMIT_AS, &limit);
  WORKS(mmap, 0L, 1L << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  CALL(mmap, 0L, 16L << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  limit.rlim_cur = -1;
  limit.rlim_max = -1;
  CALL(setrlimit, RLIMIT_AS, &limit);
  limit.rlim_cur = 4 << 20;
  CALL(setrlimit, RLIMIT_DATA, &limit);
  CALL(mmap, 0L, 16L << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  WORKS(mmap, 0L, 16L << 20, 1, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  WORKS(mmap, 0L, 16L << 20, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0L);
  long top = syscall(SYS_brk, 0L);
  printf("%d\n", syscall(SYS_brk, top + (16 << 20)) == top);
  limit.rlim_cur = -1;
  setrlimit(RLIMIT_DATA, &limit);
  limit.rlim_cur = 10;
  CALL(setrlimit, RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, SIG_IGN);
  close(5);
  int fd = open("limited", O_CREAT | O_RDWR, 0600);
  CALL(write, fd, "0123456", 7L);
  CALL(write, fd, "0123456", 7L);
  CALL(write, fd, "0123456", 7L);
  CALL(ftruncate, fd, 11L);
  CALL(ftruncate, fd, 5L);
  CALL(fallocate, fd, 0, 0L, 20L);
  limit.rlim_cur = -1;
  setrlimit(RLIMIT_FSIZE, &limit);
  struct rusage usage;
  CALL(getrusage, RUSAGE_SELF, &usage);
  CALL(getrusage, RUSAGE_CHILDREN, &usage);
  CALL(getrusage, 1, &usage);
  CALL(getrusage, 2, &usage);
  CALL(getrusage, 0, 8L);

  // prctl.
  char name[16] = "";
  CALL(prctl, PR_GET_NAME, name);
  printf("%s\n", name);
  CALL(prctl, PR_SET_NAME, "a name that is too long");
  CALL(prctl, PR_GET_NAME, name);
  printf("%s\n", name);
  CALL(prctl, PR_SET_NAME, 8L);
  CALL(prctl, PR_GET_NAME, 8L);
  CALL(prctl, PR_GET_DUMPABLE, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_DUMPABLE, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_DUMPABLE, 2L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_DUMPABLE, 1L, 0L, 0L, 0L);
  int value = -1;
  CALL(prctl, PR_GET_PDEATHSIG, &value);
  printf("%d\n", value);
  CALL(prctl, PR_SET_PDEATHSIG, SIGUSR1);
  CALL(prctl, PR_GET_PDEATHSIG, &value);
  printf("%d\n", value);
  CALL(prctl, PR_SET_PDEATHSIG, 99);
  CALL(prctl, PR_SET_PDEATHSIG, 0);
  CALL(prctl, PR_GET_KEEPCAPS, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_KEEPCAPS, 2L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_NO_NEW_PRIVS, 1L, 1L, 0L, 0L);
  CALL(prctl, PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_SECCOMP);
  CALL(prctl, PR_GET_TIMERSLACK);
  CALL(prctl, PR_SET_TIMERSLACK, 123L);
  CALL(prctl, PR_GET_TIMERSLACK);
  CALL(prctl, PR_SET_TIMERSLACK, 0L);
  CALL(prctl, PR_GET_TIMERSLACK);
  CALL(prctl, PR_SET_CHILD_SUBREAPER, 1L);
  CALL(prctl, PR_GET_CHILD_SUBREAPER, &value);
  printf("%d\n", value);
  CALL(prctl, PR_SET_CHILD_SUBREAPER, 0L);
  CALL(prctl, PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_THP_DISABLE, 1L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_SET_THP_DISABLE, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_SECUREBITS, 0L, 0L, 0L, 0L);
  CALL(prctl, PR_CAPBSET_READ, 99L, 0L, 0L, 0L);
  CALL(prctl, PR_GET_TSC, &value);
  printf("%d\n", value);
  CALL(prctl, PR_GET_TIMING);
  CALL(prctl, PR_GET_FPEMU, &value);
  CALL(prctl, PR_GET_UNALIGN, &value);
  CALL(prctl, 9999);
  unsigned long base;
  CALL(arch_prctl, ARCH_GET_GS, &base);
  CALL(arch_prctl, ARCH_SET_GS, 0x12345678L);
  CALL(arch_prctl, ARCH_GET_GS, &base);
  printf("%lx\n", base);
  CALL(arch_prctl, ARCH_SET_GS, 1L << 47);
  CALL(arch_prctl, ARCH_GET_FS, 8L);
  CALL(arch_prctl, ARCH_GET_CPUID, 0L);
  CALL(arch_prctl, 0x7777, 0L);
  CALL(personality, 0xffffffffL);
  CALL(personality, PER_LINUX | ADDR_NO_RANDOMIZE);
  CALL(personality, 0xffffffffL);
  struct utsname system;
  CALL(uname, &system);
  puts(system.machine);
  CALL(personality, PER_LINUX32);
  CALL(uname, &system);
  puts(system.machine);
  CALL(prctl, PR_CAP_AMBIENT, 1L, 7L, 0L, 0L);
  CALL(prctl, PR_CAP_AMBIENT, 2L, 7L, 0L, 0L);
  CALL(prctl, PR_CAP_AMBIENT, 3L, 7L, 0L, 0L);
  CALL(prctl, PR_CAP_AMBIENT, 4L, 0L, 0L, 0L);
  CALL(prctl, PR_CAP_AMBIENT, 4L, 7L, 0L, 0L);
  CALL(prctl, PR_CAP_AMBIENT, 1L, 99L, 0L, 0L);
  CALL(prctl, PR_CAP_AMBIENT, 5L, 7L, 0L, 0L);
  CALL(uname, 8L);
  struct sysinfo info;
  CALL(sysinfo, &info);
  CALL(sysinfo, 8L);
  char bytes[300];
  CALL(getrandom, bytes, 300L, 0);
  CALL(getrandom, bytes, 16L, 3);
  CALL(getrandom, bytes, 16L, 6);
  CALL(getrandom, bytes, 16L, 8);
  CALL(getrandom, 8L, 16L, 0);
  CALL(getrandom, 8L, 0L, 0);
  return 0;
}
