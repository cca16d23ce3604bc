// Every call that waits, ended by a signal: with a handler, and with one that asks for the call to go on (SA_RESTART, signal(7)). A timer sends the
// signal, so that nobody else has to run.
#include "show.h"
#include <linux/futex.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

static volatile int handled;
static int p[2], full[2];

// The handler ends what would wait for ever when the call goes on.
static void handler(int signal) {
  char byte;
  if (++handled < 2) return;
  write(p[1], "x", 1);
  while (read(full[0], &byte, 1) > 0 && handled++ < 5000) {}
}

static void alarm_in(int msec, int every) {
  struct itimerval time = {{0, every * 1000}, {0, msec * 1000}};
  setitimer(ITIMER_REAL, &time, 0);
}

#define BOTH(call, ...)                                                                                          \
  for (int restarts = 0; restarts < 2; restarts++) {                                                             \
    struct sigaction action = {.sa_handler = handler, .sa_flags = restarts ? SA_RESTART : 0};                    \
    sigaction(SIGALRM, &action, 0);                                                                              \
    char rest[64];                                                                                               \
    handled = 0;                                                                                                 \
    alarm_in(20, 60);                                                                                            \
    long result = syscall(SYS_##call, ##__VA_ARGS__);                                                            \
    int error = errno;                                                                                           \
    alarm_in(0, 0);                                                                                              \
    printf("%s%s: %s after %s\n", #call "(" #__VA_ARGS__ ")", restarts ? " restarting" : "",                     \
           result < 0 ? strerrorname_np(error) : "done", handled > 0 ? "a signal" : "none");                             \
    fflush(stdout);                                                                                              \
    struct pollfd one = {p[0], POLLIN, 0};                                                                       \
    while (poll(&one, 1, 0) > 0) read(p[0], rest, 1);                                                            \
  }

int main(void) {
  struct timespec longer = {0, 300000000}, none;
  struct timeval also = {0, 300000};
  sigset_t set, empty;
  struct epoll_event event = {EPOLLIN, {0}};
  char byte, much[4096] = "";
  pipe(p), pipe2(full, O_NONBLOCK);
  while (write(full[1], much, sizeof much) > 0) {}
  while (write(full[1], much, 1) > 0) {}
  fcntl(full[1], F_SETFL, 0);
  struct iovec vector = {&byte, 1};
  struct pollfd nothing = {p[0], POLLIN, 0};
  sigemptyset(&empty), sigemptyset(&set), sigaddset(&set, SIGUSR2);
  int epoll = epoll_create1(0), events = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0), signals = signalfd(-1, &set, 0), watches = inotify_init();
  sigprocmask(SIG_BLOCK, &set, 0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, p[0], &event);
  int word = 0;
  fd_set reads;
  BOTH(read, p[0], &byte, 1L);
  BOTH(readv, p[0], &vector, 1L);
  BOTH(nanosleep, &longer, &none);
  BOTH(clock_nanosleep, CLOCK_MONOTONIC, 0, &longer, &none);
  BOTH(poll, &nothing, 1L, 300);
  longer.tv_nsec = 300000000;
  BOTH(ppoll, &nothing, 1L, &longer, 0L, 8L);
  BOTH(select, 0L, 0L, 0L, 0L, &also);
  longer.tv_nsec = 300000000;
  BOTH(pselect6, 0L, 0L, 0L, 0L, &longer, 0L);
  BOTH(epoll_wait, epoll, &event, 1, 300);
  BOTH(epoll_pwait, epoll, &event, 1, 300, 0L, 8L);
  BOTH(rt_sigtimedwait, &set, 0L, &longer, 8L);
  BOTH(rt_sigsuspend, &empty, 8L);
  BOTH(pause);
  BOTH(futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &longer, 0L, 0);
  BOTH(splice, p[0], 0L, full[1], 0L, 1L, 0);
  (void)reads, (void)events, (void)timer, (void)signals, (void)watches;

  // A lock that somebody else has, until the child ends; a child that does not end.
  int fd = open("file", O_CREAT | O_RDWR, 0600), done[2];
  pipe(done);
  struct flock lock = {F_WRLCK, SEEK_SET, 0, 0, 0};
  pid_t child = fork();
  if (child == 0) {
    int own = open("file", O_RDWR);
    flock(own, LOCK_EX);
    fcntl(own, F_SETLK, &lock);
    write(done[1], "x", 1);
    pause();
  }
  read(done[0], &byte, 1);
  BOTH(flock, fd, LOCK_NB | LOCK_EX);
  struct sigaction action = {.sa_handler = handler};
  sigaction(SIGALRM, &action, 0);
  handled = -1000000, alarm_in(20, 60);
  CALL(flock, fd, LOCK_EX);
  handled = -1000000, alarm_in(20, 60);
  CALL(fcntl, fd, F_SETLKW, &lock);
  handled = -1000000, alarm_in(20, 60);
  CALL(wait4, -1, 0L, 0, 0L);
  handled = -1000000, alarm_in(20, 60);
  CALL(waitid, 0L, 0L, 0L, WEXITED, 0L);
  handled = -1000000, alarm_in(20, 60);
  CALL(read, events, much, 8L);
  handled = -1000000, alarm_in(20, 60);
  CALL(read, timer, much, 8L);
  handled = -1000000, alarm_in(20, 60);
  CALL(read, signals, much, 128L);
  handled = -1000000, alarm_in(20, 60);
  CALL(read, watches, much, 128L);
  fcntl(full[1], F_SETFL, O_NONBLOCK);
  while (write(full[1], much, sizeof much) > 0) {}
  fcntl(full[1], F_SETFL, 0);
  handled = -1000000, alarm_in(20, 60);
  CALL(write, full[1], much, 8000L);
  kill(child, SIGKILL);
  wait(0);
  return 0;
}
