// What conformance programs print with: one line a call, its result or errno's name. They run in an empty directory.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// The raw call: no C library in between.
#define CALL(name, ...) show(#name "(" #__VA_ARGS__ ")", syscall(SYS_##name, ##__VA_ARGS__))
// Only whether it worked: for results that differ from run to run.
#define WORKS(name, ...) works(#name "(" #__VA_ARGS__ ")", syscall(SYS_##name, ##__VA_ARGS__))

static inline long show(const char *text, long result) {
  int error = errno;
  if (result < 0) printf("%s = -1 %s\n", text, strerrorname_np(error));
  else printf("%s = %ld\n", text, result);
  fflush(stdout);
  errno = error;
  return result;
}

static inline long works(const char *text, long result) {
  int error = errno;
  if (result < 0) printf("%s = -1 %s\n", text, strerrorname_np(error));
  else printf("%s works\n", text);
  fflush(stdout);
  errno = error;
  return result;
}

static inline void make(const char *name, const char *content) {
  int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (write(fd, content, strlen(content)) < 0) abort();
  close(fd);
}
