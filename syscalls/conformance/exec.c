// execve(2): what the new program sees of itself, by name, by link and by script; what cannot be executed.
#include "show.h"
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#endif

extern char **environ;

static void new_program(char **argv) {
  char name[20] = "", link[500];
  prctl(PR_GET_NAME, name);
  long length = readlink("/proc/self/exe", link, sizeof link - 1);
  link[length < 0 ? 0 : length] = 0;
  char *last = strrchr(link, '/');
  printf("comm %s exe %s", name, last ? last + 1 : link);
  for (int i = 0; argv[i]; i++) {
    last = strrchr(argv[i], '/');
    printf(" [%s]", last ? last + 1 : argv[i]);
  }
  printf(" env %s\n", getenv("LEGACY") ? getenv("LEGACY") : "none");
}

static void in_child(const char *what, const char *path, char **argv, char **env) {
  printf("%s: ", what);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    execve(path, argv, env);
    printf("%s\n", strerrorname_np(errno));
    exit(9);
  }
  int status;
  waitpid(pid, &status, 0);
  printf("  status %d signal %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

// execveat(2) in a child.
static void at(const char *what, int fd, const char *path, char **argv, int flags) {
  printf("%s: ", what);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    syscall(SYS_execveat, fd, path, argv, environ, flags);
    printf("%s\n", strerrorname_np(errno));
    exit(9);
  }
  int status;
  waitpid(pid, &status, 0);
  printf("  status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void script(const char *name, const char *first, const char *interpreter) {
  char text[600];
  snprintf(text, sizeof text, "%s%s\n", first, interpreter);
  make(name, text);
  chmod(name, 0755);
}

// execveat(2) in a child; what it answers when it comes back.
#define TRY(...)                     \
  do {                               \
    fflush(stdout);                  \
    if (fork() == 0) {               \
      CALL(execveat, ##__VA_ARGS__); \
      _exit(9);                      \
    }                                \
    int status;                      \
    wait(&status);                   \
    printf("status %x\n", status);   \
  } while (0)

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

static void copy_to(int to) {
  static char bytes[1 << 16];
  int from = open("/proc/self/exe", O_RDONLY);
  long n;
  while ((n = read(from, bytes, sizeof bytes)) > 0) write(to, bytes, n);
  close(from);
}

static void copy(const char *name, int mode) {
  int to = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0700);
  copy_to(to);
  fchmod(to, mode);
  close(to);
}

// The file is looked at before the arguments, and what it has to say before what is in it.
static void order(void) {
  static const char *const names[] = {"missing", "plain", "text", "there", "program/x", "program", "to-program", ""};
  char *again[] = {"zeroth", "again", 0}, *bad[] = {"zeroth", (char *)8, 0};
  for (int i = 0; i < 8; i++) {
    printf("%s\n", names[i]);
    TRY(AT_FDCWD, names[i], 8L, 0L, 0);
    TRY(AT_FDCWD, names[i], again, 8L, 0);
    TRY(AT_FDCWD, names[i], bad, 0L, 0);
    TRY(AT_FDCWD, names[i], again, bad, 0);
    TRY(AT_FDCWD, names[i], again, 0L, AT_EXECVE_CHECK);
    TRY(AT_FDCWD, names[i], again, 0L, AT_EXECVE_CHECK | AT_SYMLINK_NOFOLLOW);
    TRY(AT_FDCWD, names[i], 0L, 0L, AT_EXECVE_CHECK);
    TRY(AT_FDCWD, names[i], 8L, 0L, AT_EXECVE_CHECK);
    TRY(AT_FDCWD, names[i], again, 8L, AT_EXECVE_CHECK);
    TRY(AT_FDCWD, names[i], again, 0L, 0x20000);
    CALL(execve, names[i], 8L, 0L);
  }
  TRY(AT_FDCWD, 8L, 8L, 0L, 0);
  TRY(99, "", 8L, 0L, AT_EMPTY_PATH);
  TRY(99, "x", 8L, 0L, 0);
}

// Whoever has it open for writing, keeps it from being executed.
static void busy(void) {
  char *again[] = {"zeroth", "again", 0}, path[40];
  static const char *const names[] = {"program", "by-program", "text", "plain"};
  static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_PATH, O_WRONLY | O_APPEND};
  for (int name = 0; name < 4; name++)
    for (int i = 0; i < 5; i++) {
      printf("%s open %o\n", names[name], flags[i]);
      int fd = open(names[name], flags[i]);
      TRY(AT_FDCWD, names[name], again, 0L, 0);
      TRY(AT_FDCWD, names[name], 8L, 0L, 0);
      TRY(AT_FDCWD, names[name], again, 0L, AT_EXECVE_CHECK);
      TRY(fd, "", again, 0L, AT_EMPTY_PATH);
      TRY(AT_FDCWD, "by-program", again, 0L, 0);
      int other = dup(fd);
      close(fd);
      TRY(AT_FDCWD, names[name], again, 0L, 0);
      close(other);
      TRY(AT_FDCWD, names[name], again, 0L, 0);
    }
  int fd = open("program", O_RDWR);
  void *area = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  TRY(AT_FDCWD, "program", again, 0L, 0);
  munmap(area, 4096);
  TRY(AT_FDCWD, "program", again, 0L, 0);
  fd = open("program", O_RDONLY);
  area = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  TRY(AT_FDCWD, "program", again, 0L, 0);
  munmap(area, 4096);
  // Another process.
  int pipes[2];
  char byte;
  pipe(pipes);
  fflush(stdout);
  pid_t writer = fork();
  if (writer == 0) {
    open("program", O_WRONLY);
    write(pipes[1], "x", 1);
    pause();
  }
  read(pipes[0], &byte, 1);
  TRY(AT_FDCWD, "program", again, 0L, 0);
  kill(writer, SIGKILL), waitpid(writer, 0, 0);
  TRY(AT_FDCWD, "program", again, 0L, 0);
}

// Nobody writes to a program that runs.
static void running(void) {
  int pipes[2], said[2];
  char path[40], byte;
  copy("runs", 0755);
  pipe(pipes), pipe(said);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(pipes[0], 0), dup2(said[1], 1);
    close(pipes[1]);
    execve("runs", (char *[]){"runs", "waits", 0}, 0);
  }
  read(said[0], &byte, 1);
  static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_CREAT, O_WRONLY | O_CREAT | O_EXCL, O_WRONLY | O_DIRECTORY, O_PATH | O_RDWR};
  symlink("runs", "to-runs");
  for (int i = 0; i < 8; i++) {
    WORKS(open, "runs", flags[i], 0644);
    WORKS(open, "to-runs", flags[i], 0644);
    WORKS(open, "to-runs", flags[i] | O_NOFOLLOW, 0644);
    WORKS(open, "/proc/self/exe", flags[i], 0644);
  }
  CALL(truncate, "runs", 10L);
  CALL(truncate, "to-runs", 10L);
  sprintf(path, "/proc/self/fd/%d", open("runs", O_RDONLY));
  WORKS(open, path, O_RDWR);
  sprintf(path, "/proc/%d/exe", pid);
  WORKS(open, path, O_RDWR);
  chmod(".", 0777);
  fflush(stdout);
  if (fork() == 0) {
    if (syscall(SYS_setresuid, 65534, 65534, 65534) == 0) CALL(open, "runs", O_WRONLY);
    _exit(0);
  }
  wait(0);
  link("runs", "other-name");
  CALL(open, "other-name", O_WRONLY);
  CALL(unlink, "runs");
  close(pipes[1]);
  waitpid(pid, 0, 0);
  WORKS(open, "other-name", O_WRONLY);
}

static void by_descriptor(void) {
  char *again[] = {"zeroth", "again", 0};
  TRY(open("to-program", O_PATH | O_NOFOLLOW), "", again, 0L, AT_EMPTY_PATH);
  TRY(open("to-program", O_PATH), "", again, 0L, AT_EMPTY_PATH);
  TRY(open("program", O_PATH), "", again, 0L, AT_EMPTY_PATH | AT_EXECVE_CHECK);
  TRY(open("there", O_RDONLY), "", again, 0L, AT_EMPTY_PATH | AT_EXECVE_CHECK);
  TRY(open("/dev/null", O_RDONLY), "", again, 0L, AT_EMPTY_PATH);
  // By the last name that it had.
  copy("first-name", 0755);
  int fd = open("first-name", O_RDONLY);
  TRY(fd, "", again, 0L, AT_EMPTY_PATH);
  link("first-name", "hard");
  unlink("first-name");
  TRY(fd, "", again, 0L, AT_EMPTY_PATH);
  unlink("hard");
  TRY(fd, "", again, 0L, AT_EMPTY_PATH);
  close(fd);
  copy("before", 0755);
  fd = open("before", O_RDONLY);
  rename("before", "after");
  TRY(fd, "", again, 0L, AT_EMPTY_PATH);
  close(fd);
  int memory = memfd_create("m", MFD_NOEXEC_SEAL);
  copy_to(memory);
  TRY(memory, "", again, 0L, AT_EMPTY_PATH);
}

// Execution needs no right to read, but its program is nobody's to look into.
static void unreadable(void) {
  char *again[] = {"zeroth", "again", 0}, *dumpable[] = {"zeroth", "dumpable", 0};
  copy("only-runs", 0111);
  copy("private", 0700);
  copy("only-reads", 0444);
  script("by-only-runs", "#!", "./only-runs again");
  script("unreadable-script", "#!", "./program again");
  chmod("unreadable-script", 0111);
  chmod(".", 0755);
  int opened = open("only-runs", O_PATH);
  if (syscall(SYS_setresuid, 65534, 65534, 65534) != 0) return;
  static const char *const names[] = {"only-runs", "private", "only-reads", "by-only-runs", "unreadable-script", "program"};
  for (int i = 0; i < 6; i++) {
    printf("%s\n", names[i]);
    CALL(open, names[i], O_RDONLY | O_TRUNC);
    TRY(AT_FDCWD, names[i], again, 0L, 0);
    TRY(AT_FDCWD, names[i], 8L, 0L, 0);
    TRY(AT_FDCWD, names[i], again, 0L, AT_EXECVE_CHECK);
    TRY(AT_FDCWD, names[i], dumpable, 0L, 0);
  }
  TRY(opened, "", again, 0L, AT_EMPTY_PATH);
  CALL(open, "only-runs", O_RDONLY);
}

static void checks(void) {
  // What a shell has left open: descriptors are shown.
  for (int fd = 10; fd < 20; fd++) close(fd);
  mkdir("checks", 0755);
  chdir("checks");
  copy("program", 0755);
  make("text", "hello");
  chmod("text", 0755);
  make("plain", "x");
  script("by-program", "#!", "./program again");
  symlink("program", "to-program");
  mkdir("there", 0755);
  order();
  busy();
  running();
  by_descriptor();
  fflush(stdout);
  if (fork() == 0) {
    unreadable();
    _exit(0);
  }
  wait(0);
  chdir("..");
}

int main(int argc, char **argv) {
  // A new program without arguments has one, the empty string.
  if (argc > 0 && argv[0][0] == 0) return printf("%d arguments\n", argc), 8;
  if (argc > 1 && strcmp(argv[1], "waits") == 0) return write(1, "x", 1) + read(0, &argc, 1);
  if (argc > 1 && strcmp(argv[1], "dumpable") == 0)
    return printf("dumpable %d, may be read %d\n", prctl(PR_GET_DUMPABLE), open("/proc/self/exe", O_RDONLY) >= 0), 0;
  if (argc > 1 && strcmp(argv[argc - 1], "again") == 0) {
    new_program(argv);
    return 7;
  }
  char self[500], text[600];
  long length = readlink("/proc/self/exe", self, sizeof self - 1);
  self[length] = 0;
  char *again[] = {"zeroth", "again", 0}, *env[] = {"LEGACY=yes", 0};
  symlink(self, "a-link");
  script("script", "#!", self);
  script("script-with-an-argument", "#! ", "");
  snprintf(text, sizeof text, "#!  %s  one two \n", self);
  make("argument", text);
  chmod("argument", 0755);
  in_child("by name", self, again, env);
  in_child("by link", "a-link", again, env);
  in_child("by script", "script", again, env);
  in_child("by ./script", "./script", again, environ);
  in_child("script with argument", "argument", again, env);
  in_child("no interpreter named", "script-with-an-argument", again, env);
  script("s1", "#!", "./s0");
  script("s0", "#!", "./s0");
  in_child("scripts of scripts", "s1", again, env);
  script("dangling", "#!", "/not/there");
  in_child("dangling interpreter", "dangling", again, env);
  make("text", "hello\n");
  in_child("not executable", "text", again, env);
  chmod("text", 0755);
  in_child("not a program", "text", again, env);
  make("empty", "");
  chmod("empty", 0755);
  in_child("empty", "empty", again, env);
  in_child("a directory", ".", again, env);
  in_child("below a file", "text/x", again, env);
  in_child("not there", "nothing", again, env);
  in_child("no name", "", again, env);
  in_child("no arguments", self, (char *[]){0}, env);
  symlink("loop", "loop");
  in_child("loop", "loop", again, env);
  char *big = malloc(200001);
  memset(big, 'x', 200000);
  big[200000] = 0;
  in_child("a long argument", self, (char *[]){"zeroth", big, "again", 0}, env);
  big[5000] = 0;
  in_child("a long name", big, again, env);
  big[300] = 0;
  in_child("a long component", big, again, env);
  mkdir("there", 0755);
  rename("a-link", "there/a-link");
  script("there/script", "#!", self);
  symlink("script", "there/to-script");
  int there = open("there", O_RDONLY | O_DIRECTORY), closed = open("there", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int by_path = open("there/script", O_PATH), program = open(self, O_RDONLY), closing = open(self, O_RDONLY | O_CLOEXEC);
  at("from a directory", there, "a-link", again, 0);
  at("a script there", there, "script", again, 0);
  at("through a link", there, "to-script", again, 0);
  at("not through a link", there, "to-script", again, AT_SYMLINK_NOFOLLOW);
  at("no link", there, "script", again, AT_SYMLINK_NOFOLLOW);
  at("a script in what is closed", closed, "script", again, 0);
  at("a program in what is closed", closed, "a-link", again, 0);
  at("a descriptor's script", by_path, "", again, AT_EMPTY_PATH);
  at("a descriptor's program", program, "", again, AT_EMPTY_PATH);
  at("a closing descriptor's program", closing, "", again, AT_EMPTY_PATH);
  at("an empty name", program, "", again, 0);
  at("an empty name here", AT_FDCWD, "", again, AT_EMPTY_PATH);
  at("a directory itself", there, "", again, AT_EMPTY_PATH);
  at("by whole path", 99, self, again, 0);
  at("from here", AT_FDCWD, "./script", again, AT_EMPTY_PATH);
  at("not a descriptor", 99, "script", again, 0);
  at("not a descriptor itself", 99, "", again, AT_EMPTY_PATH);
  at("not a directory", program, "script", again, 0);
  at("unknown flags", there, "script", again, 1);
  unlink("there/script");
  at("a script that is gone", by_path, "", again, AT_EMPTY_PATH);
  int pipes[2];
  pipe(pipes);
  at("a pipe", pipes[0], "", again, AT_EMPTY_PATH);
  checks();
  CALL(execveat, there, 1L, again, env, 0);
  CALL(execveat, there, "a-link", 1L, env, 0);
  CALL(execve, 1L, again, env);
  CALL(execve, self, 1L, env);
  CALL(execve, self, again, 1L);
  CALL(execve, self, ((char *[]){(char *)1, 0}), env);
  return 0;
}
