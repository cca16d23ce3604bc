// mkdir(2), rmdir(2), getdents64(2), getdents(2), getcwd(2), chdir(2), mknod(2).
#include "show.h"
#include <dirent.h>

struct entry { unsigned long ino; long off; unsigned short reclen; unsigned char type; char name[]; };

static int compare(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void list(const char *path, int size) {
  int fd = open(path, O_RDONLY | O_DIRECTORY);
  char *names[4000], *buffer = malloc(size);
  int count = 0, calls = 0;
  long length;
  while ((length = syscall(SYS_getdents64, fd, buffer, size)) > 0) {
    calls++;
    for (long at = 0; at < length;) {
      struct entry *e = (struct entry *)(buffer + at);
      asprintf(&names[count++], "%d %s", e->type, e->name);
      at += e->reclen;
    }
  }
  if (length < 0) printf("getdents64 of %s: %s\n", path, strerrorname_np(errno));
  qsort(names, count, sizeof *names, compare);
  printf("%s: %d entries\n", path, count);
  for (int i = 0; i < count && i < 20; i++) printf("  %s\n", names[i]);
  printf("again: %ld\n", syscall(SYS_getdents64, fd, buffer, size));
  lseek(fd, 0, SEEK_SET);
  length = syscall(SYS_getdents64, fd, buffer, size);
  printf("rewound: %d\n", length > 0);
  close(fd);
}

int main(void) {
  umask(022);
  struct stat st;
  CALL(mkdir, "a", 0777);
  CALL(mkdir, "a", 0777);
  CALL(mkdir, "a/", 0777);
  CALL(mkdir, "b/", 01777);
  CALL(mkdir, "x/y", 0777);
  CALL(mkdir, "", 0777);
  CALL(mkdir, ".", 0777);
  CALL(mkdir, "/", 0777);
  CALL(mkdirat, 99, "q", 0777);
  stat("b", &st);
  printf("%o\n", st.st_mode);
  make("a/file", "x");
  symlink("file", "a/link");
  mkfifo("a/fifo", 0600);
  mkdir("a/dir", 0700);
  list("a", 1024);
  list("a", 32768);
  list("a", 20);
  for (int i = 0; i < 500; i++) {
    char name[64];
    snprintf(name, sizeof name, "b/entry-number-%d", i);
    make(name, "");
  }
  list("b", 300);
  list("b", 32768);
  int fd = open("b", O_RDONLY), file = open("a/file", O_RDONLY);
  char buffer[4096];
  CALL(getdents64, file, buffer, 4096L);
  CALL(getdents64, 99, buffer, 4096L);
  CALL(getdents64, fd, (char *)8, 4096L);
  WORKS(getdents, fd, buffer, 4096L);
  printf("old record: reclen %d\n", *(unsigned short *)(buffer + 16) % 8);
  // Deleting while reading, as rm -r does.
  DIR *dir = opendir("b");
  int removed = 0;
  for (struct dirent *e; (e = readdir(dir));)
    if (e->d_name[0] != '.') {
      char name[300];
      snprintf(name, sizeof name, "b/%s", e->d_name);
      removed += unlink(name) == 0;
    }
  closedir(dir);
  printf("removed %d\n", removed);
  CALL(rmdir, "b");
  CALL(rmdir, "b");
  CALL(rmdir, "a");
  CALL(rmdir, "a/file");
  CALL(rmdir, ".");
  CALL(rmdir, "a/.");
  CALL(rmdir, "a/..");
  CALL(rmdir, "/");
  CALL(rmdir, "");
  CALL(unlink, "a/dir");
  CALL(unlinkat, AT_FDCWD, "a/dir", AT_REMOVEDIR);
  CALL(unlinkat, AT_FDCWD, "a/dir", 5);
  char start[4096], here[4096];
  getcwd(start, sizeof start);
  CALL(chdir, "a");
  getcwd(here, sizeof here);
  printf("%s\n", here + strlen(start));
  CALL(chdir, "file");
  CALL(chdir, "missing");
  CALL(chdir, "");
  CALL(chdir, "..");
  CALL(fchdir, file);
  CALL(fchdir, 99);
  int a = open("a", O_RDONLY);
  CALL(fchdir, a);
  CALL(access, "file", F_OK);
  CALL(getcwd, buffer, 2L);
  CALL(getcwd, buffer, 0L);
  CALL(getcwd, (char *)8, 4096L);
  CALL(chdir, start);
  symlink("a", "to-a");
  CALL(chdir, "to-a");
  getcwd(here, sizeof here);
  printf("%s\n", here + strlen(start));
  CALL(chdir, start);
  mkdir("gone", 0777);
  chdir("gone");
  rmdir("../gone");
  CALL(getcwd, buffer, 4096L);
  CALL(open, "x", O_CREAT | O_WRONLY, 0600);
  CALL(chdir, start);
  CALL(mknod, "node", S_IFIFO | 0666, 0);
  CALL(mknod, "node", S_IFIFO | 0666, 0);
  CALL(mknod, "regular", S_IFREG | 0666, 0);
  CALL(mknod, "plain", 0644, 0);
  CALL(mknod, "directory", S_IFDIR | 0644, 0);
  stat("node", &st);
  printf("%o\n", st.st_mode);
  CALL(mknodat, AT_FDCWD, "weird", 0170000 | 0644, 0);
  return 0;
}
