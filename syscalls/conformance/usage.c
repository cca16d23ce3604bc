// getrusage(2), times(2), wait4(2)'s usage, process_vm_readv(2), unshare(2), get_robust_list(2).
#include "show.h"
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

static void burn(long msec) {
  struct timespec from, now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < msec);
}

static long msec(struct rusage *u) {
  return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000 + (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1000;
}

int main(void) {
  struct rusage before, after, child;
  struct tms tms;
  getrusage(RUSAGE_SELF, &before);
  burn(60);
  getrusage(RUSAGE_SELF, &after);
  printf("%d %d\n", msec(&after) > msec(&before), after.ru_maxrss > 0);
  usleep(100000);
  getrusage(RUSAGE_SELF, &before);
  printf("%d\n", msec(&before) - msec(&after) < 60);
  getrusage(RUSAGE_CHILDREN, &before);
  printf("%ld\n", msec(&before));
  int pid = fork();
  if (pid == 0) burn(60), _exit(0);
  printf("%d\n", wait4(pid, 0, 0, &child) == pid);
  getrusage(RUSAGE_CHILDREN, &after);
  printf("%d %d\n", msec(&child) > 0, msec(&after) >= msec(&child));
  WORKS(times, &tms);
  printf("%d %d\n", tms.tms_utime + tms.tms_stime > 0, tms.tms_cutime + tms.tms_cstime > 0);

  char text[] = "hello world", into[20] = "";
  struct iovec local[2] = {{into, 5}, {into + 10, 3}}, remote[2] = {{text, 6}, {text + 6, 5}}, bad = {(void *)8, 4};
  CALL(process_vm_readv, getpid(), local, 2L, remote, 2L, 0L);
  printf("%s %s\n", into, into + 10);
  CALL(process_vm_writev, getpid(), local, 1L, remote, 1L, 0L);
  CALL(process_vm_readv, getpid(), local, 2L, remote, 2L, 1L);
  CALL(process_vm_readv, getpid(), local, 2L, &bad, 1L, 0L);
  CALL(process_vm_readv, getpid(), &bad, 1L, remote, 1L, 0L);
  CALL(process_vm_readv, getpid(), 8L, 1L, remote, 1L, 0L);
  CALL(process_vm_readv, 999999, local, 1L, remote, 1L, 0L);
  CALL(process_vm_readv, getpid(), local, 0L, remote, 1L, 0L);
  CALL(process_vm_readv, getpid(), local, 2000L, remote, 1L, 0L);
  pid = fork();
  if (pid == 0) {
    strcpy(text, "child");
    kill(getpid(), SIGSTOP);
    printf("%s\n", text);
    fflush(stdout);
    _exit(0);
  }
  int status;
  waitpid(pid, &status, WUNTRACED);
  CALL(process_vm_readv, pid, local, 1L, remote, 1L, 0L);
  printf("%s\n", into);
  strcpy(into, "other");
  CALL(process_vm_writev, pid, local, 1L, remote, 1L, 0L);
  kill(pid, SIGCONT);
  waitpid(pid, &status, 0);

  CALL(unshare, 0);
  CALL(unshare, CLONE_FILES | CLONE_FS);
  CALL(unshare, CLONE_SYSVSEM);
  CALL(unshare, 1);
  CALL(unshare, CLONE_PARENT);
  long head, size;
  CALL(get_robust_list, 0, &head, &size);
  printf("%ld\n", size);
  CALL(get_robust_list, 999999, &head, &size);
  CALL(get_robust_list, 0, &head, 8L);
  return 0;
}
