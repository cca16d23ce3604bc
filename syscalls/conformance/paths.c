// Every system call that takes a path, with every kind of bad path and of bad directory: who is asked first decides the errno.
#include "show.h"
#include <linux/fs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <utime.h>
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static char longest[5000], name_too_long[300];
enum { DOT_DOT = 10, ROOT = 11 };

static const struct place {
  const char *title, *path;
} places[] = {
    {"nothing", "nothing"},
    {"below nothing", "nothing/x"},
    {"file", "file"},
    {"below a file", "file/x"},
    {"file and slash", "file/"},
    {"directory", "dir"},
    {"directory and slash", "dir/"},
    {"full directory", "full"},
    {"new and slash", "new/"},
    {"dot", "dir/."},
    {"dot dot", "dir/.."},
    {"root", "/"},
    {"loop", "loop"},
    {"below a loop", "loop/x"},
    {"dangling link", "dangling"},
    {"link to file", "to-file"},
    {"link to file and slash", "to-file/"},
    {"link to directory", "to-dir"},
    {"link to directory and slash", "to-dir/"},
    {"name too long", name_too_long},
    {"path too long", longest},
    {"empty", ""},
    {"no pointer", (const char *)8},
    {"kernel's pointer", (const char *)-4096},
    {"closed directory", "closed/x"},
    {"directory of another", "others/x"},
    {"sealed", "others"},
};
enum { PLACES = sizeof places / sizeof *places };

// What must not change is spared.
static int is_outside(int place) { return place == DOT_DOT || place == ROOT; }
// The process stays where it is.
static int is_directory(int place) {
  struct stat s;
  return stat(places[place].path, &s) == 0 && S_ISDIR(s.st_mode);
}

static char area[4096];
static struct stat status_now;
static struct timespec now[2] = {{1000, 5}, {2000, 6}};
static struct timeval now_usec[2] = {{1000, 5}, {2000, 6}};
static struct utimbuf now_sec = {1000, 2000};

// Whatever a call made or took: with all kinds of removal, whichever fits.
static void removed(const char *path) {
  if (unlink(path) < 0 && errno != ENOENT) {
    char below[64];
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
      if (entry->d_name[0] != '.') snprintf(below, sizeof below, "%s/%s", path, entry->d_name), removed(below);
    if (directory) closedir(directory);
    rmdir(path);
  }
}

// The same tree before each call that changes it.
static void again(void) {
  const char *const names[] = {"new", "made", "nothing", "dir", "full", "file", "loop", "dangling", "to-file", "to-dir", "others/x"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) removed(names[i]);
  mkdir("dir", 0755), mkdir("full", 0755), mkdir("full/of", 0755), mkdir("closed", 0), mkdir("others", 01755);
  make("file", "content"), make("full/of/x", ""), make("others/x", "");
  symlink("loop", "loop"), symlink("nothing", "dangling"), symlink("file", "to-file"), symlink("dir", "to-dir");
}

#define EACH(call, ...)                                                                                                    \
  do {                                                                                                                     \
    printf("== %s\n", #call "(" #__VA_ARGS__ ")");                                                                          \
    for (int i = 0; i < PLACES; i++) {                                                                                     \
      const char *path = places[i].path;                                                                                   \
      long result = syscall(SYS_##call, ##__VA_ARGS__);                                                                    \
      int error = errno;                                                                                                   \
      if (result < 0) printf("%s: %s\n", places[i].title, strerrorname_np(error));                                         \
      else if (SYS_##call == SYS_open || SYS_##call == SYS_creat || SYS_##call == SYS_openat) close(result), printf("%s: opened\n", places[i].title); \
      else printf("%s: %ld\n", places[i].title, result);                                                                   \
      fflush(stdout);                                                                                                      \
      if (result >= 0 && writes) again();                                                                                  \
    }                                                                                                                      \
  } while (0)

static void all(int writes, int at) {
  EACH(stat, path, &status_now);
  EACH(lstat, path, &status_now);
  EACH(newfstatat, at, path, &status_now, 0);
  EACH(newfstatat, at, path, &status_now, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  EACH(newfstatat, at, path, &status_now, 1);
  EACH(statx, at, path, 0, 0x7ff, area);
  EACH(access, path, R_OK | W_OK);
  EACH(access, path, 9);
  EACH(faccessat, at, path, X_OK);
  EACH(faccessat2, at, path, F_OK, AT_SYMLINK_NOFOLLOW);
  EACH(readlink, path, area, 100L);
  EACH(readlinkat, at, path, area, 3L);
  EACH(readlink, path, area, 0L);
  EACH(statfs, path, area);
  EACH(open, path, O_RDONLY);
  EACH(open, path, O_RDWR | O_NOFOLLOW);
  EACH(open, path, O_RDONLY | O_DIRECTORY);
  EACH(openat, at, path, O_PATH | O_NOFOLLOW);
  EACH(chdir, is_directory(i) ? "." : path);
  EACH(getxattr, path, "user.none", area, 100L);
  EACH(lgetxattr, path, "user.none", area, 100L);
  EACH(listxattr, path, area, 0L);
  if (!writes) return;
  EACH(creat, path, 0600);
  EACH(open, path, O_CREAT | O_EXCL | O_RDWR, 0600);
  EACH(open, path, O_CREAT | O_RDWR | O_TRUNC, 0600);
  EACH(openat, at, path, O_CREAT | O_WRONLY, 0600);
  EACH(mkdir, path, 0700);
  EACH(mkdirat, at, path, 0700);
  EACH(rmdir, is_outside(i) ? "." : path);
  EACH(unlink, path);
  EACH(unlinkat, at, path, 0);
  EACH(unlinkat, at, is_outside(i) ? "." : path, AT_REMOVEDIR);
  EACH(mknod, path, S_IFREG | 0600, 0);
  EACH(mknodat, at, path, S_IFIFO | 0600, 0);
  EACH(mknod, path, S_IFDIR | 0600, 0);
  EACH(symlink, "file", path);
  EACH(symlinkat, "file", at, path);
  EACH(symlink, path, "made");
  EACH(link, "file", path);
  EACH(link, path, "made");
  EACH(linkat, at, path, at, "made", AT_SYMLINK_FOLLOW);
  EACH(linkat, at, path, at, "made", 1);
  EACH(rename, "file", path);
  EACH(rename, i == ROOT ? "dir/." : path, "made");
  EACH(rename, i == ROOT ? "dir/." : path, "dir");
  EACH(renameat, at, "full", at, path);
  EACH(renameat2, at, "file", at, path, RENAME_NOREPLACE);
  EACH(renameat2, at, "dir", at, is_outside(i) ? "." : path, RENAME_EXCHANGE);
  EACH(renameat2, at, "dir", at, path, 8);
  EACH(truncate, path, 3L);
  EACH(truncate, path, -1L);
  EACH(chmod, is_outside(i) ? "." : path, 0755);
  EACH(fchmodat, at, is_outside(i) ? "." : path, 0755);
  EACH(fchmodat2, at, is_outside(i) ? "." : path, 0755, AT_SYMLINK_NOFOLLOW);
  EACH(chown, i == ROOT ? "." : path, -1, -1);
  EACH(lchown, i == ROOT ? "." : path, -1, -1);
  EACH(fchownat, at, i == ROOT ? "." : path, -1, -1, 0);
  EACH(utime, is_outside(i) ? "." : path, &now_sec);
  EACH(utimes, is_outside(i) ? "." : path, now_usec);
  EACH(futimesat, at, is_outside(i) ? "." : path, now_usec);
  EACH(utimensat, at, is_outside(i) ? "." : path, now, 0);
  EACH(utimensat, at, is_outside(i) ? "." : path, now, AT_SYMLINK_NOFOLLOW);
  EACH(setxattr, is_outside(i) ? "." : path, "user.", area, 1L, 0);
  EACH(removexattr, path, "user.none");
}

// Of descriptors that are none, and of one that is no directory, with a path that needs it and one that does not.
static void directories(void) {
  int file = open("file", O_RDONLY);
  const int kinds[] = {-1, 77, file, AT_FDCWD};
  static char absolute[4096], below[5000];
  getcwd(absolute, 4000), strcat(absolute, "/file"), sprintf(below, "%s/x", absolute);
  const char *const names[] = {"new", absolute, ""}, *const titles[] = {"new", "an absolute path", "nothing"};
  for (int k = 0; k < 4; k++)
    for (int n = 0; n < 3; n++) {
      int at = kinds[k];
      const char *path = names[n];
      printf("== directory %d, %s\n", k, titles[n]);
      CALL(newfstatat, at, path, &status_now, 0);
      CALL(statx, at, path, 0, 0x7ff, area);
      CALL(faccessat, at, path, R_OK);
      CALL(readlinkat, at, path, area, 10L);
      CALL(utimensat, at, n == 1 ? below : path, now, 0);
      CALL(utimensat, at, 0L, now, 0);
      CALL(mkdirat, at, path, 0700);
      CALL(unlinkat, at, n == 1 ? below : path, AT_REMOVEDIR);
      CALL(unlinkat, at, n == 1 ? below : path, 0);
      CALL(mknodat, at, path, S_IFREG | 0600, 0);
      CALL(symlinkat, "x", at, path);
      CALL(linkat, at, path, AT_FDCWD, "new/x", 0);
      CALL(linkat, AT_FDCWD, "file", at, path, 0);
      CALL(renameat, at, n == 1 ? below : path, AT_FDCWD, "x");
      CALL(renameat2, AT_FDCWD, "file", at, path, RENAME_NOREPLACE);
      CALL(fchmodat, at, n == 1 ? below : path, 0600);
      CALL(fchownat, at, n == 1 ? below : path, -1, -1, 0);
      CALL(openat, at, n == 1 ? below : path, O_RDONLY);
      CALL(openat, at, n == 1 ? below : path, O_CREAT | O_DIRECTORY, 0600);
      unlink("new"), rmdir("new");
    }
}

int main(void) {
  memset(longest, '/', sizeof longest - 1);
  memset(name_too_long, 'n', sizeof name_too_long - 1);
  umask(022);
  again();
  all(1, AT_FDCWD);
  directories();
  // As somebody who owns nothing here.
  again();
  chmod(".", 0755);
  fflush(stdout);
  if (fork() == 0) {
    setregid(65534, 65534);
    setreuid(65534, 65534);
    printf("== as nobody\n");
    all(0, AT_FDCWD);
    CALL(mkdir, "new", 0700);
    CALL(rmdir, "dir");
    CALL(unlink, "file");
    CALL(rename, "file", "new");
    CALL(renameat2, AT_FDCWD, "file", AT_FDCWD, "dir", RENAME_EXCHANGE);
    CALL(link, "file", "new");
    CALL(symlink, "file", "new");
    CALL(mknod, "new", S_IFIFO | 0600, 0);
    CALL(creat, "new", 0600);
    CALL(creat, "file", 0600);
    CALL(open, "file", O_RDONLY | O_NOATIME);
    CALL(truncate, "file", 0L);
    CALL(chmod, "file", 0777);
    CALL(chown, "file", 65534, 65534);
    CALL(lchown, "to-file", 65534, 65534);
    CALL(utime, "file", &now_sec);
    CALL(utime, "file", 0L);
    CALL(utimes, "file", now_usec);
    CALL(futimesat, AT_FDCWD, "file", now_usec);
    CALL(utimensat, AT_FDCWD, "file", now, 0);
    CALL(setxattr, "file", "user.x", "y", 1L, 0);
    CALL(setxattr, "file", "trusted.x", "y", 1L, 0);
    CALL(chroot, "dir");
    CALL(statfs, "closed/x", area);
    _exit(0);
  }
  wait(0);
  return 0;
}
