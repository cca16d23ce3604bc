// chmod(2), chown(2), umask(2), utimensat(2) and older ones, truncate(2), fallocate(2).
#include "show.h"
#include <utime.h>

static void print(const char *name) {
  struct stat st;
  if (lstat(name, &st) < 0) printf("%s: %s\n", name, strerrorname_np(errno));
  else
    printf("%s: %o %d:%d size %ld atime %ld.%ld mtime %ld.%ld\n", name, st.st_mode, st.st_uid, st.st_gid, (long)st.st_size,
           (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

int main(void) {
  printf("%o\n", umask(0123) & 0);
  CALL(umask, 0777777);
  CALL(umask, 022);
  make("file", "hello");
  symlink("file", "link");
  mkdir("dir", 0755);
  struct timespec times[2] = {{1000, 5}, {2000000000, 999999999}};
  CALL(utimensat, AT_FDCWD, "file", times, 0);
  print("file");
  CALL(chmod, "file", 0642);
  CALL(chmod, "link", 07711);
  CALL(chmod, "missing", 0642);
  CALL(chmod, "", 0642);
  CALL(chmod, "file/x", 0642);
  CALL(fchmodat, 99, "file", 0600);
  CALL(fchmod, 99, 0600);
  int fd = open("file", O_RDWR), readonly = open("file", O_RDONLY);
  CALL(fchmod, readonly, 0100604);
  print("file");
  CALL(chown, "file", -1, -1);
  CALL(chown, "missing", -1, -1);
  CALL(lchown, "link", -1, -1);
  CALL(fchown, fd, -1, -1);
  CALL(fchown, 99, -1, -1);
  CALL(fchownat, fd, "", -1, -1, AT_EMPTY_PATH);
  CALL(fchownat, AT_FDCWD, "link", -1, -1, AT_SYMLINK_NOFOLLOW);
  CALL(fchownat, AT_FDCWD, "link", -1, -1, 1);
  struct timespec omit[2] = {{77, UTIME_OMIT}, {88, 9}}, bad[2] = {{1, 1000000000}, {1, 1}}, none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  CALL(utimensat, AT_FDCWD, "file", omit, 0);
  print("file");
  CALL(utimensat, AT_FDCWD, "file", bad, 0);
  CALL(utimensat, AT_FDCWD, "missing", none, 0);
  CALL(utimensat, AT_FDCWD, "missing", times, 0);
  CALL(utimensat, AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW);
  print("link");
  CALL(utimensat, fd, 0L, times, 0);
  CALL(utimensat, 99, 0L, times, 0);
  CALL(utimensat, AT_FDCWD, 0L, times, 0);
  CALL(utimensat, AT_FDCWD, "file", times, 7);
  CALL(utimensat, AT_FDCWD, "file", (void *)8, 0);
  print("file");
  struct timeval micro[2] = {{10, 20}, {30, 40}}, wrong[2] = {{10, 1000000}, {0, 0}};
  CALL(utimes, "file", micro);
  print("file");
  CALL(utimes, "file", wrong);
  CALL(futimesat, AT_FDCWD, "file", micro);
  struct utimbuf seconds = {5, -6};
  CALL(utime, "file", &seconds);
  print("file");
  CALL(utime, "file", 0L);
  CALL(truncate, "file", 3L);
  CALL(truncate, "file", -1L);
  CALL(truncate, "dir", 3L);
  CALL(truncate, "missing", 3L);
  CALL(ftruncate, fd, 100L);
  CALL(ftruncate, readonly, 100L);
  CALL(ftruncate, 99, 100L);
  CALL(ftruncate, fd, -5L);
  int pipes[2];
  pipe(pipes);
  CALL(ftruncate, pipes[1], 5L);
  CALL(fallocate, fd, 0, 0L, 4096L);
  CALL(fallocate, fd, 0, 0L, 0L);
  CALL(fallocate, fd, 0, -1L, 5L);
  CALL(fallocate, readonly, 0, 0L, 5L);
  CALL(fallocate, 99, 0, 0L, 5L);
  CALL(fallocate, pipes[1], 0, 0L, 5L);
  CALL(fallocate, fd, 0x1000, 0L, 5L);
  struct stat st;
  fstat(fd, &st);
  printf("size %ld\n", (long)st.st_size);
  char zeros[8];
  CALL(pread64, fd, zeros, 8L, 90L);
  printf("%d\n", zeros[0] | zeros[7]);
  return 0;
}
