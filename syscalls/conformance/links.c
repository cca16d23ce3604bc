// unlink(2), rename(2), link(2), symlink(2), readlink(2).
#include "show.h"

static void read_link(const char *name, int size) {
  char buffer[4096];
  long length = syscall(SYS_readlink, name, buffer, size);
  if (length < 0) printf("readlink %s %d: %s\n", name, size, strerrorname_np(errno));
  else printf("readlink %s %d: %.*s\n", name, size, (int)length, buffer);
}

int main(void) {
  make("file", "content");
  mkdir("dir", 0755);
  mkdir("full", 0755);
  make("full/x", "");
  CALL(symlink, "file", "link");
  CALL(symlink, "file", "link");
  CALL(symlink, "", "empty");
  CALL(symlink, "x", "");
  CALL(symlink, "x", "missing/y");
  CALL(symlinkat, "some/long/target", AT_FDCWD, "far");
  CALL(symlinkat, "x", 99, "far2");
  read_link("link", 100);
  read_link("far", 4);
  read_link("far", 0);
  read_link("far", -1);
  read_link("file", 10);
  read_link("missing", 10);
  read_link("", 10);
  CALL(readlinkat, 99, "link", (char *)1, 10L);
  CALL(readlink, "link", (char *)8, 10L);
  CALL(link, "file", "twin");
  CALL(link, "file", "twin");
  CALL(link, "dir", "dir2");
  CALL(link, "missing", "m2");
  CALL(link, "link", "hard-to-link");
  CALL(linkat, AT_FDCWD, "link", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW);
  CALL(linkat, AT_FDCWD, "link", AT_FDCWD, "f2", 1);
  read_link("hard-to-link", 100);
  read_link("followed", 100);
  struct stat st;
  stat("file", &st);
  printf("nlink %ld\n", (long)st.st_nlink);
  CALL(rename, "twin", "twin2");
  CALL(rename, "twin", "twin2");
  CALL(rename, "file", "followed");
  CALL(access, "file", F_OK);
  CALL(rename, "dir", "full");
  CALL(rename, "full", "dir");
  CALL(rename, "dir", "followed");
  CALL(rename, "followed", "dir");
  CALL(rename, "dir", "dir/inside");
  CALL(rename, "dir", "dir");
  CALL(rename, "dir/", "dir3/");
  CALL(rename, "followed", "new/");
  CALL(rename, "", "x");
  CALL(rename, ".", "x");
  CALL(renameat, 99, "a", AT_FDCWD, "b");
  CALL(renameat2, AT_FDCWD, "followed", AT_FDCWD, "twin2", RENAME_NOREPLACE);
  CALL(renameat2, AT_FDCWD, "followed", AT_FDCWD, "dir3", RENAME_EXCHANGE);
  CALL(renameat2, AT_FDCWD, "followed", AT_FDCWD, "dir3", RENAME_EXCHANGE | RENAME_NOREPLACE);
  CALL(renameat2, AT_FDCWD, "followed", AT_FDCWD, "dir3", 64);
  stat("followed", &st);
  printf("%o\n", st.st_mode & S_IFMT);
  int fd = open("far", O_CREAT | O_RDWR, 0600);
  printf("through a dangling link into a missing directory: %s\n", fd < 0 ? strerrorname_np(errno) : "works");
  make("temporary", "bytes");
  fd = open("temporary", O_RDWR);
  CALL(unlink, "temporary");
  CALL(unlink, "temporary");
  char buffer[10];
  CALL(read, fd, buffer, 10L);
  CALL(write, fd, "more", 4L);
  fstat(fd, &st);
  printf("nlink %ld size %ld\n", (long)st.st_nlink, (long)st.st_size);
  CALL(unlink, "");
  CALL(unlink, "full");
  CALL(unlink, "dir3/x/y");
  CALL(unlink, "link/");
  CALL(unlink, "link");
  CALL(unlinkat, 99, "link", 0);
  // What the program itself is called here.
  long length = syscall(SYS_readlink, "/proc/self/exe", buffer, sizeof buffer);
  printf("exe %ld\n", length);
  fd = open("x", O_CREAT | O_RDWR, 0644);
  write(fd, "through fd", 10);
  char name[64], content[16] = "";
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  int again = open(name, O_RDONLY);
  printf("%ld %s\n", (long)read(again, content, 15), content);
  snprintf(name, sizeof name, "/dev/fd/%d", fd);
  printf("%d\n", open(name, O_RDONLY) > 0);
  printf("%d\n", open("/proc/self/fd/88", O_RDONLY));
  // The working directory keeps its place when it, or one above it, is renamed.
  mkdir("up", 0755);
  mkdir("up/down", 0755);
  mkdir("upper", 0755);
  chdir("up/down");
  rename("../../up", "../../moved");
  make("here", "");
  CALL(access, "../../moved/down/here", F_OK);
  CALL(renameat2, AT_FDCWD, "../../moved", AT_FDCWD, "../../upper", RENAME_EXCHANGE);
  CALL(access, "here", F_OK);
  CALL(access, "../../upper/down/here", F_OK);
  char here[4096];
  getcwd(here, sizeof here);
  printf("%s\n", strstr(here, "/upper/"));
  return 0;
}
