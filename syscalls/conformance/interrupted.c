/* Calls that wait, and signals: what is waited for comes before a handler, and only a call that has nothing is ended with EINTR. */
#include "show.h"
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile int handled;
static void handler(int signal) { handled++; }
static void handle(int signal, int flags) {
  struct sigaction action = {0};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, NULL);
}

static pid_t child_that(int milliseconds, int fd, int signal) {
  pid_t child = fork(), parent = getppid();
  struct timespec time = {0, milliseconds * 1000000L};
  if (child != 0) return child;
  nanosleep(&time, NULL);
  if (fd >= 0) write(fd, "x", 1);
  if (signal != 0) kill(getppid(), signal);
  // The parent looks at its child only after the signal.
  time.tv_nsec = 200000000L;
  if (signal != 0) nanosleep(&time, NULL);
  _exit(3);
}

int main(void) {
  int status, p[2], round;
  char byte;
  struct timespec half = {0, 500000000L}, longer = {30, 0};
  pipe(p);
  for (round = 0; round < 2; round++) {
    handle(SIGCHLD, round == 0 ? 0 : SA_RESTART);
    handled = 0;
    pid_t child = child_that(50, -1, 0);
    int result = wait4(child, &status, 0, NULL);
    printf("wait4 %s, status %d\nhandled %d\n", result == child ? "answers the child" : "fails", WEXITSTATUS(status), handled);
  }
  signal(SIGCHLD, SIG_DFL);
  for (round = 0; round < 2; round++) {
    handle(SIGUSR1, round == 0 ? 0 : SA_RESTART);
    handled = 0;
    pid_t child = child_that(50, -1, SIGUSR1);
    int result = wait4(child, &status, 0, NULL);
    printf("wait4 with a signal: %s\nhandled %d\n", result == child ? "the child" : result < 0 && errno == EINTR ? "EINTR" : "else", handled);
    if (result < 0) wait4(child, &status, 0, NULL);
  }
  handle(SIGUSR1, 0);
  handled = 0;
  child_that(50, -1, SIGUSR1);
  ssize_t got = read(p[0], &byte, 1);
  printf("read of nothing: %s\nhandled %d\n", got < 0 && errno == EINTR ? "EINTR" : "else", handled);
  wait4(-1, &status, 0, NULL);
  handled = 0;
  child_that(50, -1, SIGUSR1);
  int slept = nanosleep(&longer, NULL);
  printf("nanosleep: %s\nhandled %d\n", slept < 0 && errno == EINTR ? "EINTR" : "else", handled);
  wait4(-1, &status, 0, NULL);
  signal(SIGUSR1, SIG_IGN);
  child_that(50, -1, SIGUSR1);
  printf("an ignored signal: nanosleep %d\n", nanosleep(&half, NULL));
  wait4(-1, &status, 0, NULL);
  handle(SIGUSR1, 0);
  handled = 0;
  child_that(50, -1, SIGUSR1);
  int paused = pause();
  printf("pause: %s\nhandled %d\n", paused < 0 && errno == EINTR ? "EINTR" : "else", handled);
  wait4(-1, &status, 0, NULL);
  return 0;
}
