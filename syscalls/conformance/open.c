// open(2), openat(2), openat2(2), creat(2), close_range(2), dup(2), fcntl(2), lseek(2).
#include "show.h"
#include <linux/openat2.h>

static void flags_of(const char *name, int flags) {
  int fd = open(name, flags, 0600);
  printf("open %s with %#o: %s, F_GETFL %#o, F_GETFD %d\n", name, flags, fd < 0 ? strerrorname_np(errno) : "works",
         fd < 0 ? 0 : fcntl(fd, F_GETFL), fd < 0 ? 0 : fcntl(fd, F_GETFD));
  if (fd >= 0) close(fd);
}

int main(void) {
  umask(022);
  make("file", "hello world\n");
  mkdir("dir", 0755);
  symlink("file", "link");
  symlink("nowhere", "dangling");
  symlink("loop", "loop");
  static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_NONBLOCK, O_WRONLY | O_APPEND, O_RDWR | O_SYNC,
                              O_RDWR | O_DSYNC, O_RDONLY | O_CLOEXEC, O_RDONLY | O_DIRECTORY, O_RDONLY | O_NOFOLLOW,
                              O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY, O_CREAT | O_EXCL | O_WRONLY,
                              O_CREAT | O_WRONLY, O_CREAT | O_DIRECTORY, O_RDONLY | O_NOATIME, O_PATH | O_RDWR | O_CREAT};
  static const char *names[] = {"file", "dir", "link", "dangling2", "loop", "file/x", "nodir/x", "", "dir/", "file/", "/dev/null", "new/"};
  for (unsigned n = 0; n < sizeof names / sizeof *names; n++)
    for (unsigned m = 0; m < sizeof modes / sizeof *modes; m++) flags_of(names[n], modes[m]);
  unlink("dangling2");
  int fd = CALL(open, "created", O_CREAT | O_RDWR | O_EXCL, 0777);
  struct stat st;
  fstat(fd, &st);
  printf("mode %o size %ld\n", st.st_mode, (long)st.st_size);
  CALL(open, "created", O_CREAT | O_RDWR | O_EXCL, 0777);
  CALL(open, "dangling", O_CREAT | O_EXCL | O_RDWR, 0600);
  CALL(open, (char *)8, O_RDONLY);
  CALL(openat, -1, "file", O_RDONLY);
  CALL(openat, 77, "", O_RDONLY);
  CALL(openat, fd, "file", O_RDONLY);
  CALL(openat, -1, "/dev/null", O_RDONLY);
  char *big = malloc(6000);
  memset(big, 'x', 5999);
  big[5999] = 0;
  CALL(open, big, O_RDONLY);
  big[300] = 0;
  CALL(open, big, O_RDONLY);
  CALL(creat, "made", 0666);
  CALL(write, fd, "0123456789", 10L);
  CALL(lseek, fd, 3L, SEEK_SET);
  CALL(lseek, fd, -4L, SEEK_CUR);
  CALL(lseek, fd, -4L, SEEK_END);
  CALL(lseek, fd, 0L, 9);
  CALL(lseek, fd, 100L, SEEK_SET);
  CALL(write, fd, "x", 1L);
  CALL(lseek, fd, 0L, SEEK_END);
  CALL(lseek, fd, 500L, SEEK_DATA);
  CALL(lseek, 99, 0L, SEEK_SET);
  char buffer[64];
  CALL(pread64, fd, buffer, 20L, 95L);
  CALL(pread64, fd, buffer, 20L, -1L);
  CALL(pwrite64, fd, "ab", 2L, 2L);
  CALL(pread64, fd, buffer, 6L, 0L);
  printf("%.6s\n", buffer);
  CALL(read, fd, (char *)8, 4L);
  CALL(lseek, fd, 0L, SEEK_SET);
  CALL(read, fd, (char *)8, 4L);
  CALL(read, fd, buffer, 0L);
  CALL(write, fd, (char *)8, 4L);
  struct iovec parts[3] = {{buffer, 3}, {buffer + 10, 0}, {buffer + 20, 4}};
  CALL(readv, fd, parts, 3L);
  CALL(preadv, fd, parts, 3L, 1L, 0L);
  CALL(pwritev, fd, parts, 3L, 30L, 0L);
  CALL(writev, fd, parts, -1L);
  CALL(writev, fd, parts, 1025L);
  CALL(writev, fd, parts, 0L);
  CALL(preadv2, fd, parts, 3L, 1L, 0L, 0L);
  CALL(preadv2, fd, parts, 3L, -1L, 0L, 0L);
  CALL(pwritev2, fd, parts, 3L, 1L, 0L, 0x1000L);
  int other = CALL(dup, fd);
  CALL(dup2, fd, 40);
  CALL(dup2, fd, fd);
  CALL(dup2, 99, 99);
  CALL(dup2, 99, 5);
  CALL(dup3, fd, fd, 0);
  CALL(dup3, fd, 41, O_CLOEXEC);
  CALL(dup3, fd, 42, 1);
  CALL(dup3, fd, -1, 0);
  CALL(fcntl, 41, F_GETFD);
  CALL(fcntl, 41, F_SETFD, 0);
  CALL(fcntl, 41, F_GETFD);
  CALL(fcntl, fd, F_DUPFD, 30);
  CALL(fcntl, fd, F_DUPFD_CLOEXEC, 30);
  CALL(fcntl, 31, F_GETFD);
  CALL(fcntl, fd, F_DUPFD, -1);
  CALL(fcntl, fd, F_SETFL, O_APPEND | O_NONBLOCK | O_RDWR | O_CREAT);
  CALL(fcntl, other, F_GETFL);
  CALL(fcntl, fd, 12345, 0);
  CALL(fcntl, 99, F_GETFL);
  CALL(lseek, fd, 0L, SEEK_SET);
  CALL(write, fd, "tail", 4L);
  CALL(lseek, other, 0L, SEEK_CUR);
  CALL(close, other);
  CALL(close, other);
  CALL(close_range, 40, 41, 0);
  CALL(fcntl, 40, F_GETFD);
  CALL(close_range, 30, 20, 0);
  CALL(close_range, 30, 31, CLOSE_RANGE_CLOEXEC);
  CALL(fcntl, 30, F_GETFD);
  CALL(close_range, 30, 31, 64);
  struct open_how how = {.flags = O_RDONLY};
  WORKS(openat2, AT_FDCWD, "file", &how, sizeof how);
  CALL(openat2, AT_FDCWD, "file", &how, 8L);
  how.mode = 0600;
  CALL(openat2, AT_FDCWD, "file", &how, sizeof how);
  how.mode = 0;
  how.flags = 1ull << 40;
  CALL(openat2, AT_FDCWD, "file", &how, sizeof how);
  int readonly = open("file", O_RDONLY), writeonly = open("file", O_WRONLY), path = open("file", O_PATH);
  CALL(write, readonly, "x", 1L);
  CALL(read, writeonly, buffer, 1L);
  CALL(read, path, buffer, 1L);
  CALL(write, path, buffer, 1L);
  CALL(lseek, path, 0L, SEEK_SET);
  CALL(ftruncate, path, 0L);
  CALL(fchmod, path, 0600);
  CALL(fcntl, path, F_GETFL);
  CALL(fcntl, path, F_SETFL, 0);
  WORKS(fstat, path, &st);
  int directory = open("dir", O_RDONLY);
  CALL(read, directory, buffer, 1L);
  CALL(lseek, directory, 0L, SEEK_SET);
  CALL(openat, directory, "../file", O_WRONLY | O_TRUNC);
  rename("dir", "moved");
  WORKS(openat, directory, "inside", O_CREAT | O_WRONLY, 0600);
  CALL(access, "moved/inside", F_OK);
  return 0;
}
