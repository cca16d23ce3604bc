// unlink(2), rename(2), link(2), symlink(2), readlink(2).
#include "show.h"
#include <sys/eventfd.h>

static void read_link(const char *name, int size) {
  char buffer[4096];
  long length = syscall(SYS_readlink, name, buffer, size);
  if (length < 0) printf("readlink %s %d: %s\n", name, size, strerrorname_np(errno));
  else printf("readlink %s %d: %.*s\n", name, size, (int)length, buffer);
}

// A name for what a descriptor has open: the old place is looked at before the new one, and that before the file systems are compared.
static void link_opened(const char *what, int fd) {
  printf("%s\n", what);
  CALL(linkat, fd, "", AT_FDCWD, "made", AT_EMPTY_PATH);
  CALL(linkat, fd, "", AT_FDCWD, "made", AT_EMPTY_PATH | AT_SYMLINK_FOLLOW);
  CALL(linkat, fd, "", AT_FDCWD, "none/made", AT_EMPTY_PATH);
  CALL(linkat, fd, "", AT_FDCWD, "target/made", AT_EMPTY_PATH);
  CALL(linkat, fd, "", AT_FDCWD, "", AT_EMPTY_PATH);
  CALL(linkat, fd, "", AT_FDCWD, "/proc/made", AT_EMPTY_PATH);
  CALL(linkat, fd, "", AT_FDCWD, "/dev/null", AT_EMPTY_PATH);
  CALL(linkat, fd, "", AT_FDCWD, ".", AT_EMPTY_PATH);
  CALL(linkat, fd, "", 99, "made", AT_EMPTY_PATH);
  CALL(linkat, fd, "", fd, "made", AT_EMPTY_PATH);
  CALL(linkat, fd, "none", AT_FDCWD, "made", AT_EMPTY_PATH);
  CALL(linkat, fd, "target", AT_FDCWD, "made", AT_EMPTY_PATH);
  CALL(linkat, fd, "none", 99, "made", AT_EMPTY_PATH);
  unlink("made");
}

static void link_all(void) {
  int pipes[2];
  pipe(pipes);
  link_opened("closed", 99);
  link_opened("working directory", AT_FDCWD);
  link_opened("file", open("target", O_RDONLY));
  link_opened("O_PATH", open("target", O_PATH));
  link_opened("link", open("symbolic", O_PATH | O_NOFOLLOW));
  link_opened("fifo", open("fifo", O_RDWR));
  link_opened("reading fifo", open("fifo", O_RDONLY | O_NONBLOCK));
  link_opened("O_PATH fifo", open("fifo", O_PATH));
  link_opened("pipe", pipes[0]);
  link_opened("memfd", memfd_create("x", 0));
  link_opened("eventfd", eventfd(0, 0));
  link_opened("device", open("/dev/null", O_RDWR));
  link_opened("O_PATH device", open("/dev/null", O_PATH));
  link_opened("directory", open(".", O_RDONLY));
  link_opened("root", open("/", O_RDONLY));
  link_opened("stat", open("/proc/self/stat", O_RDONLY));
}

static int fds[5];
static void link_mine(void) {
  for (int i = 0; i < 5; i++) link_opened("opened before", fds[i]);
}

static void in_child(void (*run)(void)) {
  fflush(stdout);
  if (fork() == 0) {
    run();
    _exit(0);
  }
  wait(0);
}

// Whoever has not opened it: every process and every change of ids makes new credentials.
static void link_as_user(void) {
  if (syscall(SYS_setresuid, 65534, 65534, 65534) != 0) return;
  link_mine();
  link_all();
  int pipes[2];
  pipe(pipes);
  fds[0] = open("target", O_RDONLY), fds[1] = open("fifo", O_RDWR), fds[2] = pipes[0], fds[3] = open(".", O_RDONLY), fds[4] = eventfd(0, 0);
  in_child(link_mine);
  syscall(SYS_setresuid, -1, -1, -1);
  syscall(SYS_setresuid, 65534, 65534, 65534);
  syscall(SYS_setfsuid, 65534);
  link_mine();
  syscall(SYS_setuid, 65534);
  link_mine();
  fds[0] = open("target", O_RDONLY);
  link_opened("own", fds[0]);
  syscall(SYS_setreuid, -1, -1);
  link_opened("own", fds[0]);
}

static void opened(void) {
  mkdir("opened", 0777);
  chdir("opened");
  chmod(".", 0777);
  make("target", "x");
  chmod("target", 0666);
  symlink("target", "symbolic");
  mkfifo("fifo", 0666);
  link_all();
  int pipes[2];
  pipe(pipes);
  fds[0] = open("target", O_RDONLY), fds[1] = open("fifo", O_RDWR), fds[2] = pipes[0], fds[3] = open(".", O_RDONLY), fds[4] = eventfd(0, 0);
  in_child(link_mine);
  in_child(link_as_user);
  chdir("..");
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
  CALL(linkat, AT_FDCWD, "none", 99, "f2", 0);
  CALL(linkat, AT_FDCWD, "link", 99, "f2", 0);
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
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  CALL(open, name, O_CREAT | O_EXCL | O_RDWR, 0600);
  CALL(open, name, O_DIRECTORY);
  CALL(open, name, O_NOFOLLOW);
  unlink("x");
  int gone = open(name, O_RDWR | O_TRUNC);
  fstat(gone, &st);
  printf("unlinked, opened again and emptied: size %ld\n", (long)st.st_size);
  make("x", "");
  int pipes[2];
  pipe(pipes);
  snprintf(name, sizeof name, "/dev/fd/%d", pipes[1]);
  int writer = open(name, O_WRONLY);
  CALL(write, writer, "piped", 5L);
  CALL(read, pipes[0], buffer, 10L);
  // Names are bytes.
  make("caf\xe9", "latin");
  symlink("\xff\xfe", "\xe9t\xe9");
  read_link("\xe9t\xe9", 10);
  CALL(rename, "caf\xe9", "caf\xc3\xa9\xff");
  CALL(access, "caf\xc3\xa9\xff", F_OK);
  CALL(mkdir, "\x80", 0700);
  CALL(chdir, "\x80");
  CALL(getcwd, buffer, 1L);
  make("../\xed\xa0\x80", "");
  CALL(chdir, "..");
  CALL(access, "\xed\xa0\x80", F_OK);
  CALL(rename, "followed", "x/..");
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
  opened();
  // A file that has no name gets one.
  int nameless = open(".", O_TMPFILE | O_RDWR, 0644), gone_file = open("here", O_RDONLY);
  unlink("here");
  write(nameless, "kept", 4);
  CALL(linkat, nameless, "", AT_FDCWD, "named", 0);
  CALL(linkat, nameless, "", AT_FDCWD, "named", AT_EMPTY_PATH);
  CALL(linkat, nameless, "", AT_FDCWD, "named", AT_EMPTY_PATH);
  CALL(linkat, nameless, "", AT_FDCWD, "no/named", AT_EMPTY_PATH);
  CALL(linkat, nameless, "named", AT_FDCWD, "again", AT_EMPTY_PATH);
  CALL(linkat, AT_FDCWD, "", AT_FDCWD, "again", AT_EMPTY_PATH);
  CALL(linkat, 99, "", AT_FDCWD, "again", AT_EMPTY_PATH);
  CALL(linkat, pipes[0], "", AT_FDCWD, "again", AT_EMPTY_PATH);
  CALL(linkat, gone_file, "", AT_FDCWD, "again", AT_EMPTY_PATH);
  CALL(linkat, AT_FDCWD, "named", 99, "again", AT_EMPTY_PATH);
  stat("named", &st);
  printf("named: size %ld links %ld\n", (long)st.st_size, (long)st.st_nlink);
  chmod(".", 0777);
  if (geteuid() == 0) syscall(SYS_setresuid, -1, 65534, -1);
  CALL(linkat, nameless, "", AT_FDCWD, "third", AT_EMPTY_PATH);
  int own = open(".", O_TMPFILE | O_RDWR, 0644);
  CALL(linkat, own, "", AT_FDCWD, "own", AT_EMPTY_PATH);
  return 0;
}
