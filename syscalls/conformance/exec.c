// execve(2): what the new program sees of itself, by name, by link and by script; what cannot be executed.
#include "show.h"
#include <sys/prctl.h>
#include <sys/resource.h>

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

int main(int argc, char **argv) {
  // A new program without arguments has one, the empty string.
  if (argc > 0 && argv[0][0] == 0) return printf("%d arguments\n", argc), 8;
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
  CALL(execveat, there, 1L, again, env, 0);
  CALL(execveat, there, "a-link", 1L, env, 0);
  CALL(execve, 1L, again, env);
  CALL(execve, self, 1L, env);
  CALL(execve, self, again, 1L);
  CALL(execve, self, ((char *[]){(char *)1, 0}), env);
  return 0;
}
