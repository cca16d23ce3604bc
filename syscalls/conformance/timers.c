// timer_create(2) and its family, timerfd_create(2), setitimer(2), clock_nanosleep(2), the clocks.
#include "show.h"
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

static volatile int count, last_code, last_value, last_overrun;
static void handler(int signal, siginfo_t *info, void *context) {
  count++;
  last_code = info->si_code;
  last_value = info->si_value.sival_int;
  last_overrun = info->si_overrun;
}

static void sleep_for(long msec) {
  struct timespec t = {msec / 1000, msec % 1000 * 1000000}, left;
  while (nanosleep(&t, &left) < 0) t = left;
}

static const char *amount(struct timespec t, long most_msec) {
  if (t.tv_sec == 0 && t.tv_nsec == 0) return "none";
  return t.tv_sec * 1000 + t.tv_nsec / 1000000 <= most_msec ? "some" : "too much";
}

static void made(int clock, int notify, int signal) {
  struct sigevent event = {.sigev_notify = notify, .sigev_signo = signal};
  event._sigev_un._tid = getpid();
  int id = -1;
  printf("clock %d notify %d signal %d: ", clock, notify, signal);
  works("timer_create", syscall(SYS_timer_create, clock, &event, &id));
  if (id >= 0) syscall(SYS_timer_delete, id);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &action, 0);
  sigaction(SIGRTMIN, &action, 0);
  int id = -1, other = -1;
  CALL(timer_create, CLOCK_MONOTONIC, 8L, &id);
  CALL(timer_create, CLOCK_MONOTONIC, 0L, 8L);
  for (int clock = -1; clock < 13; clock++)
    if (clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM) made(clock, SIGEV_NONE, 0);
  made(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0);
  made(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65);
  made(CLOCK_MONOTONIC, SIGEV_SIGNAL, 64);
  made(CLOCK_MONOTONIC, SIGEV_THREAD, SIGALRM);
  made(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGALRM);
  made(CLOCK_MONOTONIC, 3, SIGALRM);
  made(CLOCK_MONOTONIC, 9, SIGALRM);
  CALL(timer_create, CLOCK_MONOTONIC, 0L, &id);
  struct itimerspec soon = {.it_value.tv_nsec = 200000000}, none = {0}, old, wrong = {.it_value.tv_nsec = 1000000000};
  CALL(timer_settime, id, 0, 0L, 0L);
  CALL(timer_settime, id, 0, 8L, 0L);
  CALL(timer_settime, id, 0, &wrong, 0L);
  CALL(timer_settime, id + 99, 0, &soon, 0L);
  CALL(timer_settime, id, 0, &soon, 8L);
  CALL(timer_settime, id, 0, &soon, &old);
  printf("left %s, interval %s\n", amount(old.it_value, 200), amount(old.it_interval, 0));
  CALL(timer_gettime, id, &old);
  printf("left %s\n", amount(old.it_value, 200));
  CALL(timer_gettime, id, 8L);
  CALL(timer_gettime, id + 99, &old);
  sleep_for(300);
  printf("%d expirations, code %d\n", count, last_code);
  CALL(timer_getoverrun, id);
  CALL(timer_getoverrun, id + 99);
  CALL(timer_gettime, id, &old);
  printf("left %s\n", amount(old.it_value, 200));
  CALL(timer_delete, id);
  CALL(timer_delete, id);

  // One signal, and overruns while it is blocked.
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77};
  CALL(timer_create, CLOCK_REALTIME, &event, &id);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, 0);
  struct itimerspec often = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000};
  CALL(timer_settime, id, 0, &often, 0L);
  sleep_for(30);
  siginfo_t info;
  struct timespec zero = {0};
  CALL(rt_sigtimedwait, &set, &info, &zero, 8L);
  printf("code %d, value %d, overrun %s\n", info.si_code, info.si_value.sival_int, info.si_overrun > 5 ? "many" : "few");
  works("timer_getoverrun", syscall(SYS_timer_getoverrun, id));
  CALL(timer_settime, id, 0, &none, &old);
  printf("interval %s\n", amount(old.it_interval, 1));
  sleep_for(5);
  while (syscall(SYS_rt_sigtimedwait, &set, 0, &zero, 8L) > 0);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  count = 0;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct itimerspec absolute = {.it_value = now};
  absolute.it_value.tv_nsec += 10000000;
  if (absolute.it_value.tv_nsec >= 1000000000) absolute.it_value.tv_sec++, absolute.it_value.tv_nsec -= 1000000000;
  CALL(timer_settime, id, TIMER_ABSTIME, &absolute, 0L);
  sleep_for(40);
  printf("%d\n", count);
  absolute.it_value.tv_sec = 1;
  CALL(timer_settime, id, TIMER_ABSTIME, &absolute, 0L);
  printf("%d\n", count);

  // Descriptors.
  CALL(timerfd_create, 5, 0);
  CALL(timerfd_create, CLOCK_PROCESS_CPUTIME_ID, 0);
  CALL(timerfd_create, CLOCK_MONOTONIC, 1);
  int fd = CALL(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  CALL(fcntl, fd, F_GETFD);
  CALL(fcntl, fd, F_GETFL);
  unsigned long times = 0;
  CALL(read, fd, &times, 8L);
  CALL(read, fd, &times, 7L);
  CALL(write, fd, &times, 8L);
  CALL(lseek, fd, 0L, SEEK_SET);
  CALL(pread64, fd, &times, 8L, 0L);
  CALL(timerfd_settime, fd, 8, &soon, 0L);
  CALL(timerfd_settime, fd, 0, 8L, 0L);
  CALL(timerfd_settime, fd, 0, &wrong, 0L);
  CALL(timerfd_settime, 0, 0, &soon, 0L);
  CALL(timerfd_settime, 99, 0, &soon, 0L);
  CALL(timerfd_gettime, 0, &old);
  CALL(timerfd_gettime, 99, &old);
  CALL(timerfd_settime, fd, 0, &soon, &old);
  printf("left %s\n", amount(old.it_value, 200));
  CALL(timerfd_gettime, fd, &old);
  printf("left %s\n", amount(old.it_value, 200));
  struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
  CALL(poll, &p, 1, 0);
  CALL(poll, &p, 1, -1);
  printf("%x\n", p.revents);
  CALL(read, fd, &times, 8L);
  printf("%lu\n", times);
  CALL(read, fd, &times, 8L);
  CALL(timerfd_settime, fd, 0, &often, 0L);
  sleep_for(30);
  struct { unsigned long a, b; } two;
  CALL(read, fd, &two, 16L);
  printf("%s\n", two.a > 10 ? "many" : "few");
  CALL(timerfd_settime, fd, 0, &none, &old);
  printf("interval %s\n", amount(old.it_interval, 1));
  int blocking = timerfd_create(CLOCK_REALTIME, 0);
  CALL(timerfd_settime, blocking, 0, &soon, 0L);
  CALL(read, blocking, &times, 8L);
  printf("%lu\n", times);
  absolute.it_value.tv_sec = 1;
  CALL(timerfd_settime, blocking, TFD_TIMER_ABSTIME, &absolute, 0L);
  CALL(read, blocking, &times, 8L);
  printf("%lu\n", times);
  struct stat status;
  fstat(fd, &status);
  printf("%o\n", status.st_mode);

  // setitimer, alarm.
  struct itimerval interval = {.it_value.tv_usec = 1000000}, before;
  CALL(setitimer, ITIMER_REAL, &interval, 0L);
  CALL(setitimer, 3, &interval, 0L);
  CALL(getitimer, 3, &interval);
  CALL(getitimer, 0, 8L);
  interval.it_value.tv_usec = -1;
  CALL(setitimer, ITIMER_REAL, &interval, 0L);
  interval.it_value.tv_usec = 900000;
  CALL(setitimer, ITIMER_REAL, &interval, 0L);
  CALL(setitimer, ITIMER_REAL, 0L, &before);
  printf("%d\n", before.it_value.tv_usec > 0);
  CALL(getitimer, ITIMER_REAL, &before);
  printf("%ld\n", before.it_value.tv_usec);
  CALL(alarm, 100);
  CALL(alarm, 0);
  CALL(alarm, 0);

  // Clocks.
  struct timespec t;
  for (int clock = 0; clock < 13; clock++) {
    if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) continue;
    printf("clock %d: ", clock);
    show("clock_gettime", syscall(SYS_clock_gettime, clock, &t));
    show("clock_getres", syscall(SYS_clock_getres, clock, &t));
    show("clock_getres", syscall(SYS_clock_getres, clock, 0L));
  }
  CALL(clock_gettime, CLOCK_MONOTONIC, 8L);
  CALL(clock_gettime, -6, &t);
  CALL(clock_gettime, -2, &t);
  CALL(clock_gettime, (~getpid()) << 3 | 2, &t);
  CALL(clock_gettime, (~getpid()) << 3 | 6, &t);
  CALL(clock_gettime, (~999999) << 3 | 2, &t);
  CALL(gettimeofday, 8L, 0L);
  CALL(gettimeofday, 0L, 8L);
  CALL(gettimeofday, 0L, 0L);
  CALL(time, 8L);
  CALL(times, 8L);
  struct timespec request = {.tv_nsec = 1000000}, bad = {.tv_nsec = 1000000000}, minus = {.tv_sec = -1};
  CALL(nanosleep, &request, 0L);
  CALL(nanosleep, &bad, 0L);
  CALL(nanosleep, &minus, 0L);
  CALL(nanosleep, 8L, 0L);
  for (int clock = 0; clock < 13; clock++) {
    if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM || clock == CLOCK_PROCESS_CPUTIME_ID) continue;
    printf("clock %d: ", clock);
    show("clock_nanosleep", syscall(SYS_clock_nanosleep, clock, 0, &request, 0L));
  }
  CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &bad, 0L);
  CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &request, 0L);
  CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, 8L, 0L);
  CALL(clock_nanosleep, 99, 0, 8L, 0L);
  struct itimerval in10 = {.it_value.tv_usec = 10000};
  setitimer(ITIMER_REAL, &in10, 0);
  request.tv_sec = 5;
  CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &request, &t);
  printf("left %ld\n", t.tv_sec);
  // CPU time goes on only while the program runs.
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  sleep_for(100);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  printf("%d\n", (t.tv_sec - now.tv_sec) * 1000 + (t.tv_nsec - now.tv_nsec) / 1000000 < 60);
  struct timex timex = {0};
  WORKS(adjtimex, &timex);
  CALL(adjtimex, 8L);
  WORKS(clock_adjtime, CLOCK_REALTIME, &timex);
  CALL(clock_adjtime, CLOCK_MONOTONIC, &timex);
  CALL(clock_adjtime, 99, &timex);
  return 0;
}
