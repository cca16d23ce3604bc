// Process groups, sessions and who may send signals to whom; ids that are none; the descriptors that a process may have at most.
#include "show.h"
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

// Each in a process of its own, whose group it leads or not.
#define IN_CHILD(what, ...)        \
  fflush(stdout);                  \
  if (fork() == 0) {               \
    printf("== %s\n", what);       \
    __VA_ARGS__;                   \
    fflush(stdout);                \
    _exit(0);                      \
  }                                \
  wait(0)

static int p[2];

static void groups(void) {
  CALL(setpgid, -1, 0);
  CALL(setpgid, 0, -1);
  CALL(setpgid, 999999, 0);
  CALL(setpgid, 0, 999999);
  CALL(setpgid, getppid(), 0);
  WORKS(getpgid, 0);
  CALL(getpgid, -1);
  CALL(getpgid, 999999);
  CALL(getsid, 999999);
  CALL(getsid, -1);
  printf("%d %d\n", getpgid(0) == getpgrp(), getsid(0) == getsid(getppid()));
  CALL(setpgid, 0, 0);
  printf("%d\n", getpgrp() == getpid());
  CALL(setsid);
  CALL(getpriority, PRIO_PROCESS, 999999);
  CALL(getpriority, PRIO_PGRP, 999999);
  CALL(getpriority, 9, 0);
  CALL(setpriority, 9, 0, 0);
  CALL(setpriority, PRIO_PROCESS, 999999, 0);
}

static void sessions(void) {
  WORKS(setsid);
  printf("%d %d\n", getsid(0) == getpid(), getpgrp() == getpid());
  CALL(setsid);
  CALL(setpgid, 0, 0);
  int fd = open("/dev/tty", O_RDWR);
  printf("%s\n", fd < 0 ? strerrorname_np(errno) : "a terminal");
}

// A child that has become another program is not moved any more.
static void children(void) {
  pipe(p);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(p[1]);
    read(p[0], &byte, 1);
    _exit(4);
  }
  printf("%d\n", setpgid(child, child));
  printf("%d\n", getpgid(child) == child);
  printf("%d\n", setpgid(child, getpgrp()));
  int led[2];
  char byte;
  pipe(led);
  pid_t other = fork();
  if (other == 0) {
    setsid();
    write(led[1], "x", 1);
    close(p[1]);
    read(p[0], &byte, 1);
    _exit(5);
  }
  read(led[0], &byte, 1);
  printf("%s\n", setpgid(other, getpgrp()) < 0 ? strerrorname_np(errno) : "moved");
  close(p[1]);
  int status;
  for (int i = 0; i < 2; i++) wait(&status);
  pipe2(p, O_CLOEXEC);
  pid_t program = fork();
  if (program == 0) execl("/proc/self/exe", "processes", "waits", NULL);
  close(p[1]);
  read(p[0], &byte, 1);
  printf("%s\n", setpgid(program, program) < 0 ? strerrorname_np(errno) : "moved");
  kill(program, SIGKILL), wait(&status);
  CALL(wait4, -1, &status, 0, 0L);
  CALL(wait4, -1, &status, 99, 0L);
  CALL(waitid, P_PID, 999999, 0L, WEXITED, 0L);
  CALL(waitid, P_ALL, 0, 0L, 0, 0L);
  CALL(waitid, 99, 0, 0L, WEXITED, 0L);
}

// What an orphan says of its parent, and what becomes of it: the process that made its parent never learns of it.
static void orphan(const char *what, int reaper_is_first, int ends_before) {
  int told[2], alive[2], status = 0;
  pid_t first = getpid(), grandchild = 0;
  char byte;
  printf("%s\n", what);
  fflush(stdout);
  pipe(told), pipe(alive);
  pid_t child = fork();
  if (child == 0) {
    close(alive[0]);
    pid_t middle = getpid(), made = fork();
    if (made == 0) {
      while (!ends_before && getppid() == middle) usleep(1000);
      made = getpid();
      write(told[1], &made, sizeof made);
      int is_first = getppid() == first;
      write(told[1], &is_first, sizeof is_first);
      usleep(20000);
      _exit(9);
    }
    if (ends_before) {
      siginfo_t info;
      waitid(P_PID, made, &info, WEXITED | WNOWAIT);
    }
    _exit(3);
  }
  close(alive[1]);
  int found = waitpid(child, &status, 0) == child;
  printf("%d %d\n", found, WEXITSTATUS(status));
  int is_first = -1;
  read(told[0], &grandchild, sizeof grandchild), read(told[0], &is_first, sizeof is_first);
  printf("its parent is the first: %d\n", is_first);
  printf("%d\n", read(alive[0], &byte, 1) == 0);
  // The machine's init takes a moment.
  for (int i = 0; i < 2000 && !reaper_is_first && kill(grandchild, 0) == 0; i++) usleep(1000);
  printf("%s\n", kill(grandchild, 0) == 0 ? "there" : strerrorname_np(errno));
  printf("%d\n", waitpid(grandchild, &status, 0) == grandchild);
  CALL(wait4, -1, &status, 0, 0L);
}

// A stopped child in a group or session of its own, whose parent ends: what it still says. 'r' at first, 'c' when it goes on, 'e' at its end.
static void stopped_orphan(const char *what, int own, int signal, int ignores) {
  int said[2], told[2], status = 0;
  char byte;
  pid_t stopped = 0;
  printf("%s\n", what);
  fflush(stdout);
  pipe(said), pipe(told);
  pid_t middle = fork();
  if (middle == 0) {
    stopped = fork();
    if (stopped == 0) {
      close(told[1]);
      if (own == 1) setpgid(0, 0);
      if (own == 2) setsid();
      if (ignores) sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, 0);
      stopped = getpid();
      write(said[1], &stopped, sizeof stopped);
      raise(signal);
      write(said[1], "c", 1);
      read(told[0], &byte, 1);
      write(said[1], "e", 1);
      _exit(0);
    }
    siginfo_t info;
    info.si_pid = 0;
    // Stopped; or it goes on at once.
    for (int i = 0; i < 100 && info.si_pid == 0; i++) {
      waitid(P_PID, stopped, &info, WSTOPPED | WNOHANG);
      usleep(1000);
    }
    printf("stopped %d\n", info.si_pid == stopped);
    fflush(stdout);
    _exit(0);
  }
  close(said[1]), close(told[0]);
  waitpid(middle, &status, 0);
  read(said[0], &stopped, sizeof stopped);
  struct pollfd wait_for = {said[0], POLLIN, 0};
  close(told[1]);
  for (;;) {
    if (poll(&wait_for, 1, 100) == 0) {
      printf("stays\n");
      break;
    }
    if (read(said[0], &byte, 1) <= 0) {
      printf("ended\n");
      break;
    }
    printf("%c\n", byte);
  }
  kill(stopped, SIGKILL), waitpid(stopped, 0, 0);
  close(said[0]);
}

static void orphans(void) {
  orphan("orphan", 0, 0);
  orphan("orphan that has ended before", 0, 1);
  prctl(PR_SET_CHILD_SUBREAPER, 1L);
  orphan("orphan of a subreaper", 1, 0);
  orphan("orphan of a subreaper that has ended before", 1, 1);
  signal(SIGCHLD, SIG_IGN);
  orphan("orphan of a subreaper that waits for nobody", 0, 0);
  signal(SIGCHLD, SIG_DFL);
  prctl(PR_SET_CHILD_SUBREAPER, 0L);
  stopped_orphan("stopped in its own group", 1, SIGSTOP, 0);
  stopped_orphan("stopped in its own group by the terminal", 1, SIGTSTP, 0);
  stopped_orphan("stopped in its own group without SIGHUP", 1, SIGSTOP, 1);
  stopped_orphan("stopped in its own session", 2, SIGSTOP, 0);
  stopped_orphan("stopped in its own session by the terminal", 2, SIGTSTP, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1L);
  stopped_orphan("stopped in its own group, of a subreaper in another", 1, SIGSTOP, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 0L);
}

static void signals_to_others(void) {
  pid_t parent = getppid();
  setresgid(65534, 65534, 65534);
  setresuid(65534, 65534, 65534);
  printf("%s\n", kill(parent, 0) < 0 ? strerrorname_np(errno) : "may");
  printf("%s\n", kill(parent, SIGCONT) < 0 ? strerrorname_np(errno) : "may");
  printf("%s\n", kill(parent, SIGTERM) < 0 ? strerrorname_np(errno) : "may");
  printf("%s\n", syscall(SYS_tkill, parent, 0) < 0 ? strerrorname_np(errno) : "may");
  printf("%s\n", syscall(SYS_tgkill, parent, parent, 0) < 0 ? strerrorname_np(errno) : "may");
  printf("%s\n", setpriority(PRIO_PROCESS, parent, 5) < 0 ? strerrorname_np(errno) : "may");
  printf("%s\n", setpriority(PRIO_PROCESS, 0, -5) < 0 ? strerrorname_np(errno) : "may");
  CALL(kill, 999999, 0);
  CALL(kill, getpid(), 99);
  CALL(kill, -999999, 0);
  CALL(tkill, 999999, 0);
  CALL(tkill, -1, 0);
  CALL(tgkill, getpid(), 999999, 0);
  CALL(tgkill, -1, 1, 0);
  CALL(setuid, 0);
  CALL(setgid, 0);
  CALL(setreuid, 0, 0);
  CALL(setregid, 0, 0);
  CALL(setresuid, 0, -1, -1);
  CALL(setresgid, -1, 0, -1);
  CALL(setgroups, 0L, 0L);
  CALL(sethostname, "x", 1L);
  CALL(setdomainname, "x", 1L);
  CALL(reboot, 0, 0, 0, 0L);
  CALL(swapon, "x", 0);
  CALL(acct, "x");
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max = limit.rlim_max + 1, limit.rlim_cur = 1;
  CALL(setrlimit, RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max + 1;
  CALL(setrlimit, RLIMIT_NOFILE, &limit);
}

// Descriptors 0 to 4 are taken, and no more are allowed.
static void full_table(void) {
  sigset_t set;
  sigemptyset(&set);
  int pair[2];
  for (int fd = 0; fd < 5; fd++) fcntl(fd, F_GETFD) < 0 ? dup2(1, fd) : 0;
  for (int fd = 5; fd < 64; fd++) close(fd);
  struct rlimit limit = {5, 5};
  setrlimit(RLIMIT_NOFILE, &limit);
  CALL(open, "file", O_RDONLY);
  CALL(openat, AT_FDCWD, "file", O_RDONLY);
  CALL(creat, "file", 0600);
  CALL(dup, 1);
  CALL(dup2, 1, 5);
  CALL(dup3, 1, 5, 0);
  CALL(dup2, 1, 4);
  CALL(fcntl, 1, F_DUPFD, 0L);
  CALL(fcntl, 1, F_DUPFD, 5L);
  CALL(pipe, pair);
  CALL(pipe2, pair, 0);
  CALL(eventfd, 0);
  CALL(eventfd2, 0, 0);
  CALL(epoll_create, 1);
  CALL(epoll_create1, 0);
  CALL(timerfd_create, CLOCK_MONOTONIC, 0);
  CALL(signalfd, -1, &set, 8L);
  CALL(signalfd4, -1, &set, 8L, 0);
  CALL(inotify_init);
  CALL(inotify_init1, 0);
  CALL(memfd_create, "x", 0);
  CALL(open, "nothing", O_RDONLY);
  CALL(close_range, 7, 3, 0);
  CALL(close_range, 3, 7, 9);
  CALL(close_range, 3, -1, 0);
  CALL(open, "file", O_RDONLY);
  CALL(pipe, pair);
}

static void makers(void) {
  sigset_t set;
  sigemptyset(&set);
  for (int fd = 3; fd < 64; fd++) close(fd);
  CALL(eventfd, 7);
  CALL(eventfd2, 0, 3);
  CALL(signalfd, -1, &set, 8L);
  CALL(signalfd, -1, &set, 9L);
  CALL(signalfd, 77, &set, 8L);
  CALL(signalfd, 1, &set, 8L);
  CALL(signalfd4, -1, &set, 8L, 3);
  CALL(inotify_init);
  CALL(inotify_init1, 3);
  CALL(inotify_rm_watch, 77, 1);
  CALL(inotify_rm_watch, 1, 1);
  CALL(inotify_add_watch, 77, ".", IN_MODIFY);
  CALL(inotify_add_watch, 1, ".", IN_MODIFY);
  CALL(timerfd_create, 99, 0);
  CALL(timerfd_create, CLOCK_MONOTONIC, 3);
  CALL(epoll_create, 0);
  CALL(epoll_create1, 3);
  CALL(memfd_create, "x", 0x80);
  CALL(sched_yield);
  int word;
  printf("%d %d\n", syscall(SYS_gettid) == getpid(), syscall(SYS_set_tid_address, &word) == getpid());
  CALL(alarm, 100);
  printf("%d\n", (int)syscall(SYS_alarm, 0) >= 99);
}

static void ends(void) {
  int status;
  fflush(stdout);
  if (vfork() == 0) _exit(3);
  wait(&status), printf("%x\n", status);
  if (fork() == 0) syscall(SYS_exit, 0x1ff);
  wait(&status), printf("%x\n", status);
  if (fork() == 0) syscall(SYS_exit_group, -1);
  wait(&status), printf("%x\n", status);
  for (int signal = 1; signal < 32; signal++) {
    struct rlimit none = {0, 0};
    if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) continue;
    if (fork() == 0) setrlimit(RLIMIT_CORE, &none), kill(getpid(), signal), _exit(9);
    wait(&status), printf("%d: %x\n", signal, status);
  }
}

int main(int argc, char **argv) {
  if (argc > 1) pause();
  make("file", "x");
  signal(SIGCHLD, SIG_DFL);
  IN_CHILD("groups", groups());
  IN_CHILD("sessions", sessions());
  IN_CHILD("children", children());
  IN_CHILD("signals to others", signals_to_others());
  IN_CHILD("a full table", full_table());
  IN_CHILD("makers", makers());
  orphans();
  IN_CHILD("orphans of a child", orphans());
  ends();
  return 0;
}
