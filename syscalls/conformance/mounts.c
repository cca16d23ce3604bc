// What read-only mounts forbid, and what does not go from one mount to another. `ro` and `rw` are the same directory where a test mounts them so;
// without mounts they are three directories.
#include "show.h"
#include <sys/xattr.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

static char text[200];
static const char *in(const char *mount, const char *name) {
  static char paths[4][100];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, 100, "%s/%s", mount, name);
  return path;
}

static long say(const char *what, const char *mount, const char *name, long result) {
  snprintf(text, sizeof text, "%s %s/%s", what, mount, name);
  return result < 0 ? show(text, result) : works(text, result);
}

static void set_up(const char *mount) {
  if (access(mount, F_OK) == 0 && access(mount, W_OK) != 0) return;
  mkdir(mount, 0755);
  make(in(mount, "f"), "content");
  mkfifo(in(mount, "p"), 0644);
  mkdir(in(mount, "d"), 0755);
  make(in(mount, "d/x"), "");
  symlink("f", in(mount, "l"));
  symlink("nowhere", in(mount, "hang"));
}

static void by_path(const char *mount) {
  static const char *const names[] = {"f", "p", "d", "l", "hang", "missing", "missing/x", "f/x", "d/", "f/", "missing/", "."};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *name = names[i], *path = in(mount, name);
    say("chmod", mount, name, syscall(SYS_chmod, path, 0755));
    say("lchown", mount, name, syscall(SYS_lchown, path, -1, -1));
    say("chown", mount, name, syscall(SYS_chown, path, -1, -1));
    say("utimensat", mount, name, syscall(SYS_utimensat, AT_FDCWD, path, NULL, 0));
    say("utimensat nofollow", mount, name, syscall(SYS_utimensat, AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW));
    say("truncate", mount, name, syscall(SYS_truncate, path, 3L));
    say("access W", mount, name, syscall(SYS_access, path, W_OK));
    say("access R", mount, name, syscall(SYS_access, path, R_OK));
    say("setxattr", mount, name, syscall(SYS_setxattr, path, "user.a", "v", 1L, 0));
    say("lsetxattr", mount, name, syscall(SYS_lsetxattr, path, "trusted.a", "v", 1L, 0));
    say("removexattr", mount, name, syscall(SYS_removexattr, path, "trusted.none"));
    static const struct { const char *what; int flags; } opens[] = {
      {"O_RDONLY", O_RDONLY}, {"O_WRONLY", O_WRONLY | O_NONBLOCK}, {"O_RDWR", O_RDWR}, {"O_RDONLY|O_TRUNC", O_RDONLY | O_TRUNC},
      {"O_RDONLY|O_CREAT", O_RDONLY | O_CREAT | O_NONBLOCK}, {"O_RDWR|O_CREAT|O_EXCL", O_RDWR | O_CREAT | O_EXCL}, {"O_PATH", O_PATH},
      {"O_TMPFILE", O_TMPFILE | O_RDWR}, {"O_DIRECTORY", O_DIRECTORY}, {"O_NOFOLLOW|O_WRONLY", O_NOFOLLOW | O_WRONLY | O_NONBLOCK},
    };
    for (size_t j = 0; j < sizeof opens / sizeof *opens; j++) {
      int there = access(path, F_OK) == 0;
      long fd = say(opens[j].what, mount, name, syscall(SYS_openat, AT_FDCWD, path, opens[j].flags | O_NONBLOCK, 0644));
      if (fd >= 0) close(fd);
      if (fd >= 0 && !there && j != 7) { unlink(path); unlink(in(mount, "nowhere")); }
    }
  }
}

static void making(const char *mount) {
  static const char *const names[] = {"new", "f", "d", "l", "hang", "missing/x", "f/x", "new/", "d/", "f/", ".", "d/."};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *name = names[i], *path = in(mount, name);
    if (say("mkdir", mount, name, syscall(SYS_mkdir, path, 0755)) == 0) rmdir(path);
    if (say("mknod", mount, name, syscall(SYS_mknod, path, S_IFREG | 0644, 0)) == 0) unlink(path);
    if (say("symlink", mount, name, syscall(SYS_symlink, "x", path)) == 0) unlink(path);
    say("unlink", mount, name, i == 0 || i > 4 ? syscall(SYS_unlink, path) : syscall(SYS_unlinkat, AT_FDCWD, path, 1));
    say("rmdir", mount, name, syscall(SYS_rmdir, path));
  }
}

static void between(const char *from, const char *to) {
  static const char *const olds[] = {"f", "d", "l", "missing", "p", "missing/x"};
  static const char *const news[] = {"new", "f", "d", "missing/x", "new/", "."};
  char line[200];
  for (size_t i = 0; i < sizeof olds / sizeof *olds; i++)
    for (size_t j = 0; j < sizeof news / sizeof *news; j++) {
      const char *old = in(from, olds[i]), *new = in(to, news[j]);
      snprintf(line, sizeof line, "link %s %s", old, new);
      if (show(line, syscall(SYS_link, old, new)) == 0) unlink(new);
      snprintf(line, sizeof line, "linkat follow %s %s", old, new);
      if (show(line, syscall(SYS_linkat, AT_FDCWD, old, AT_FDCWD, new, AT_SYMLINK_FOLLOW)) == 0) unlink(new);
      if (strcmp(from, to) == 0 && strcmp(from, "ro") != 0) continue;
      snprintf(line, sizeof line, "rename %s %s", old, new);
      show(line, syscall(SYS_rename, old, new));
      snprintf(line, sizeof line, "renameat2 exchange %s %s", old, new);
      show(line, syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, RENAME_EXCHANGE));
      snprintf(line, sizeof line, "renameat2 noreplace %s %s", old, new);
      show(line, syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, RENAME_NOREPLACE));
    }
  static const char *const names[] = {"f", "p", "l"};
  for (size_t i = 0; i < 3; i++) {
    int fd = open(in(from, names[i]), O_PATH | O_NOFOLLOW);
    for (size_t j = 0; j < sizeof news / sizeof *news; j++) {
      const char *new = in(to, news[j]);
      snprintf(line, sizeof line, "linkat empty %s/%s %s", from, names[i], new);
      if (show(line, syscall(SYS_linkat, fd, "", AT_FDCWD, new, AT_EMPTY_PATH)) == 0) unlink(new);
    }
    close(fd);
  }
}

static void changes(const char *mount, const char *name, int fd) {
  say("fchmod", mount, name, syscall(SYS_fchmod, fd, 0640));
  say("fchown", mount, name, syscall(SYS_fchown, fd, -1, -1));
  say("futimens", mount, name, syscall(SYS_utimensat, fd, NULL, NULL, 0));
  say("fchownat empty", mount, name, syscall(SYS_fchownat, fd, "", -1, -1, AT_EMPTY_PATH));
  say("fsetxattr", mount, name, syscall(SYS_fsetxattr, fd, "trusted.a", "v", 1L, 0));
  say("fremovexattr", mount, name, syscall(SYS_fremovexattr, fd, "trusted.a"));
  say("ftruncate", mount, name, syscall(SYS_ftruncate, fd, 5L));
  say("fallocate", mount, name, syscall(SYS_fallocate, fd, 0, 0L, 5L));
  say("write", mount, name, syscall(SYS_write, fd, "x", 1L));
  say("flock", mount, name, syscall(SYS_flock, fd, LOCK_EX | LOCK_NB));
  say("fsync", mount, name, syscall(SYS_fsync, fd));
  void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  say("mmap shared to write", mount, name, shared == MAP_FAILED ? -1 : 0);
  if (shared != MAP_FAILED) munmap(shared, 4096);
  shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  say("mmap shared to read", mount, name, shared == MAP_FAILED ? -1 : 0);
  if (shared != MAP_FAILED) {
    say("mprotect", mount, name, syscall(SYS_mprotect, shared, 4096L, PROT_READ | PROT_WRITE));
    munmap(shared, 4096);
  }
  static const int again[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_TRUNC, O_PATH};
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  for (size_t i = 0; i < 6; i++) {
    long other = syscall(SYS_open, path, again[i] | O_NONBLOCK, 0);
    char what[40];
    snprintf(what, sizeof what, "again %o", again[i]);
    say(what, mount, name, other);
    if (other < 0) continue;
    say("again: fchmod", mount, name, syscall(SYS_fchmod, other, 0640));
    say("again: fsetxattr", mount, name, syscall(SYS_fsetxattr, other, "trusted.b", "v", 1L, 0));
    close(other);
  }
  static const char *const by[] = {"", "/."};
  for (size_t i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "/proc/self/fd/%d%s", fd, by[i]);
    say("chmod by proc", mount, name, syscall(SYS_chmod, path, 0755));
    say("truncate by proc", mount, name, syscall(SYS_truncate, path, 2L));
    say("access by proc", mount, name, syscall(SYS_access, path, W_OK));
    say("setxattr by proc", mount, name, syscall(SYS_setxattr, path, "trusted.c", "v", 1L, 0));
  }
  say("faccessat2", mount, name, syscall(SYS_faccessat2, fd, "", W_OK, AT_EMPTY_PATH));
}

// The same files, opened by one mount while they are open by the other.
static void by_descriptor(const char *first, const char *second) {
  printf("first %s then %s\n", first, second);
  static const struct { const char *name; int flags; } files[] = {
    {"f", O_RDONLY}, {"f", O_RDWR}, {"p", O_RDONLY | O_NONBLOCK}, {"p", O_RDWR}, {"d", O_RDONLY}, {"f", O_PATH}, {"p", O_PATH}, {"l", O_PATH | O_NOFOLLOW},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    int one = open(in(first, files[i].name), files[i].flags);
    int two = open(in(second, files[i].name), files[i].flags);
    printf("%s %o: %d %d\n", files[i].name, files[i].flags, one >= 0, two >= 0);
    if (one >= 0) changes(first, files[i].name, one);
    if (two >= 0) changes(second, files[i].name, two);
    close(one);
    close(two);
  }
}

// A file mapped by the read-only mount first is written through the other.
static void mapped(void) {
  int ro = open("ro/f", O_RDONLY), rw = open("rw/f", O_RDWR);
  char *seen = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
  char *written = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, rw, 0);
  close(ro);
  close(rw);
  ftruncate(rw = open("rw/f", O_RDWR), 100);
  memcpy(written, "WRITTEN", 7);
  char buffer[8] = "";
  pread(rw, buffer, 7, 0);
  printf("%s %d\n", buffer, memcmp(seen, "WRITTEN", 7) == 0);
  munmap(written, 4096);
  munmap(seen, 4096);
  close(rw);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  set_up("rw");
  set_up("other");
  if (access("ro/f", F_OK) != 0) set_up("ro");
  static const char *const mounts[] = {"rw", "ro", "other"};
  for (int i = 0; i < 3; i++) {
    by_path(mounts[i]);
    set_up(mounts[i]);
    making(mounts[i]);
    set_up(mounts[i]);
  }
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      between(mounts[i], mounts[j]);
      set_up(mounts[j]);
      set_up(mounts[i]);
    }
  by_descriptor("ro", "rw");
  by_descriptor("rw", "ro");
  by_descriptor("rw", "other");
  mapped();
  CALL(rmdir, "ro");
  CALL(rename, "other", "elsewhere");
  return 0;
}
