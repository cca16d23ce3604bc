// stat(2) and its relatives, statx(2), access(2), statfs(2): what is stable of them.
#include "show.h"

static void print(const char *name, int result, const struct stat *st) {
  if (result < 0) printf("%s: %s\n", name, strerrorname_np(errno));
  else if (S_ISDIR(st->st_mode)) printf("%s: directory %o uid %d\n", name, st->st_mode, st->st_uid);
  else
    printf("%s: mode %o nlink %ld size %ld blksize %ld blocks %ld rdev %lx\n", name, st->st_mode, (long)st->st_nlink,
           (long)st->st_size, (long)st->st_blksize, (long)st->st_blocks, (long)st->st_rdev);
}

int main(void) {
  umask(027);
  make("file", "hello world\n");
  mkdir("dir", 0777);
  symlink("file", "link");
  symlink("dir", "to-dir");
  link("file", "twin");
  symlink("nowhere", "dangling");
  symlink("loop", "loop");
  mkfifo("fifo", 0666);
  static const char *names[] = {"file",    "dir",  "link",   "to-dir", "to-dir/", "twin", "dangling", "loop", "fifo", "",
                                "missing", "file/", "file/x", "dir/.",  "dir/..",  "/dev/null", "/", ".", "dir//../file", "link/"};
  struct stat st;
  for (unsigned n = 0; n < sizeof names / sizeof *names; n++) {
    print(names[n], syscall(SYS_stat, names[n], &st), &st);
    print(names[n], syscall(SYS_lstat, names[n], &st), &st);
    print(names[n], syscall(SYS_newfstatat, AT_FDCWD, names[n], &st, AT_SYMLINK_NOFOLLOW), &st);
    CALL(access, names[n], F_OK);
    CALL(access, names[n], X_OK);
    CALL(faccessat, AT_FDCWD, names[n], R_OK | W_OK);
    CALL(faccessat2, AT_FDCWD, names[n], R_OK, AT_SYMLINK_NOFOLLOW);
  }
  int fd = open("file", O_RDWR);
  CALL(fstat, 99, &st);
  CALL(fstat, fd, (struct stat *)8);
  CALL(stat, (char *)8, &st);
  CALL(stat, "file", (struct stat *)8);
  print("empty path", syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH), &st);
  print("empty path, cwd", syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH), &st);
  CALL(newfstatat, fd, "x", &st, 0);
  CALL(newfstatat, 99, "x", &st, 0);
  CALL(newfstatat, fd, "file", &st, 0x40);
  CALL(access, "file", 8);
  CALL(faccessat2, AT_FDCWD, "file", F_OK, 0x40);
  CALL(faccessat2, fd, "", R_OK, AT_EMPTY_PATH);
  struct statx sx;
  memset(&sx, 0xff, sizeof sx);
  CALL(statx, AT_FDCWD, "file", 0, STATX_BASIC_STATS, &sx);
  printf("mask %x mode %o size %ld nlink %d uid %d\n", sx.stx_mask & STATX_BASIC_STATS, sx.stx_mode, (long)sx.stx_size, sx.stx_nlink, sx.stx_uid);
  CALL(statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx);
  CALL(statx, fd, "", 0, STATX_SIZE, &sx);
  CALL(statx, fd, "", 0x6000 | AT_EMPTY_PATH, STATX_SIZE, &sx);
  CALL(statx, fd, "", AT_EMPTY_PATH, 0x80000000u, &sx);
  CALL(statx, AT_FDCWD, "file", 1, STATX_SIZE, &sx);
  fstat(fd, &st);
  statx(AT_FDCWD, "file", 0, STATX_ALL, &sx);
  printf("same times: %d %d\n", st.st_mtim.tv_sec == sx.stx_mtime.tv_sec, st.st_mtim.tv_nsec == sx.stx_mtime.tv_nsec);
  struct stat twin;
  stat("twin", &twin);
  printf("same inode: %d\n", twin.st_ino == st.st_ino && twin.st_dev == st.st_dev);
  struct statfs fs, by_fd;
  CALL(statfs, ".", &fs);
  CALL(fstatfs, fd, &by_fd);
  printf("same file system: %d %lx %ld %ld\n", fs.f_type == by_fd.f_type, (long)fs.f_type, (long)fs.f_bsize, (long)fs.f_namelen);
  CALL(statfs, "missing", &fs);
  CALL(statfs, "", &fs);
  CALL(fstatfs, 99, &fs);
  int pipes[2];
  pipe(pipes);
  fstat(pipes[0], &st);
  printf("pipe %o size %ld\n", st.st_mode & S_IFMT, (long)st.st_size);
  CALL(fstatfs, pipes[0], &fs);
  printf("type %lx\n", (long)fs.f_type);
  return 0;
}
