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
  CALL(execve, 1L, again, env);
  CALL(execve, self, 1L, env);
  CALL(execve, self, again, 1L);
  CALL(execve, self, ((char *[]){(char *)1, 0}), env);
  return 0;
}
