// fsync(2), flock(2), posix_fadvise(2), copy_file_range(2), sendfile(2), locks of fcntl(2).
#include "show.h"

static void lock(int fd, int command, int type, long start, long length) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  int result = fcntl(fd, command, &l);
  if (result < 0) printf("lock %d type %d %ld+%ld: %s\n", command, type, start, length, strerrorname_np(errno));
  else if (command == F_GETLK) printf("getlk type %d: found type %d %ld+%ld\n", type, l.l_type, l.l_type == F_UNLCK ? 0 : (long)l.l_start, l.l_type == F_UNLCK ? 0 : (long)l.l_len);
  else printf("lock %d type %d %ld+%ld works\n", command, type, start, length);
  fflush(stdout);
}

int main(void) {
  make("file", "0123456789abcdefghij");
  int fd = open("file", O_RDWR), other = open("file", O_RDWR), out = open("out", O_CREAT | O_RDWR, 0600), pipes[2];
  pipe(pipes);
  CALL(fsync, fd);
  CALL(fdatasync, fd);
  CALL(fsync, 99);
  CALL(fsync, pipes[0]);
  CALL(syncfs, fd);
  CALL(sync);
  CALL(fadvise64, fd, 0L, 0L, 2);
  CALL(fadvise64, fd, 0L, 0L, 9);
  CALL(fadvise64, pipes[0], 0L, 0L, 2);
  CALL(fadvise64, 99, 0L, 0L, 2);
  CALL(readahead, fd, 0L, 10L);
  CALL(flock, fd, LOCK_SH | LOCK_NB);
  CALL(flock, other, LOCK_SH | LOCK_NB);
  CALL(flock, other, LOCK_EX | LOCK_NB);
  CALL(flock, fd, LOCK_UN);
  CALL(flock, other, LOCK_EX | LOCK_NB);
  CALL(flock, fd, LOCK_SH | LOCK_NB);
  CALL(flock, fd, LOCK_UN);
  CALL(flock, fd, 77);
  CALL(flock, 99, LOCK_SH);
  close(other);
  CALL(flock, fd, LOCK_EX);
  CALL(flock, fd, LOCK_UN);
  lock(fd, F_SETLK, F_WRLCK, 5, 10);
  lock(fd, F_GETLK, F_WRLCK, 0, 0);
  lock(fd, F_SETLK, F_UNLCK, 7, 2);
  if (fork() == 0) {
    lock(fd, F_GETLK, F_RDLCK, 0, 0);
    lock(fd, F_GETLK, F_RDLCK, 7, 2);
    lock(fd, F_GETLK, F_RDLCK, 8, 0);
    lock(fd, F_SETLK, F_RDLCK, 0, 6);
    lock(fd, F_SETLK, F_RDLCK, 0, 5);
    exit(0);
  }
  wait(0);
  lock(fd, F_SETLK, F_WRLCK, 0, 0);
  lock(fd, F_SETLK, 9, 0, 0);
  lock(open("file", O_RDONLY), F_SETLK, F_WRLCK, 0, 0);
  if (fork() == 0) {
    struct flock wanted = {.l_type = F_WRLCK, .l_len = 1};
    exit(fcntl(fd, F_SETLKW, &wanted) == 0 ? 7 : 8);
  }
  usleep(20000);
  lock(fd, F_SETLK, F_UNLCK, 0, 0);
  int status;
  wait(&status);
  printf("%x\n", status);
  long in_at = 5, out_at = 2;
  CALL(copy_file_range, fd, &in_at, out, &out_at, 10L, 0);
  printf("%ld %ld\n", in_at, out_at);
  CALL(copy_file_range, fd, 0L, out, 0L, 4L, 0);
  CALL(copy_file_range, fd, 0L, out, 0L, 100L, 0);
  CALL(copy_file_range, fd, 0L, out, 0L, 100L, 0);
  CALL(copy_file_range, fd, 0L, out, 0L, 100L, 1);
  CALL(copy_file_range, fd, 0L, pipes[1], 0L, 1L, 0);
  CALL(copy_file_range, 99, 0L, pipes[1], 0L, 1L, 0);
  char buffer[64] = "";
  CALL(pread64, out, buffer, 60L, 0L);
  for (int i = 0; i < 30; i++) putchar(buffer[i] ? buffer[i] : '.');
  puts("");
  lseek(fd, 15, SEEK_SET);
  CALL(sendfile, pipes[1], fd, 0L, 100L);
  in_at = 0;
  CALL(sendfile, pipes[1], fd, &in_at, 7L);
  printf("%ld\n", in_at);
  CALL(read, pipes[0], buffer, 60L);
  printf("%.12s\n", buffer);
  CALL(sendfile, fd, pipes[0], 0L, 5L);
  CALL(sendfile, pipes[1], 99, 0L, 5L);
  CALL(sendfile, pipes[0], fd, 0L, 5L);
  lseek(fd, 0, SEEK_SET);
  CALL(sendfile, out, fd, 0L, 5L);
  CALL(lseek, fd, 0L, SEEK_CUR);
  return 0;
}
