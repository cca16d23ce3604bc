// /proc/self and its relatives, /dev/fd, and the devices of /dev.
#include "show.h"

static char text[1 << 20];

static long slurp(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return printf("%s: %s\n", path, strerrorname_np(errno)), -1;
  long n = 0, got;
  while ((got = read(fd, text + n, sizeof text - 1 - n)) > 0) n += got;
  text[n] = 0;
  close(fd);
  return n;
}

static void line(const char *path, const char *key) {
  slurp(path);
  char *at = strstr(text, key);
  if (at == 0) printf("%s: no %s\n", path, key);
  else printf("%s: %.*s\n", path, (int)strcspn(at, "\n"), at);
}

static void link_of(const char *path) {
  char target[300];
  long n = readlink(path, target, sizeof target - 1);
  if (n < 0) printf("%s: %s\n", path, strerrorname_np(errno));
  else {
    target[n] = 0;
    char *name = strrchr(target, '/'), *bracket = strchr(target, '[');
    if (bracket && strncmp(target, "anon", 4)) *bracket = 0;
    // Directories differ from run to run, and so do pids.
    printf("%s -> %s\n", path, name && strncmp(target, "/dev", 4) && strncmp(target, "/memfd", 6) && name[1] ? strstr(name, "native") || strstr(name, "lego") ? "here" : name + 1 : target);
  }
}

static void inside(const void *address, const char *what) {
  slurp("/proc/self/maps");
  for (char *at = strtok(text, "\n"); at; at = strtok(0, "\n")) {
    unsigned long start, end;
    char rights[5], name[200] = "";
    sscanf(at, "%lx-%lx %4s %*s %*s %*s %199[^\n]", &start, &end, rights, name);
    if ((unsigned long)address < start || (unsigned long)address >= end) continue;
    char *last = strrchr(name, '/');
    printf("%s: %s %s\n", what, rights, last ? last + 1 : name);
  }
}

static void kind(const char *path) {
  struct stat s;
  if (lstat(path, &s) < 0) printf("%s: %s\n", path, strerrorname_np(errno));
  else printf("%s: %o size %ld nlink %d\n", path, s.st_mode, S_ISREG(s.st_mode) ? (long)s.st_size : -1, S_ISDIR(s.st_mode) ? -1 : (int)s.st_nlink);
}

int main(int argc, char **argv) {
  char path[100], self[30];
  sprintf(self, "%d", getpid());
  const char *names[] = {"auxv", "cmdline", "comm", "environ", "limits", "maps", "smaps", "stat", "statm", "status", "oom_score_adj", "fd", "fdinfo", "task", "exe", "cwd", "root", "mounts", "nothing", "fd/0", "fd/77", "fdinfo/0", "task/1", "comm/x"};
  for (int i = 0; i < sizeof names / sizeof *names; i++) {
    sprintf(path, "/proc/self/%s", names[i]);
    kind(path);
  }
  struct stat a, b;
  sprintf(path, "/proc/%d/status", getpid());
  printf("%d %d\n", stat(path, &a), stat("/proc/self/status", &b));
  sprintf(path, "/proc/self/task/%d/stat", getpid());
  printf("%d\n", stat(path, &a));
  char target[30] = "";
  readlink("/proc/self", target, 29);
  printf("%d\n", strcmp(target, self));
  memset(target, 0, 30);
  readlink("/proc/thread-self", target, 29);
  printf("%s\n", strchr(target, '/') ? "a task" : target);
  kind("/proc/999999");
  kind("/proc/self/../self/comm");
  printf("%ld %s\n", (long)(slurp("/proc/self/cmdline") - strlen(argv[0])), text + strlen(text) - 4);
  // Changed strings are shown.
  argv[0][0] = 'X';
  slurp("/proc/self/cmdline");
  printf("%c\n", text[0]);
  slurp("/proc/self/comm");
  printf("%s", text);
  int fd = open("/proc/self/comm", O_WRONLY);
  CALL(write, fd, "a longer name than that\n", 24L);
  close(fd);
  slurp("/proc/self/comm");
  printf("%s", text);
  char *keys[] = {"Name:", "Umask:", "State:", "TracerPid:", "Uid:", "Gid:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigCgt:", "NoNewPrivs:", "Seccomp:"};
  umask(027);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMAX);
  sigprocmask(SIG_BLOCK, &set, 0);
  signal(SIGUSR2, SIG_IGN);
  signal(SIGHUP, (void *)main);
  raise(SIGUSR1);
  kill(getpid(), SIGRTMAX);
  for (int i = 0; i < sizeof keys / sizeof *keys; i++) line("/proc/self/status", keys[i]);
  slurp("/proc/self/limits");
  char *at = strstr(text, "Max stack");
  printf("%.*s%s", (int)(strchr(text, '\n') - text + 1), text, at ? "stack too\n" : "");
  line("/proc/self/limits", "Max open files");
  long numbers[7];
  slurp("/proc/self/statm");
  printf("%d\n", sscanf(text, "%ld %ld %ld %ld %ld %ld %ld", numbers, numbers + 1, numbers + 2, numbers + 3, numbers + 4, numbers + 5, numbers + 6));
  printf("%d\n", numbers[0] > 20 && numbers[1] > 0 && numbers[3] > 5);
  int pid, parent, group, fields = 1;
  char name[40], state;
  slurp("/proc/self/stat");
  sscanf(text, "%d %39[^)]%*c %c %d %d", &pid, name, &state, &parent, &group);
  printf("%d %s %c %d %d\n", pid == getpid(), name, state, parent == getppid(), group == getpgrp());
  for (char *c = strchr(text, ')'); *c; c++) fields += *c == ' ';
  printf("%d fields\n", fields + 1);
  inside(main, "code");
  inside("text", "constants");
  inside(text, "bss");
  inside(&pid, "stack");
  inside(malloc(10), "heap");
  void *map = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  inside(map, "none");
  make("mapped", "hello");
  int mapped = open("mapped", O_RDWR);
  inside(mmap(0, 4096, 3, MAP_SHARED, mapped, 0), "file");
  slurp("/proc/self/auxv");
  printf("%ld\n", *(long *)text == 0);
  link_of("/proc/self/exe");
  link_of("/proc/self/cwd");
  link_of("/proc/self/root");
  link_of("/proc/self/fd/0");
  int pipes[2];
  pipe(pipes);
  sprintf(path, "/proc/self/fd/%d", pipes[0]);
  link_of(path);
  sprintf(path, "/proc/self/fd/%d", mapped);
  link_of(path);
  kind(path);
  unlink("mapped");
  link_of(path);
  stat(path, &a);
  printf("%o %ld %d\n", a.st_mode, (long)a.st_size, (int)a.st_nlink);
  int again = open(path, O_RDONLY);
  long got = read(again, text, 100);
  printf("%ld %.5s\n", got, text);
  lseek(mapped, 3, SEEK_SET);
  sprintf(path, "/proc/self/fdinfo/%d", mapped);
  line(path, "pos:");
  line(path, "flags:");
  sprintf(path, "/proc/self/fd/%d", memfd_create("a name", 0));
  link_of(path);
  int directory = open("/proc/self", O_RDONLY | O_DIRECTORY);
  got = readlinkat(directory, "exe", text, 100);
  printf("%d\n", got > 0);
  int comm = openat(directory, "comm", O_RDONLY);
  got = read(comm, text, 100);
  printf("%ld\n", got);
  CALL(pread64, comm, text, 100L, 2L);
  CALL(lseek, comm, 0L, SEEK_SET);
  CALL(read, comm, text, 3L);
  CALL(read, comm, text, 100L);
  CALL(mmap, 0L, 4096L, 1, MAP_PRIVATE, comm, 0L);
  CALL(openat, directory, "fd/99", O_RDONLY);
  CALL(open, "/proc/self/fd", O_WRONLY);
  CALL(open, "/proc/self/comm", O_RDONLY | O_DIRECTORY);
  CALL(open, "/proc/self/exe", O_RDONLY | O_NOFOLLOW);
  CALL(open, "/proc/self/new", O_CREAT | O_WRONLY, 0600);
  CALL(mkdir, "/proc/self/new", 0700);
  CALL(access, "/proc/self/comm", R_OK);
  CALL(access, "/proc/self/nothing", R_OK);
  DIR *dir = opendir("/proc/self/fd");
  struct dirent *entry;
  int count = 0, odd = 0;
  while ((entry = readdir(dir))) {
    count++;
    if (entry->d_name[0] != '.' && (atoi(entry->d_name) < 0 || entry->d_type != DT_LNK)) odd++;
  }
  printf("%d odd\n", odd);
  make("a-file", "text");
  symlink("a-file", "a-link");
  fd = open("a-link", O_RDONLY);
  sprintf(path, "/proc/self/fd/%d", fd);
  link_of(path);
  rename("a-file", "renamed");
  link_of(path);
  unlink("renamed");
  link_of(path);
  fd = open("/proc/self/oom_score_adj", O_RDWR);
  CALL(write, fd, "300", 3L);
  CALL(write, fd, "3000", 4L);
  CALL(write, fd, "what", 4L);
  slurp("/proc/self/oom_score_adj");
  printf("%s", text);
  CALL(chdir, "/proc/self/task");
  CALL(open, "../comm", O_RDONLY);
  CALL(chdir, "/proc/self/comm");

  int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
  CALL(write, null, text, 100L);
  CALL(read, null, text, 100L);
  CALL(lseek, null, 5L, SEEK_SET);
  CALL(pread64, null, text, 5L, 7L);
  CALL(read, zero, text, 100L);
  CALL(write, zero, text, 100L);
  CALL(read, full, text, 100L);
  CALL(write, full, text, 100L);
  int random = open("/dev/urandom", O_RDONLY);
  CALL(read, random, text, 100L);
  CALL(open, "/dev/tty99999", O_RDONLY);
  CALL(open, "/dev/fd/99", O_RDONLY);
  fd = open("/dev/fd/0", O_RDONLY);
  printf("%d\n", fd >= 0);
  fd = open("/dev/stdout", O_WRONLY);
  printf("%d\n", fd >= 0);
  kind("/dev/fd");
  kind("/dev/stdin");
  return 0;
}
