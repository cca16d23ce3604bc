// epoll_create(2), epoll_ctl(2), epoll_wait(2), epoll_pwait(2), epoll_pwait2(2).
#include "show.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static void wait_for(int epfd, int count, int timeout) {
  struct epoll_event events[8];
  memset(events, 0, sizeof events);
  long n = CALL(epoll_wait, epfd, events, count, timeout);
  for (int i = 0; i < n; i++) printf("  %x %lx\n", events[i].events, (long)events[i].data.u64);
}

static void control(int epfd, int operation, int fd, unsigned events, unsigned long data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  printf("op %d fd %d events %x: ", operation, fd, events);
  show("epoll_ctl", syscall(SYS_epoll_ctl, epfd, operation, fd, &event));
}

static void on_alarm(int signal) { printf("signal %d\n", signal); }

int main(void) {
  int pipes[2], file, path;
  CALL(epoll_create, 0);
  CALL(epoll_create, -1);
  int first = CALL(epoll_create, 1);
  CALL(fcntl, first, F_GETFD);
  CALL(epoll_create1, 5);
  int ep = CALL(epoll_create1, EPOLL_CLOEXEC);
  CALL(fcntl, ep, F_GETFD);
  CALL(fcntl, ep, F_GETFL);
  pipe(pipes);
  make("file", "hello");
  file = open("file", O_RDWR);
  path = open("file", O_PATH);
  int event = eventfd(0, 0);
  control(ep, EPOLL_CTL_ADD, file, EPOLLIN, 1);
  control(ep, EPOLL_CTL_ADD, path, EPOLLIN, 1);
  control(ep, EPOLL_CTL_ADD, open(".", O_RDONLY), EPOLLIN, 1);
  control(ep, EPOLL_CTL_ADD, memfd_create("m", 0), EPOLLIN, 1);
  control(ep, EPOLL_CTL_ADD, 99, EPOLLIN, 1);
  control(99, EPOLL_CTL_ADD, event, EPOLLIN, 1);
  control(event, EPOLL_CTL_ADD, event, EPOLLIN, 1);
  control(file, EPOLL_CTL_ADD, event, EPOLLIN, 1);
  control(event, EPOLL_CTL_ADD, file, EPOLLIN, 1);
  control(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 1);
  control(ep, 7, event, EPOLLIN, 1);
  control(ep, EPOLL_CTL_MOD, event, EPOLLIN, 1);
  control(ep, EPOLL_CTL_DEL, event, EPOLLIN, 1);
  CALL(epoll_ctl, ep, EPOLL_CTL_ADD, event, 8L);
  CALL(epoll_ctl, ep, EPOLL_CTL_DEL, event, 8L);
  control(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 0x123456789abcdef);
  control(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 2);
  control(ep, EPOLL_CTL_ADD, event, EPOLLIN, -1L);
  wait_for(ep, 8, 0);
  wait_for(ep, 8, 10);
  write(pipes[1], "x", 1);
  wait_for(ep, 8, -1);
  wait_for(ep, 8, -1);
  eventfd_write(event, 3);
  wait_for(ep, 8, 0);
  wait_for(ep, 1, 0);
  wait_for(ep, 0, 0);
  wait_for(ep, -1, 0);
  wait_for(ep, 1 << 30, 0);
  wait_for(99, 8, 0);
  wait_for(event, 8, 0);
  wait_for(file, 8, 0);
  CALL(epoll_wait, ep, 8L, 8, 0);
  // Edges.
  control(ep, EPOLL_CTL_MOD, pipes[0], EPOLLIN | EPOLLET, 3);
  control(ep, EPOLL_CTL_MOD, event, EPOLLIN | EPOLLOUT | EPOLLONESHOT, 4);
  wait_for(ep, 8, 0);
  wait_for(ep, 8, 0);
  write(pipes[1], "y", 1);
  wait_for(ep, 8, 0);
  control(ep, EPOLL_CTL_MOD, event, EPOLLOUT | EPOLLONESHOT, 5);
  wait_for(ep, 8, 0);
  wait_for(ep, 8, 0);
  // One description under two descriptors, and closing.
  int twice = dup(pipes[0]);
  control(ep, EPOLL_CTL_ADD, twice, EPOLLIN, 6);
  control(ep, EPOLL_CTL_DEL, event, 0, 0);
  control(ep, EPOLL_CTL_MOD, pipes[0], EPOLLIN, 7);
  wait_for(ep, 8, 0);
  close(twice);
  wait_for(ep, 8, 0);
  control(ep, EPOLL_CTL_DEL, pipes[0], 0, 0);
  wait_for(ep, 8, 0);
  control(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN, 8);
  close(pipes[0]);
  wait_for(ep, 8, 0);
  pipe(pipes);
  control(ep, EPOLL_CTL_ADD, pipes[0], EPOLLIN | EPOLLRDHUP, 9);
  control(ep, EPOLL_CTL_ADD, pipes[1], EPOLLOUT, 10);
  wait_for(ep, 8, 0);
  close(pipes[1]);
  wait_for(ep, 8, 0);
  // Nested.
  int outer = epoll_create1(0);
  control(outer, EPOLL_CTL_ADD, ep, EPOLLIN, 11);
  control(ep, EPOLL_CTL_ADD, outer, EPOLLIN, 12);
  wait_for(outer, 8, 0);
  struct pollfd p = {.fd = outer, .events = POLLIN | POLLOUT};
  CALL(poll, &p, 1, 0);
  printf("%x\n", p.revents);
  close(ep);
  wait_for(outer, 8, 0);
  control(outer, EPOLL_CTL_ADD, event, EPOLLIN | EPOLLEXCLUSIVE, 13);
  control(outer, EPOLL_CTL_MOD, event, EPOLLIN | EPOLLEXCLUSIVE, 13);
  control(outer, EPOLL_CTL_ADD, first, EPOLLIN | EPOLLEXCLUSIVE, 14);
  control(outer, EPOLL_CTL_DEL, event, 0, 13);
  // What the descriptor itself can do.
  char byte;
  CALL(read, outer, &byte, 1);
  CALL(write, outer, &byte, 1);
  CALL(lseek, outer, 0L, SEEK_SET);
  CALL(pread64, outer, &byte, 1, 0L);
  CALL(ftruncate, outer, 0L);
  struct stat status;
  CALL(fstat, outer, &status);
  printf("%o\n", status.st_mode);
  // Signals.
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, 0);
  struct itimerval soon = {.it_value.tv_usec = 20000};
  setitimer(ITIMER_REAL, &soon, 0);
  wait_for(outer, 8, -1);
  sigset_t set, none;
  sigemptyset(&none);
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigprocmask(SIG_BLOCK, &set, 0);
  raise(SIGALRM);
  struct epoll_event events[2];
  CALL(epoll_pwait, outer, events, 2, 10, &set, 8L);
  CALL(epoll_pwait, outer, events, 2, -1, &none, 8L);
  CALL(epoll_pwait, outer, events, 2, 0, &none, 4L);
  CALL(epoll_pwait, outer, events, 2, 0, 8L, 8L);
  CALL(epoll_pwait, outer, events, 2, 0, 0L, 4L);
  struct timespec little = {.tv_nsec = 1000000}, wrong = {.tv_nsec = 2000000000}, negative = {.tv_sec = -1};
  CALL(epoll_pwait2, outer, events, 2, &little, 0L, 8L);
  CALL(epoll_pwait2, outer, events, 2, &wrong, 0L, 8L);
  CALL(epoll_pwait2, outer, events, 2, &negative, 0L, 8L);
  CALL(epoll_pwait2, outer, events, 2, 8L, 0L, 8L);
  return 0;
}
