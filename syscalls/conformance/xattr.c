// Extended attributes of the user namespace.
#include "show.h"
#include <sys/xattr.h>

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
  if (getuid() == 0) CALL(setresuid, -1, 65534, -1);
  CALL(setxattr, "file", "user.a", "v", 1L, 0);
  CALL(getxattr, "file", "user.a", buffer, 100L);
  CALL(getxattr, "file", "trusted.a", buffer, 100L);
  CALL(listxattr, "file", buffer, 100L);
  CALL(getxattr, "/dev/null", "user.a", buffer, 100L);
  CALL(setxattr, "/dev/null", "user.a", "v", 1L, 0);
  return 0;
}
