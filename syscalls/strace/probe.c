/* Calls whose arguments strace decodes, the same in every run but for addresses, pids and times. Each group follows a write that names it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void handler(int signal) {}
static char b[128];
static void group(const char *name) { write(1, name, strlen(name)); }

static void signals(void) {
  struct sigaction sa = {0};
  sigset_t s;
  struct timespec zero = {0, 0};
  siginfo_t info;
  stack_t stack = {b, 0, SS_DISABLE};
  sa.sa_handler = handler;
  sigaddset(&sa.sa_mask, SIGUSR1);
  sa.sa_flags = SA_RESTART | SA_NODEFER;
  sigaction(SIGINT, &sa, NULL);
  sigaction(SIGINT, NULL, &sa);
  sigaction(SIGRTMIN + 6, &sa, NULL);
  signal(SIGCHLD, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  sigfillset(&s);
  sigprocmask(SIG_BLOCK, &s, NULL);
  sigemptyset(&s);
  sigaddset(&s, SIGINT);
  sigaddset(&s, SIGRTMIN);
  sigprocmask(SIG_SETMASK, &s, NULL);
  sigemptyset(&s);
  sigprocmask(SIG_SETMASK, &s, &s);
  kill(getpid(), SIGINT);
  sigemptyset(&s);
  sigaddset(&s, SIGUSR1);
  sigtimedwait(&s, &info, &zero);
  sigpending(&s);
  sigaltstack(NULL, &stack);
}

static void descriptors(void) {
  int p[2], n;
  struct pollfd fds[2];
  struct iovec v[2] = {{b, 3}, {b + 10, 20}};
  struct timeval tv = {0, 1000};
  struct termios t;
  struct winsize w;
  fd_set set;
  pipe2(p, O_CLOEXEC | O_NONBLOCK);
  fds[0] = (struct pollfd){p[0], POLLIN, 0};
  fds[1] = (struct pollfd){p[1], POLLOUT | POLLERR, 0};
  poll(fds, 2, 10);
  poll(fds, 1, 0);
  fds[0].fd = 99;
  poll(fds, 1, -1);
  FD_ZERO(&set);
  FD_SET(p[0], &set);
  select(10, &set, NULL, NULL, &tv);
  write(p[1], "hello\n\001\0021\377", 10);
  readv(p[0], v, 2);
  writev(p[1], v, 2);
  read(p[0], b, 64);
  read(p[0], b, 64);
  read(-1, b, 64);
  write(p[1], "a long text that is cut after thirty-two bytes", 46);
  ioctl(p[0], FIONREAD, &n);
  ioctl(p[0], TCGETS, &t);
  ioctl(p[0], TIOCGWINSZ, &w);
  ioctl(p[0], 0x1234, &n);
  fcntl(p[0], F_GETFL);
  fcntl(p[0], F_SETFL, O_NONBLOCK | O_APPEND);
  fcntl(p[0], F_GETFD);
  fcntl(p[0], F_SETFD, FD_CLOEXEC);
  fcntl(p[0], F_DUPFD, 10);
  dup3(0, 20, O_CLOEXEC);
  syscall(SYS_close_range, 20, 40, 4);
  close(p[0]);
  close(p[1]);
}

static void files(void) {
  struct flock l = {F_WRLCK, SEEK_SET, 0, 10};
  struct timespec given[2] = {{1, 2}, {0, UTIME_NOW}};
  struct timespec omitted[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  unsigned long how[3] = {O_RDWR, 0, 0};
  char status[144];
  off_t at = 0;
  int fd = open("x", O_RDWR | O_CREAT | O_TRUNC, 0644), directory;
  fcntl(fd, F_SETLK, &l);
  fcntl(fd, F_GETLK, &l);
  open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  open("n\303\266\n\"", O_WRONLY);
  open("/dev/null", O_DSYNC | O_WRONLY);
  lseek(fd, 0, SEEK_END);
  lseek(fd, -5, SEEK_SET);
  lseek(fd, 0, 77);
  ftruncate(fd, 100);
  utimensat(AT_FDCWD, "x", given, 0);
  utimensat(AT_FDCWD, "x", omitted, AT_SYMLINK_NOFOLLOW);
  utimensat(AT_FDCWD, "x", NULL, 0);
  syscall(SYS_stat, "x", status);
  syscall(SYS_stat, "nope", status);
  syscall(SYS_stat, "/dev/null", status);
  syscall(SYS_newfstatat, fd, "", status, AT_EMPTY_PATH);
  syscall(SYS_access, "x", R_OK | W_OK);
  syscall(SYS_access, "x", F_OK);
  syscall(SYS_access, "x", 8);
  syscall(SYS_chmod, "x", 04755);
  syscall(SYS_chown, "x", -1, 0);
  umask(umask(022));
  pread(fd, b, 10, 5);
  syscall(SYS_copy_file_range, fd, &at, fd, 0, 0, 0);
  syscall(SYS_openat2, AT_FDCWD, "x", how, 24);
  flock(fd, LOCK_EX | LOCK_NB);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  rename("x", "y");
  renameat2(AT_FDCWD, "y", AT_FDCWD, "x", RENAME_NOREPLACE);
  linkat(AT_FDCWD, "x", AT_FDCWD, "z", AT_SYMLINK_FOLLOW);
  unlinkat(AT_FDCWD, "z", 0);
  unlinkat(AT_FDCWD, "z", AT_REMOVEDIR);
  symlink("x", "link");
  readlink("link", b, 64);
  mkdir("dd", 0755);
  mknod("ff", S_IFIFO | 0600, 0);
  directory = open(".", O_RDONLY);
  syscall(SYS_getdents64, directory, b, sizeof b);
}

static void memory(void) {
  char *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  mprotect(m, 4096, PROT_NONE);
  madvise(m, 4096, MADV_DONTNEED);
  munmap(m, 8192);
  m = mmap(0, 4096, PROT_READ, MAP_SHARED, 3, 0);
  msync(m, 4096, MS_SYNC | MS_INVALIDATE);
  mremap(m, 4096, 8192, MREMAP_MAYMOVE);
  memfd_create("name", MFD_CLOEXEC);
}

static void machine(void) {
  struct rlimit limit = {0, RLIM_INFINITY};
  struct itimerval timer = {{0, 0}, {5, 0}};
  struct timespec short_time = {0, 1000}, rest;
  struct utsname name;
  unsigned word;
  getrlimit(RLIMIT_STACK, &limit);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  uname(&name);
  setitimer(ITIMER_REAL, &timer, NULL);
  alarm(0);
  nanosleep(&short_time, NULL);
  clock_nanosleep(CLOCK_MONOTONIC, 0, &short_time, &rest);
  prctl(PR_SET_NAME, "nam");
  prctl(PR_GET_NAME, b);
  word = 1;
  syscall(SYS_futex, &word, 129, 1);
  syscall(SYS_futex, &word, 0, 2, NULL);
  syscall(SYS_futex, &word, 9 | 128, 1, &short_time, NULL, -1);
  struct sched_param parameter = {0};
  sched_setscheduler(0, SCHED_BATCH, &parameter);
  sched_getscheduler(0);
  sched_get_priority_max(SCHED_FIFO);
  sched_getparam(0, &parameter);
  getpriority(PRIO_PROCESS, 0);
  mlockall(MCL_CURRENT | MCL_FUTURE);
  munlockall();
  int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  struct itimerspec later = {{0, 0}, {100, 5}};
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &later, NULL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  signalfd(-1, &set, SFD_NONBLOCK);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {EPOLLIN | EPOLLET, {.u64 = 7}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, timer_fd, &event);
  epoll_wait(epoll, &event, 1, 0);
  getpid();
  syscall(999, 1, 2, 3, 4, 5, 6);
}

static void processes(void) {
  int status;
  pid_t child = fork();
  char *argv[] = {"one", "two three", NULL}, *envp[] = {"A=1", NULL};
  if (child == 0) _exit(7);
  siginfo_t ended;
  waitid(P_PID, child, &ended, WEXITED | WNOWAIT);
  wait4(child, &status, WUNTRACED | WCONTINUED, NULL);
  wait4(-1, &status, WNOHANG, NULL);
  syscall(SYS_execve, "/nowhere/at/all", argv, envp);
}

int main(void) {
  group("descriptors\n");
  descriptors();
  group("files\n");
  files();
  group("memory\n");
  memory();
  group("signals\n");
  signals();
  group("machine\n");
  machine();
  group("processes\n");
  processes();
  group("end\n");
  raise(SIGUSR1);
}
