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
  return 0;
}
