// pipe(2), poll(2), ppoll(2), select(2), eventfd(2), blocking transfers between processes, ioctl(2) of pipes and files.
#include "show.h"
#include <sys/eventfd.h>

static volatile int caught;
static void handler(int signal) { caught = signal; }

static void show_poll(struct pollfd *fds, int count, int timeout) {
  int result = syscall(SYS_poll, fds, count, timeout);
  printf("poll %d:", result < 0 ? -errno : result);
  for (int i = 0; i < count; i++) printf(" %x", fds[i].revents);
  puts("");
  fflush(stdout);
}

int main(void) {
  make("file", "hello");
  int p[2], file = open("file", O_RDWR), n;
  CALL(pipe, p);
  CALL(pipe2, p, 3);
  CALL(pipe2, (int *)8, 0);
  CALL(pipe2, p, O_NONBLOCK | O_CLOEXEC);
  CALL(fcntl, p[0], F_GETFL);
  CALL(fcntl, p[0], F_GETFD);
  char buffer[70000];
  CALL(read, p[0], buffer, 10L);
  memset(buffer, 'a', sizeof buffer);
  CALL(write, p[1], buffer, 70000L);
  CALL(write, p[1], buffer, 1L);
  CALL(ioctl, p[0], FIONREAD, &n);
  printf("%d\n", n);
  CALL(read, p[0], buffer, 70000L);
  CALL(lseek, p[0], 0L, SEEK_CUR);
  CALL(pread64, p[0], buffer, 1L, 0L);
  CALL(read, p[1], buffer, 1L);
  CALL(write, p[0], buffer, 1L);
  struct pollfd fds[5] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {file, POLLIN | POLLOUT | POLLPRI, 0}, {99, POLLIN, 0}, {-1, POLLIN, 0}};
  show_poll(fds, 5, 0);
  show_poll(fds, 1, 10);
  CALL(write, p[1], "x", 1L);
  show_poll(fds, 2, -1);
  close(p[1]);
  fds[1].fd = -1;
  show_poll(fds, 1, -1);
  read(p[0], buffer, 1);
  fds[0].events = 0;
  show_poll(fds, 1, -1);
  CALL(read, p[0], buffer, 1L);
  CALL(poll, fds, 100000000L, 0);
  CALL(poll, (struct pollfd *)8, 1L, 0);
  CALL(poll, 0L, 0L, 1);
  pipe(p);
  signal(SIGPIPE, SIG_IGN);
  close(p[0]);
  CALL(write, p[1], "x", 1L);
  fds[1].fd = p[1];
  show_poll(fds + 1, 1, -1);
  close(p[1]);
  // A child writes more than a pipe holds, in pieces; the parent reads it all.
  pipe(p);
  fflush(stdout);
  if (fork() == 0) {
    close(p[0]);
    static char big[300000];
    for (int i = 0; i < 300000; i++) big[i] = i % 251;
    long wrote = write(p[1], big, sizeof big);
    _exit(wrote == sizeof big ? 7 : 8);
  }
  close(p[1]);
  long total = 0, bad = 0, got;
  while ((got = read(p[0], buffer, 5000)) > 0) {
    for (long i = 0; i < got; i++) bad += (unsigned char)buffer[i] != (total + i) % 251;
    total += got;
  }
  int status;
  wait(&status);
  printf("read %ld, %ld wrong, status %d\n", total, bad, WEXITSTATUS(status));
  // poll wakes for what a child does later.
  pipe(p);
  fflush(stdout);
  if (fork() == 0) {
    usleep(20000);
    write(p[1], "late", 4);
    _exit(0);
  }
  fds[0] = (struct pollfd){p[0], POLLIN, 0};
  show_poll(fds, 1, 5000);
  wait(0);
  fd_set reads, writes;
  struct timeval tv = {0, 0};
  FD_ZERO(&reads);
  FD_ZERO(&writes);
  FD_SET(p[0], &reads);
  FD_SET(file, &reads);
  FD_SET(p[1], &writes);
  CALL(select, p[1] + 1, &reads, &writes, 0L, &tv);
  printf("%d %d %d\n", !!FD_ISSET(p[0], &reads), !!FD_ISSET(file, &reads), !!FD_ISSET(p[1], &writes));
  read(p[0], buffer, 4);
  FD_ZERO(&reads);
  FD_SET(p[0], &reads);
  tv.tv_usec = 10000;
  CALL(select, p[1] + 1, &reads, 0L, 0L, &tv);
  printf("%d, left %ld\n", !!FD_ISSET(p[0], &reads), (long)tv.tv_usec);
  FD_SET(500, &reads);
  CALL(select, 501, &reads, 0L, 0L, &tv);
  CALL(select, -1, &reads, 0L, 0L, &tv);
  tv.tv_sec = -1;
  CALL(select, 0, 0L, 0L, 0L, &tv);
  // Signals end the wait, also with SA_RESTART; ppoll's mask lets one in.
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, 0);
  sigaction(SIGUSR1, &action, 0);
  struct itimerval timer = {{0, 0}, {0, 10000}};
  setitimer(ITIMER_REAL, &timer, 0);
  fds[0] = (struct pollfd){p[0], POLLIN, 0};
  show_poll(fds, 1, 5000);
  printf("caught %d\n", caught);
  sigset_t block, empty;
  sigemptyset(&empty);
  sigemptyset(&block);
  sigaddset(&block, SIGUSR1);
  sigprocmask(SIG_BLOCK, &block, 0);
  kill(getpid(), SIGUSR1);
  struct timespec brief = {0, 1000000};
  caught = 0;
  CALL(ppoll, fds, 1L, &brief, 0L, 8L);
  printf("caught %d\n", caught);
  brief = (struct timespec){5, 0};
  CALL(ppoll, fds, 1L, &brief, &empty, 8L);
  printf("caught %d\n", caught);
  kill(getpid(), SIGUSR1);
  caught = 0;
  brief = (struct timespec){0, 0};
  CALL(ppoll, fds, 1L, &brief, &empty, 8L);
  printf("caught %d\n", caught);
  CALL(ppoll, fds, 1L, &brief, &empty, 4L);
  brief = (struct timespec){0, 1000000000};
  CALL(ppoll, fds, 1L, &brief, 0L, 8L);
  int e = CALL(eventfd2, 3, EFD_NONBLOCK);
  unsigned long value = 0;
  CALL(read, e, &value, 8L);
  printf("%lu\n", value);
  CALL(read, e, &value, 8L);
  CALL(read, e, &value, 4L);
  value = 5;
  CALL(write, e, &value, 8L);
  fds[0] = (struct pollfd){e, POLLIN | POLLOUT, 0};
  show_poll(fds, 1, 0);
  CALL(eventfd2, 3, 64);
  CALL(ioctl, file, FIONREAD, &n);
  printf("%d\n", n);
  CALL(ioctl, file, TCGETS, buffer);
  CALL(ioctl, p[0], TCGETS, buffer);
  CALL(ioctl, p[0], TIOCGWINSZ, buffer);
  CALL(ioctl, 99, TCGETS, buffer);
  CALL(ioctl, file, FIOCLEX);
  CALL(fcntl, file, F_GETFD);
  CALL(ioctl, file, FIONCLEX);
  CALL(fcntl, file, F_GETFD);
  n = 1;
  CALL(ioctl, p[0], FIONBIO, &n);
  CALL(read, p[0], buffer, 1L);
  CALL(ioctl, p[0], 0x12345678);
  CALL(fcntl, p[0], F_GETPIPE_SZ);
  return 0;
}
