// Extended attributes of the user namespace.
#include "show.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/xattr.h>
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#endif

static char value[300];

static void of(const char *path, const char *name) {
  printf("%s %s\n", path, name);
  CALL(getxattr, path, name, value, 100L);
  CALL(setxattr, path, name, "v", 1L, 0);
  CALL(removexattr, path, name);
  CALL(lgetxattr, path, name, value, 100L);
  CALL(lsetxattr, path, name, "v", 1L, 0);
  CALL(lremovexattr, path, name);
}

static void of_descriptor(const char *what, int fd) {
  static const char *const names[] = {"user.a", "trusted.a", "security.a", "other.a"};
  for (int i = 0; i < 4; i++) {
    printf("%s %s\n", what, names[i]);
    CALL(fgetxattr, fd, names[i], value, 100L);
    CALL(fsetxattr, fd, names[i], "v", 1L, 0);
    CALL(fgetxattr, fd, names[i], value, 100L);
    CALL(flistxattr, fd, value, 100L);
    CALL(fremovexattr, fd, names[i]);
  }
  for (int mode = 0; mode < 8; mode++) CALL(faccessat2, fd, "", mode, AT_EMPTY_PATH);
  close(fd);
}

// The processes' own files, and what has no name.
static void more(void) {
  static const char *const paths[] = {"/proc/self/stat", "/proc/self/comm", "/proc/self",    "/proc/self/fd", "/proc/self/fd/0",
                                      "/proc/self/cwd",  "/proc/self/task", "/proc/cpuinfo", "/proc",         "/proc/self/fdinfo/0"};
  static const char *const names[] = {"user.a", "trusted.a", "security.a", "other.a"};
  // Who may see another's descriptors is for the host to say, and the last is one of them.
  for (int i = 0; i < (geteuid() == 0 ? 10 : 9); i++) {
    // What it leads to has its own.
    if (i != 4 && i != 5)
      for (int name = 0; name < 4; name++) of(paths[i], names[name]);
    CALL(lgetxattr, paths[i], "user.a", value, 100L);
    CALL(lsetxattr, paths[i], "user.a", "v", 1L, 0);
    CALL(lsetxattr, paths[i], "other.a", "v", 1L, 0);
    CALL(llistxattr, paths[i], value, 100L);
  }
  int pipes[2];
  pipe(pipes);
  of_descriptor("pipe", pipes[0]);
  of_descriptor("pipe to write to", pipes[1]);
  of_descriptor("memfd", memfd_create("m", 0));
  of_descriptor("memfd without execution", memfd_create("m", MFD_NOEXEC_SEAL));
  of_descriptor("eventfd", eventfd(0, 0));
  of_descriptor("epoll", epoll_create1(0));
  of_descriptor("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
  of_descriptor("inotify", inotify_init());
  of_descriptor("device", open("/dev/null", O_RDWR));
  of_descriptor("stat", open("/proc/self/stat", O_RDONLY));
  of_descriptor("fd", open("/proc/self/fd", O_RDONLY));
  int memory = memfd_create("m", MFD_ALLOW_SEALING);
  fchmod(memory, 0);
  of_descriptor("memfd that nobody may use", memory);
}

// Names are bytes, of 1 to 255.
static void names(const char *path) {
  char name[5000] = "user.\xff\xc3\xa9\x80", list[300] = "";
  CALL(setxattr, path, name, "v", 1L, 0);
  CALL(getxattr, path, name, value, 100L);
  long length = CALL(listxattr, path, list, 300L);
  for (long i = 0; i < length; i++) printf("%02x", (unsigned char)list[i]);
  puts("");
  CALL(getxattr, path, "user.\xfe\xc3\xa9\x80", value, 100L);
  CALL(removexattr, path, name);
  // Each of these characters is two bytes.
  for (int i = 5; i < 255; i += 2) memcpy(name + i, "\xc3\xa9", 3);
  CALL(setxattr, path, name, "v", 1L, 0);
  CALL(removexattr, path, name);
  memcpy(name + 253, "\xc3\xa9z", 4);
  CALL(setxattr, path, name, "v", 1L, 0);
  CALL(getxattr, path, name, value, 100L);
  memset(name, 'x', 4999);
  CALL(setxattr, path, name, "v", 1L, 0);
  CALL(getxattr, path, name, value, 100L);
  CALL(removexattr, path, name);
  CALL(setxattr, path, 8L, "v", 1L, 0);
  CALL(setxattr, path, "", 8L, 1L, 0);
  CALL(setxattr, path, "user.x", "v", 65537L, 0);
  CALL(memfd_create, name, 0);
  name[250] = 0;
  CALL(memfd_create, name, 0);
  name[249] = 0;
  WORKS(memfd_create, name, 0);
}

int main(void) {
  make("file", "x");
  symlink("file", "link");
  char buffer[100] = "";
  CALL(getxattr, "file", "user.a", buffer, 100L);
  if (CALL(setxattr, "file", "user.a", "value", 5L, 0) == 0) {
    CALL(setxattr, "file", "user.a", "value", 5L, XATTR_CREATE);
    CALL(setxattr, "link", "user.b", "", 0L, 0);
    CALL(getxattr, "file", "user.a", buffer, 100L);
    printf("%.5s\n", buffer);
    CALL(getxattr, "file", "user.a", buffer, 0L);
    CALL(getxattr, "file", "user.a", buffer, 2L);
    CALL(listxattr, "file", buffer, 0L);
    CALL(removexattr, "file", "user.a");
    CALL(removexattr, "file", "user.a");
  }
  int fd = open("file", O_RDWR);
  CALL(fgetxattr, fd, "user.none", buffer, 100L);
  CALL(fgetxattr, 99, "user.none", buffer, 100L);
  CALL(getxattr, "missing", "user.a", buffer, 100L);
  CALL(lsetxattr, "link", "user.a", "v", 1L, 0);
  CALL(llistxattr, "link", buffer, 100L);
  CALL(setxattr, "file", "", "v", 1L, 0);
  CALL(setxattr, "file", "user.x", "v", 1L, 9);
  CALL(setxattr, "file", "other.x", "v", 1L, 0);
  CALL(lgetxattr, "missing", "user.a", buffer, 100L);
  CALL(listxattr, "missing", buffer, 100L);
  CALL(llistxattr, "missing", buffer, 100L);
  CALL(setxattr, "missing", "user.a", "v", 1L, 0);
  CALL(removexattr, "missing", "user.a");
  CALL(lremovexattr, "missing", "user.a");
  // A symbolic link's own, which root may set.
  if (CALL(lsetxattr, "link", "trusted.own", "mine", 4L, 0) == 0) {
    CALL(lgetxattr, "link", "trusted.own", buffer, 100L);
    CALL(getxattr, "link", "trusted.own", buffer, 100L);
    CALL(llistxattr, "link", buffer, 100L);
    CALL(lremovexattr, "link", "trusted.own");
    CALL(lremovexattr, "link", "trusted.own");
  }
  // What cannot be opened for reading has them too.
  mkfifo("fifo", 0600);
  CALL(setxattr, "fifo", "user.a", "v", 1L, 0);
  CALL(listxattr, "fifo", buffer, 100L);
  CALL(chmod, "file", 0400);
  CALL(setxattr, "file", "trusted.a", "v", 1L, 0);
  names("file");
  more();
  if (getuid() == 0) CALL(setresuid, -1, 65534, -1);
  more();
  CALL(setxattr, "file", "user.a", "v", 1L, 0);
  CALL(getxattr, "file", "user.a", buffer, 100L);
  CALL(getxattr, "file", "trusted.a", buffer, 100L);
  CALL(listxattr, "file", buffer, 100L);
  CALL(getxattr, "/dev/null", "user.a", buffer, 100L);
  CALL(setxattr, "/dev/null", "user.a", "v", 1L, 0);
  return 0;
}
