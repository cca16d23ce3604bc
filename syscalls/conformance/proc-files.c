// Files of /proc by descriptor: who may open them, where lseek(2) goes, what writing and mapping say; and symbolic links of one's own to them.
#include "show.h"
#include <sys/prctl.h>

static char buffer[100];

static void use(const char *path) {
  static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_TRUNC, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND, O_PATH, O_RDWR | O_CREAT, O_DIRECTORY};
  printf("%s\n", path);
  for (int i = 0; i < 9; i++) {
    int fd = open(path, flags[i], 0600);
    printf("%o: %s\n", flags[i], fd < 0 ? strerrorname_np(errno) : "open");
    if (fd < 0) continue;
    CALL(read, fd, buffer, 1L);
    CALL(lseek, fd, 0L, SEEK_CUR);
    CALL(lseek, fd, 5L, SEEK_SET);
    CALL(lseek, fd, 0L, SEEK_END);
    CALL(lseek, fd, -1L, SEEK_SET);
    CALL(lseek, fd, 100000L, SEEK_SET);
    CALL(read, fd, buffer, 3L);
    CALL(lseek, fd, 0L, SEEK_DATA);
    CALL(lseek, fd, 0L, SEEK_HOLE);
    CALL(lseek, fd, 0L, 9);
    CALL(lseek, fd, 0L, SEEK_SET);
    CALL(read, fd, 8L, 1L);
    int left = 0;
    CALL(ioctl, fd, FIONREAD, &left);
    printf("%d\n", left);
    WORKS(mmap, 0L, 4096L, PROT_READ, MAP_PRIVATE, fd, 0L);
    WORKS(mmap, 0L, 4096L, PROT_READ, MAP_SHARED, fd, 0L);
    WORKS(mmap, 0L, 4096L, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    CALL(write, fd, "x", 1L);
    CALL(write, fd, "", 0L);
    CALL(ftruncate, fd, 0L);
    CALL(fsync, fd);
    CALL(fchdir, fd);
    CALL(getdents64, fd, buffer, 100L);
    close(fd);
  }
  CALL(open, path, O_CREAT | O_EXCL, 0644);
  CALL(access, path, R_OK);
  CALL(access, path, W_OK);
  CALL(access, path, X_OK);
  CALL(faccessat2, AT_FDCWD, path, W_OK, AT_EACCESS);
  CALL(truncate, path, 0L);
  CALL(chdir, path);
  CALL(readlink, path, buffer, 50L);
}

static void all(void) {
  static const char *const paths[] = {"/proc/cpuinfo", "/proc/self/stat", "/proc/self/maps", "/proc/self/comm", "/proc/self/cmdline", "/proc/self/limits",
                                      "/proc/self/auxv", "/proc/self/environ", "/proc/self/oom_score_adj", "/proc/self/wchan", "/proc/self/status"};
  for (int i = 0; i < sizeof paths / sizeof *paths; i++) use(paths[i]);
}

static void slurp(const char *path, char *into) {
  int fd = open(path, O_RDONLY);
  long n = fd < 0 ? 0 : read(fd, into, 3999);
  into[n < 0 ? 0 : n] = 0;
  close(fd);
}

// The same file under both names.
static void same(const char *link, const char *path) {
  static char one[4000], other[4000];
  struct stat a, b;
  slurp(link, one), slurp(path, other);
  printf("%s: %s\n", link, other[0] == 0 ? "empty" : strcmp(one, other) ? "differs" : "same");
  printf("stat: %d %d %d\n", stat(link, &a) == 0, stat(path, &b) == 0, a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_size == b.st_size && a.st_ino == b.st_ino);
  int fd = open(link, O_PATH);
  fstat(fd, &a);
  printf("O_PATH: %d\n", a.st_ino == b.st_ino);
  close(fd);
}

static void links(void) {
  symlink("/proc/cpuinfo", "cpu");
  symlink("cpu", "again");
  symlink("/proc/self/comm", "comm");
  symlink("/proc/self", "me");
  symlink("/proc/thread-self", "thread");
  symlink("/proc", "all");
  same("cpu", "/proc/cpuinfo");
  same("again", "/proc/cpuinfo");
  same("comm", "/proc/self/comm");
  same("me/status", "/proc/self/status");
  same("me/task/../limits", "/proc/self/limits");
  same("thread/maps", "/proc/thread-self/maps");
  same("all/self/cmdline", "/proc/self/cmdline");
  same("all/cpuinfo", "/proc/cpuinfo");
  same("all/version", "/proc/version");
  same("all/self/mounts", "/proc/self/mounts");
  CALL(open, "cpu", O_NOFOLLOW);
  CALL(open, "cpu", O_DIRECTORY);
  CALL(open, "cpu", O_CREAT | O_EXCL, 0644);
  CALL(open, "me/none", O_RDONLY);
  use("cpu");
  char path[4096], own[40];
  int here = open(".", O_RDONLY);
  sprintf(own, "/proc/%d", getpid());
  CALL(chdir, "me");
  printf("%s\n", getcwd(path, sizeof path) == 0 ? strerrorname_np(errno) : strcmp(path, own) ? "another's" : "own");
  same("status", "/proc/self/status");
  fchdir(here);
  int dir = open("me", O_RDONLY | O_DIRECTORY);
  int fd = openat(dir, "comm", O_WRONLY);
  CALL(write, fd, "renamed", 7L);
  slurp("/proc/self/comm", path);
  printf("%s", path);
  fd = openat(dir, "stat", O_RDONLY);
  read(fd, path, 100);
  printf("%d\n", atoi(path) == getpid());
}

int main(void) {
  all();
  links();
  fflush(stdout);
  if (fork() == 0) {
    links();
    _exit(0);
  }
  wait(0);
  prctl(PR_SET_DUMPABLE, 0);
  struct stat st;
  stat("/proc/self/environ", &st);
  printf("%d\n", st.st_uid);
  if (syscall(SYS_setresuid, 65534, 65534, 65534) != 0) return 0;
  CALL(prctl, PR_GET_DUMPABLE);
  all();
  prctl(PR_SET_DUMPABLE, 1);
  use("/proc/self/environ");
  static const char *const names[] = {"/proc/self", "/proc/self/environ", "/proc/self/fd", "/proc/self/exe"};
  for (int i = 0; i < 8; i++) {
    if (i == 4) syscall(SYS_setfsuid, 65534), prctl(PR_SET_DUMPABLE, 0);
    lstat(names[i % 4], &st);
    printf("%s %d %d\n", names[i % 4], st.st_uid, st.st_gid);
  }
  return 0;
}
