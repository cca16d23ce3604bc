// FIFOs between two processes: whoever comes first waits for the other.
#include "show.h"

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
  return 0;
}
