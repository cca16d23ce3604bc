// openat2(2), preadv2(2), splice(2), tee(2), vmsplice(2), inotify(7), memfd seals, fallocate(2), fcntl(2)'s lesser commands, fchmodat2(2).
#include "show.h"
#include <linux/openat2.h>
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#include <sys/inotify.h>
#include <sys/sendfile.h>

static char buffer[8192];

static long open2(const char *path, unsigned long flags, unsigned long mode, unsigned long resolve) {
  struct open_how how = {flags, mode, resolve};
  printf("%s flags %lx resolve %lx: ", path, flags, resolve);
  long fd = show("openat2", syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
  if (fd >= 0) close(fd);
  return fd;
}

static void events(int fd) {
  long n = read(fd, buffer, sizeof buffer);
  if (n < 0) printf("events: %s\n", strerrorname_np(errno));
  for (long at = 0; at < n;) {
    struct inotify_event *e = (void *)(buffer + at);
    printf("  %d %x %s\n", e->wd, e->mask & ~(IN_OPEN | IN_CLOSE), e->len ? e->name : "");
    at += sizeof *e + e->len;
  }
}

int main(void) {
  make("file", "0123456789");
  mkdir("dir", 0755);
  mkdir("dir/sub", 0755);
  make("dir/inner", "inner");
  symlink("file", "link");
  symlink("dir", "dirlink");
  symlink("/etc", "absolute");
  symlink("../file", "dir/out");
  symlink("loop", "loop");
  struct open_how how = {O_RDONLY};
  CALL(openat2, AT_FDCWD, "file", &how, 23L);
  CALL(openat2, AT_FDCWD, "file", &how, 0L);
  struct { struct open_how how; long more; } longer = {{O_RDONLY}, 0};
  CALL(close, syscall(SYS_openat2, AT_FDCWD, "file", &longer, sizeof longer));
  longer.more = 1;
  CALL(openat2, AT_FDCWD, "file", &longer, sizeof longer);
  CALL(openat2, AT_FDCWD, "file", 8L, sizeof how);
  open2("file", O_RDONLY, 0644, 0);
  open2("file", O_RDONLY, 0, 0x40);
  open2("file", 0x80000000, 0, 0);
  open2("file", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT);
  open2("file", O_PATH | O_RDWR, 0, 0);
  unsigned long resolves[] = {RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS};
  const char *paths[] = {"file", "link", "dir/inner", "dirlink/inner", "absolute/passwd", "/etc/passwd", "dir/out", "dir/../file", "../x", "dir/../../x", "dir/sub/..", "nothing", "file/x", "loop", "/proc/self/exe", "/file", "dir/"};
  for (int r = 0; r < 5; r++)
    for (int p = 0; p < sizeof paths / sizeof *paths; p++) open2(paths[p], O_RDONLY, 0, resolves[r]);
  open2("link", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS);
  open2("made", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH);
  open2("../made", O_CREAT | O_RDWR, 0600, RESOLVE_BENEATH);

  int fd = open("file", O_RDWR), pipes[2], others[2];
  struct iovec iov[2] = {{"AB", 2}, {"CD", 2}}, in[2] = {{buffer, 3}, {buffer + 3, 100}};
  CALL(pwritev2, fd, iov, 2, 2L, 0L, 0x10);
  CALL(pwritev2, fd, iov, 2, 2L, 0L, 2);
  CALL(pwritev2, fd, iov, 2, -1L, 0L, 4);
  CALL(pwritev2, fd, iov, 2, -2L, 0L, 0);
  CALL(lseek, fd, 0L, SEEK_CUR);
  CALL(pwritev2, fd, iov, 2, 0L, 0L, 0x1000);
  CALL(pwritev2, fd, iov, 2, 0L, 0L, 0x30);
  CALL(preadv2, fd, in, 2, 0L, 0L, 0);
  printf("%.14s\n", buffer);
  CALL(preadv2, fd, in, 2, -1L, 0L, 0);
  CALL(preadv2, fd, in, 2, 0L, 0L, 0x1000);
  CALL(preadv2, fd, in, 1025, 0L, 0L, 0);
  CALL(preadv, fd, in, 2, -1L, 0L);
  CALL(preadv2, 99, in, 2, 0L, 0L, 0);

  // Pipes.
  pipe(pipes);
  pipe(others);
  long at = 2;
  CALL(splice, fd, &at, pipes[1], 0L, 5L, 0);
  printf("%ld\n", at);
  CALL(splice, pipes[0], 0L, others[1], 0L, 3L, 0);
  CALL(read, others[0], buffer, 100L);
  printf("%.3s\n", buffer);
  CALL(tee, pipes[0], others[1], 100L, 0);
  CALL(read, others[0], buffer, 100L);
  lseek(fd, 8, SEEK_SET);
  CALL(splice, pipes[0], 0L, fd, 0L, 100L, 0);
  CALL(lseek, fd, 0L, SEEK_CUR);
  CALL(splice, pipes[0], 0L, fd, 0L, 100L, SPLICE_F_NONBLOCK);
  CALL(splice, pipes[0], &at, fd, 0L, 100L, 0);
  CALL(splice, fd, 0L, fd, 0L, 100L, 0);
  CALL(splice, pipes[0], 0L, pipes[1], 0L, 100L, 0);
  CALL(splice, pipes[0], 0L, fd, 0L, 100L, 0x100);
  CALL(splice, 99, 0L, fd, 0L, 100L, 0);
  CALL(splice, fd, 0L, pipes[0], 0L, 100L, 0);
  CALL(splice, fd, 0L, pipes[1], 0L, 0L, 0);
  CALL(splice, open(".", O_RDONLY), 0L, pipes[1], 0L, 10L, 0);
  CALL(tee, fd, pipes[1], 10L, 0);
  CALL(tee, pipes[0], others[1], 10L, SPLICE_F_NONBLOCK);
  CALL(tee, pipes[0], others[1], 0L, 0);
  CALL(tee, 99, others[1], 10L, 0);
  CALL(vmsplice, pipes[1], iov, 2L, 0);
  CALL(vmsplice, pipes[0], in, 1L, 0);
  printf("%.3s\n", buffer);
  CALL(vmsplice, fd, iov, 2L, 0);
  CALL(vmsplice, pipes[1], iov, 2L, 0x100);
  read(pipes[0], buffer, 100);
  close(pipes[1]);
  CALL(splice, pipes[0], 0L, fd, 0L, 100L, 0);
  close(others[0]);
  signal(SIGPIPE, SIG_IGN);
  at = 0;
  CALL(splice, fd, &at, others[1], 0L, 5L, 0);

  // Changes.
  int watcher = CALL(inotify_init1, IN_NONBLOCK | IN_CLOEXEC);
  CALL(inotify_init1, 1);
  CALL(fcntl, watcher, F_GETFL);
  int wd = CALL(inotify_add_watch, watcher, "dir", IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO);
  CALL(inotify_add_watch, watcher, "file", IN_MODIFY | IN_ATTRIB);
  CALL(inotify_add_watch, watcher, "file", IN_MODIFY | IN_ONLYDIR);
  CALL(inotify_add_watch, watcher, "nothing", IN_MODIFY);
  CALL(inotify_add_watch, watcher, "file", 0);
  CALL(inotify_add_watch, watcher, "file", IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE);
  CALL(inotify_add_watch, watcher, "link", IN_ATTRIB | IN_DONT_FOLLOW);
  CALL(inotify_add_watch, fd, "file", IN_MODIFY);
  CALL(inotify_add_watch, 99, "file", IN_MODIFY);
  events(watcher);
  make("dir/new", "x");
  rename("dir/new", "dir/newer");
  unlink("dir/newer");
  pwrite(fd, "x", 1, 0);
  chmod("file", 0600);
  events(watcher);
  CALL(inotify_rm_watch, watcher, wd);
  CALL(inotify_rm_watch, watcher, 99);
  CALL(inotify_rm_watch, fd, 1);
  events(watcher);

  // Seals.
  CALL(memfd_create, "m", 0x100);
  memset(buffer, 'n', 250);
  buffer[250] = 0;
  CALL(memfd_create, buffer, 0);
  int plain = memfd_create("plain", 0), m = memfd_create("sealed", MFD_ALLOW_SEALING);
  CALL(fcntl, plain, F_GET_SEALS);
  CALL(fcntl, plain, F_ADD_SEALS, F_SEAL_WRITE);
  CALL(fcntl, m, F_GET_SEALS);
  CALL(fcntl, fd, F_GET_SEALS);
  CALL(fcntl, fd, F_ADD_SEALS, F_SEAL_GROW);
  write(m, "0123456789", 10);
  CALL(fallocate, m, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2L, 3L);
  CALL(pread64, m, buffer, 10L, 0L);
  printf("%d%d%d\n", buffer[1], buffer[2], buffer[5]);
  CALL(fallocate, m, FALLOC_FL_KEEP_SIZE, 0L, 100L);
  CALL(fallocate, m, FALLOC_FL_ZERO_RANGE, 0L, 100L);
  CALL(fcntl, m, F_ADD_SEALS, 0x1000);
  CALL(fcntl, m, F_ADD_SEALS, F_SEAL_GROW);
  CALL(ftruncate, m, 20L);
  CALL(pwrite64, m, "0123456789", 10L, 5L);
  CALL(ftruncate, m, 5L);
  CALL(fcntl, m, F_ADD_SEALS, F_SEAL_SHRINK);
  CALL(ftruncate, m, 2L);
  char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0);
  CALL(fcntl, m, F_ADD_SEALS, F_SEAL_WRITE);
  munmap(map, 4096);
  CALL(fcntl, m, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL);
  CALL(write, m, "x", 1L);
  CALL(mmap, 0L, 4096L, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0L);
  WORKS(mmap, 0L, 4096L, PROT_READ, MAP_SHARED, m, 0L);
  CALL(fallocate, m, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0L, 1L);
  CALL(fcntl, m, F_ADD_SEALS, F_SEAL_GROW);
  CALL(fcntl, m, F_GET_SEALS);
  CALL(fchmod, plain, 0640);
  struct stat s;
  fstat(plain, &s);
  printf("%o\n", s.st_mode);

  int link_fd = open("link", O_PATH | O_NOFOLLOW);
  CALL(readlinkat, link_fd, "", buffer, 100L);
  CALL(readlinkat, fd, "", buffer, 100L);
  CALL(readlinkat, AT_FDCWD, "", buffer, 100L);
  CALL(readlinkat, 99, "", buffer, 100L);
  CALL(readlinkat, link_fd, "", buffer, 0L);
  dup2(fd, 90);
  dup2(fd, 92);
  CALL(close_range, 90, 99, 4);
  CALL(fcntl, 92, F_GETFD);
  CALL(close_range, 90, 91, 2);
  CALL(fcntl, 90, F_GETFD);
  CALL(fcntl, 92, F_GETFD);
  CALL(close_range, 90, 80, 0);
  CALL(close_range, 90, 99, 8);

  // fcntl.
  unsigned long hint = 9;
  CALL(fcntl, fd, F_GET_RW_HINT, &hint);
  printf("%lu\n", hint);
  CALL(fcntl, fd, F_SET_RW_HINT, &hint);
  hint = 9;
  CALL(fcntl, fd, F_SET_RW_HINT, &hint);
  CALL(fcntl, fd, F_GETLEASE);
  CALL(fcntl, fd, F_GETOWN);
  CALL(fcntl, fd, F_GETSIG);
  CALL(fcntl, fd, F_SETLEASE, 9);
  CALL(fcntl, fd, 9999);
  CALL(fcntl, 99, F_GETFD);
  CALL(fcntl, fd, F_DUPFD, -1);
  CALL(fcntl, fd, F_DUPFD, 1 << 30);
  CALL(fcntl, fd, F_SETPIPE_SZ, 4096);
  pipe(pipes);
  CALL(fcntl, pipes[0], F_SETPIPE_SZ, 5000);
  CALL(fcntl, pipes[1], F_GETPIPE_SZ);
  CALL(fcntl, pipes[0], F_SETPIPE_SZ, 0);
  CALL(fchmodat2, AT_FDCWD, "file", 0640, 0);
  CALL(fchmodat2, AT_FDCWD, "link", 0640, AT_SYMLINK_NOFOLLOW);
  CALL(fchmodat2, fd, "", 0600, AT_EMPTY_PATH);
  CALL(fchmodat2, AT_FDCWD, "file", 0640, 0x8000);
  CALL(fchmodat2, AT_FDCWD, "", 0640, 0);
  stat("file", &s);
  printf("%o\n", s.st_mode);
  CALL(sync_file_range, fd, 0L, 10L, 7);
  CALL(sync_file_range, fd, 0L, 10L, 8);
  CALL(sync_file_range, fd, -1L, 10L, 1);
  CALL(sync_file_range, pipes[0], 0L, 10L, 1);
  CALL(sync_file_range, 99, 0L, 10L, 1);
  int modes[] = {0, 1, 2, 3, 8, 0x10, 0x11, 0x20, 0x40, 0x80};
  for (int i = 0; i < 10; i++) {
    printf("mode %x: ", modes[i]);
    show("fallocate", syscall(SYS_fallocate, fd, modes[i], 0L, 4096L));
    fstat(fd, &s);
    printf("%ld\n", (long)s.st_size);
  }
  CALL(fallocate, fd, 0, -1L, 10L);
  CALL(fallocate, fd, 0, 0L, 0L);
  CALL(fallocate, pipes[0], 0, 0L, 10L);
  CALL(fallocate, open(".", O_RDONLY), 0, 0L, 10L);
  CALL(fallocate, open("file", O_RDONLY), 0, 0L, 10L);
  return 0;
}
