// Every system call that takes a descriptor, with every kind of descriptor: which of them it refuses, and how.
#include "show.h"
#include <linux/fs.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>

enum { KINDS = 21, FIRST = 50 };
static const char *titles[KINDS] = {"-1", "closed", "reads", "writes", "both", "appends", "path", "path of a directory", "directory", "pipe reads", "pipe writes", "full pipe", "broken pipe", "null", "zero", "full", "eventfd", "epoll", "timerfd", "signalfd", "inotify"};

static char area[8192];

static void place(int kind, int fd) { dup2(fd, FIRST + kind), close(fd); }

// The same descriptors before each call that may change them.
static void again(void) {
  int p[2], q[2], r[2];
  char much[65536];
  for (int kind = 0; kind < KINDS; kind++) close(FIRST + kind);
  make("file", "content of the file");
  mkdir("dir", 0755);
  make("dir/x", "");
  place(2, open("file", O_RDONLY));
  place(3, open("file", O_WRONLY));
  place(4, open("file", O_RDWR));
  place(5, open("file", O_WRONLY | O_APPEND));
  place(6, open("file", O_PATH));
  place(7, open("dir", O_PATH));
  place(8, open("dir", O_RDONLY));
  pipe2(p, O_NONBLOCK), pipe2(q, O_NONBLOCK), pipe2(r, O_NONBLOCK);
  write(p[1], "in the pipe", 11);
  memset(much, 0, sizeof much);
  while (write(q[1], much, sizeof much) > 0) {}
  place(9, p[0]), place(10, p[1]);
  place(11, q[1]);
  dup2(q[0], FIRST + KINDS), close(q[0]);
  close(r[0]), place(12, r[1]);
  place(13, open("/dev/null", O_RDWR));
  place(14, open("/dev/zero", O_RDWR));
  place(15, open("/dev/full", O_RDWR));
  place(16, eventfd(3, EFD_NONBLOCK));
  place(17, epoll_create1(0));
  place(18, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR2);
  place(19, signalfd(-1, &set, SFD_NONBLOCK));
  place(20, inotify_init1(IN_NONBLOCK));
}

static void show_kind(int kind, long result, int numbered) {
  int error = errno;
  if (result < 0) printf("%s: %s\n", titles[kind], strerrorname_np(error));
  else if (numbered) printf("%s: %ld\n", titles[kind], result);
  else printf("%s: works\n", titles[kind]);
  fflush(stdout);
}

#define ALL_KINDS(title, numbered, call, ...)                              \
  do {                                                                     \
    printf("== %s\n", title);                                              \
    again();                                                               \
    for (int kind = 0; kind < KINDS; kind++) {                             \
      int fd = kind == 0 ? -1 : FIRST + kind;                              \
      show_kind(kind, syscall(SYS_##call, ##__VA_ARGS__), numbered);       \
    }                                                                      \
  } while (0)
#define EACH(call, ...) ALL_KINDS(#call "(" #__VA_ARGS__ ")", 1, call, ##__VA_ARGS__)
// Whether, for results that are addresses or numbers of this machine.
#define WHETHER(call, ...) ALL_KINDS(#call "(" #__VA_ARGS__ ")", 0, call, ##__VA_ARGS__)

static void transfers(void) {
  struct iovec two[2] = {{area, 3}, {area + 16, 4}}, bad = {(void *)8, 4}, much = {area, -1};
  long offset = 2, out_offset = 1;
  EACH(read, fd, area, 9L);
  EACH(read, fd, area, 0L);
  EACH(read, fd, 8L, 9L);
  EACH(write, fd, "12345678", 8L);
  EACH(write, fd, area, 0L);
  EACH(write, fd, 8L, 8L);
  EACH(pread64, fd, area, 5L, 3L);
  EACH(pread64, fd, area, 5L, -1L);
  EACH(pwrite64, fd, "hello", 5L, 3L);
  EACH(pwrite64, fd, "hello", 5L, -1L);
  EACH(readv, fd, two, 2L);
  EACH(readv, fd, two, -1L);
  EACH(readv, fd, two, 0L);
  EACH(readv, fd, 8L, 2L);
  EACH(readv, fd, &bad, 1L);
  EACH(readv, fd, &much, 1L);
  EACH(writev, fd, two, 2L);
  EACH(writev, fd, two, 1025L);
  EACH(writev, fd, &bad, 1L);
  EACH(writev, fd, &much, 1L);
  EACH(preadv, fd, two, 2L, 1L, 0L);
  EACH(preadv, fd, two, 2L, -1L, 0L);
  EACH(pwritev, fd, two, 2L, 1L, 0L);
  EACH(preadv2, fd, two, 2L, -1L, 0L, 0L);
  EACH(pwritev2, fd, two, 2L, -1L, 0L, 0L);
  EACH(preadv2, fd, two, 2L, 0L, 0L, 1L << 20);
  EACH(lseek, fd, 3L, SEEK_SET);
  EACH(lseek, fd, 0L, SEEK_CUR);
  EACH(lseek, fd, -100L, SEEK_CUR);
  EACH(lseek, fd, 0L, 9);
  EACH(sendfile, kind == 15 ? -1 : fd, FIRST + 2, &offset, 3L);
  EACH(sendfile, FIRST + 10, kind == 14 || kind == 15 ? -1 : fd, 0L, 3L);
  EACH(sendfile, FIRST + 4, fd, 8L, 3L);
  EACH(splice, fd, 0L, FIRST + 10, 0L, 2L, 2);
  EACH(splice, FIRST + 9, 0L, fd, 0L, 2L, 2);
  EACH(splice, FIRST + 9, &offset, fd, 0L, 2L, 2);
  EACH(splice, fd, &offset, FIRST + 10, 0L, 2L, 2);
  EACH(splice, fd, 0L, FIRST + 10, 0L, 2L, 64);
  EACH(tee, fd, FIRST + 10, 2L, 2);
  EACH(tee, FIRST + 9, fd, 2L, 2);
  EACH(vmsplice, fd, two, 1L, 2);
  EACH(copy_file_range, fd, &offset, FIRST + 3, &out_offset, 2L, 0);
  EACH(copy_file_range, FIRST + 2, &offset, fd, &out_offset, 2L, 0);
  EACH(copy_file_range, FIRST + 2, 0L, fd, 0L, 2L, 1);
}

static void files(void) {
  struct timespec now[2] = {{1000, 5}, {2000, 6}}, wrong[2] = {{1000, 5000000000L}, {0, 0}};
  struct stat status;
  EACH(fstat, fd, area);
  EACH(fstat, fd, 8L);
  EACH(newfstatat, fd, "", area, AT_EMPTY_PATH);
  EACH(statx, fd, "", AT_EMPTY_PATH, 0x7ff, area);
  EACH(fstatfs, fd, area);
  EACH(fstatfs, fd, 8L);
  EACH(ftruncate, fd, 5L);
  EACH(ftruncate, fd, -5L);
  EACH(fallocate, fd, 0, 0L, 30L);
  EACH(fallocate, fd, 1, 0L, 0L);
  EACH(fallocate, fd, 2, 0L, 3L);
  EACH(fallocate, fd, 3, 2L, 3L);
  EACH(fsync, fd);
  EACH(fdatasync, fd);
  EACH(syncfs, fd);
  EACH(sync_file_range, fd, 0L, 10L, 2);
  EACH(sync_file_range, fd, 0L, 10L, 64);
  EACH(fadvise64, fd, 0L, 0L, 3);
  EACH(fadvise64, fd, 0L, 0L, 33);
  EACH(readahead, fd, 0L, 10L);
  EACH(fchmod, fd, 0644);
  EACH(fchown, fd, -1, -1);
  EACH(fchownat, fd, "", -1, -1, AT_EMPTY_PATH);
  EACH(utimensat, fd, 0L, now, 0);
  EACH(utimensat, fd, 0L, wrong, 0);
  EACH(flock, fd, LOCK_SH | LOCK_NB);
  EACH(flock, fd, 77);
  EACH(getdents64, fd, area, 4L);
  EACH(getdents, fd, area, 4L);
  EACH(getdents64, fd, 8L, 100L);
  EACH(fchdir, kind == 7 || kind == 8 ? FIRST + 2 : fd);
  EACH(fgetxattr, fd, "user.none", area, 10L);
  EACH(fsetxattr, fd, "user.", "x", 1L, 0);
  EACH(fsetxattr, fd, "unknown.name", "x", 1L, 0);
  EACH(fsetxattr, fd, "user.x", "x", 1L, 4);
  EACH(flistxattr, fd, area, 0L);
  EACH(flistxattr, fd, 8L, 0L);
  EACH(fremovexattr, fd, "user.none");
  (void)status;
}

static void descriptions(void) {
  struct flock lock = {F_RDLCK, SEEK_SET, 0, 5, 0}, unlock = {F_UNLCK, SEEK_SET, 0, 5, 0}, unknown = {9, SEEK_SET, 0, 5, 0};
  struct flock backwards = {F_WRLCK, SEEK_SET, 0, 5, 0};
  int number = 1;
  EACH(fcntl, fd, F_GETFD);
  EACH(fcntl, fd, F_SETFD, 1L);
  EACH(fcntl, fd, F_GETFL);
  EACH(fcntl, fd, F_SETFL, (long)(O_NONBLOCK | O_APPEND));
  EACH(fcntl, fd, F_GETFL);
  EACH(fcntl, fd, F_GETLK, &lock);
  EACH(fcntl, fd, F_SETLK, &lock);
  EACH(fcntl, fd, F_SETLK, &backwards);
  EACH(fcntl, fd, F_SETLK, &unlock);
  EACH(fcntl, fd, F_SETLK, &unknown);
  EACH(fcntl, fd, F_SETLK, 8L);
  EACH(fcntl, fd, F_GETPIPE_SZ);
  EACH(fcntl, fd, F_SETPIPE_SZ, 4096L);
  EACH(fcntl, fd, F_GET_SEALS);
  EACH(fcntl, fd, F_ADD_SEALS, 1L);
  EACH(fcntl, fd, F_GETOWN);
  EACH(fcntl, fd, F_GETSIG);
  EACH(fcntl, fd, F_SETSIG, 99L);
  EACH(fcntl, fd, 12345);
  WHETHER(dup, fd);
  EACH(dup2, fd, fd);
  EACH(dup2, fd, 900);
  EACH(dup3, fd, 901, 0);
  EACH(dup3, fd, fd, 0);
  EACH(dup3, fd, 902, 1);
  WHETHER(fcntl, fd, F_DUPFD, 200L);
  WHETHER(fcntl, fd, F_DUPFD, 100000000L);
  EACH(ioctl, fd, TCGETS, area);
  EACH(ioctl, fd, TIOCGWINSZ, area);
  EACH(ioctl, fd, FIONREAD, &number);
  EACH(ioctl, fd, FIONBIO, &number);
  EACH(ioctl, fd, FIOCLEX);
  for (int fd = 100; fd < 1000; fd++) close(fd);
}

static void events(void) {
  struct epoll_event event = {EPOLLIN, {.u32 = 5}}, seen[4];
  struct itimerspec time = {{0, 0}, {0, 0}}, wrong = {{0, 0}, {0, -1}};
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR2);
  EACH(epoll_ctl, FIRST + 17, EPOLL_CTL_ADD, fd, &event);
  EACH(epoll_ctl, FIRST + 17, EPOLL_CTL_MOD, fd, &event);
  EACH(epoll_ctl, fd, EPOLL_CTL_ADD, FIRST + 9, &event);
  EACH(epoll_wait, fd, seen, 4, 0);
  EACH(epoll_pwait, fd, seen, 4, 0, 0L, 8L);
  EACH(epoll_pwait2, fd, seen, 4, &time.it_value, 0L, 8L);
  EACH(timerfd_settime, fd, 0, &time, 0L);
  EACH(timerfd_settime, fd, 0, &wrong, 0L);
  EACH(timerfd_gettime, fd, area);
  WHETHER(signalfd4, fd, &set, 8L, 0);
  EACH(inotify_add_watch, fd, "file", IN_MODIFY);
  EACH(inotify_rm_watch, fd, 99);
  printf("== poll and select\n");
  again();
  for (int kind = 0; kind < KINDS; kind++) {
    struct pollfd one = {kind == 0 ? -1 : FIRST + kind, POLLIN | POLLOUT | POLLPRI, 0};
    struct timeval none = {0, 0};
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(FIRST + kind, &reads);
    FD_SET(FIRST + kind, &writes);
    int ready = poll(&one, 1, 0);
    printf("%s: %d %x", titles[kind], ready, one.revents);
    int chosen = select(FIRST + KINDS, &reads, &writes, 0, &none);
    if (chosen < 0) printf(" %s\n", strerrorname_np(errno));
    else printf(" %d %d %d\n", chosen, !!FD_ISSET(FIRST + kind, &reads), !!FD_ISSET(FIRST + kind, &writes));
  }
}

static void mappings(void) {
  WHETHER(mmap, 0L, 4096L, PROT_READ, MAP_PRIVATE, fd, 0L);
  WHETHER(mmap, 0L, 4096L, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
  WHETHER(mmap, 0L, 4096L, PROT_READ, MAP_SHARED, fd, 0L);
  WHETHER(mmap, 0L, 4096L, PROT_READ, MAP_SHARED, fd, 1L);
  WHETHER(mmap, 0L, 4096L, PROT_READ, 0, fd, 0L);
  WHETHER(mmap, 0L, 0L, PROT_READ, MAP_PRIVATE, fd, 0L);
  WHETHER(mmap, 0L, 4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, fd, 0L);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  transfers();
  files();
  descriptions();
  events();
  mappings();
  EACH(close, fd);
  EACH(close_range, fd, fd, 0);
  WHETHER(openat, fd, "x", O_RDONLY);
  return 0;
}
