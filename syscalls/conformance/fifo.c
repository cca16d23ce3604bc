// FIFOs between two processes: whoever comes first waits for the other.
#include "show.h"
#include <sys/time.h>
#include <time.h>

static void child(const char *what, int flags, int delay, const char *text) {
  fflush(stdout);
  if (fork() != 0) return;
  usleep(delay);
  int fd = open("fifo", flags);
  if (fd < 0) _exit(1);
  if (text != 0 && write(fd, text, strlen(text)) < 0) _exit(2);
  char buffer[100];
  long total = 0, got;
  while (text == 0 && (got = read(fd, buffer, sizeof buffer)) > 0) total += got;
  _exit(text == 0 ? total : 0);
}

static void finish(void) {
  int status;
  wait(&status);
  printf("child %d\n", WEXITSTATUS(status));
}

static void on_alarm(int signal) {}

int main(void) {
  char buffer[100] = "";
  CALL(mknod, "fifo", S_IFIFO | 0600, 0);
  CALL(open, "fifo", O_WRONLY | O_NONBLOCK);
  int fd = open("fifo", O_RDONLY | O_NONBLOCK);
  CALL(read, fd, buffer, 10L);
  close(fd);
  child("late writer", O_WRONLY, 30000, "hello");
  fd = open("fifo", O_RDONLY);
  CALL(read, fd, buffer, 100L);
  printf("%s\n", buffer);
  CALL(read, fd, buffer, 100L);
  close(fd);
  finish();
  child("late reader", O_RDONLY, 30000, 0);
  fd = open("fifo", O_WRONLY);
  CALL(write, fd, "0123456789", 10L);
  close(fd);
  finish();
  fd = open("fifo", O_RDWR);
  CALL(write, fd, "both", 4L);
  CALL(read, fd, buffer, 100L);
  CALL(lseek, fd, 0L, SEEK_SET);
  struct stat st;
  fstat(fd, &st);
  printf("%o\n", st.st_mode);
  close(fd);
  // Opening for reading waits for a writer, even one that says nothing.
  struct timespec before, after;
  fflush(stdout);
  if (fork() == 0) {
    usleep(60000);
    fd = open("fifo", O_WRONLY);
    usleep(60000);
    _exit(0);
  }
  clock_gettime(CLOCK_MONOTONIC, &before);
  fd = open("fifo", O_RDONLY);
  clock_gettime(CLOCK_MONOTONIC, &after);
  double msec = (after.tv_sec - before.tv_sec) * 1e3 + (after.tv_nsec - before.tv_nsec) / 1e6;
  printf("%s\n", msec < 50 ? "did not wait" : "waited");
  CALL(fcntl, fd, F_SETFL, O_NONBLOCK);
  CALL(read, fd, buffer, 10L);
  wait(0);
  CALL(read, fd, buffer, 10L);
  close(fd);
  // A signal ends the wait, and then nobody has the FIFO open.
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, 0);
  struct itimerval soon = {.it_value.tv_usec = 30000};
  setitimer(ITIMER_REAL, &soon, 0);
  CALL(open, "fifo", O_RDONLY);
  CALL(open, "fifo", O_WRONLY | O_NONBLOCK);
  // Opened again by a descriptor of it, it waits as well.
  int named = open("fifo", O_PATH), silent = open("fifo", O_RDONLY | O_NONBLOCK);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", named);
  child("late writer", O_WRONLY, 30000, "hi");
  fd = open(path, O_RDONLY);
  CALL(read, fd, buffer, 100L);
  CALL(read, fd, buffer, 100L);
  close(fd);
  finish();
  snprintf(path, sizeof path, "/dev/fd/%d", silent);
  child("late writer", O_WRONLY, 30000, "ho");
  fd = open(path, O_RDONLY);
  CALL(read, fd, buffer, 100L);
  finish();
  close(fd), close(silent);
  snprintf(path, sizeof path, "/proc/self/fd/%d", named);
  CALL(open, path, O_WRONLY | O_NONBLOCK);
  child("late reader", O_RDONLY, 30000, 0);
  fd = open(path, O_WRONLY);
  CALL(write, fd, "0123", 4L);
  close(fd);
  finish();
  return 0;
}
