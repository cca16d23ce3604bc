// setrlimit(2): what programs meet that ask for ever more files, bytes, memory, stack, processes and time.
#include "show.h"
#include <sys/resource.h>

static void limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit wanted = {soft, hard};
  if (setrlimit(resource, &wanted) != 0) printf("setrlimit %d: %s\n", resource, strerrorname_np(errno));
}

// Runs `use` in a child and says how that ended.
static void in_child(const char *what, void (*use)(void)) {
  printf("-- %s\n", what);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    limit(RLIMIT_CORE, 0, 0);
    use();
    fflush(stdout);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("ended by %s\n", sigabbrev_np(WTERMSIG(status)));
  else printf("status %d\n", WEXITSTATUS(status));
}

static void descriptors(void) {
  limit(RLIMIT_NOFILE, 20, 4096);
  int opened = 0, ends[2];
  while (open("/dev/null", O_RDONLY) >= 0) opened++;
  printf("%s after opening up to the limit: %d\n", strerrorname_np(errno), opened < 20);
  CALL(dup, 0);
  CALL(dup2, 0, 20);
  CALL(fcntl, 0, F_DUPFD, 20);
  CALL(pipe, ends);
  CALL(epoll_create1, 0);
  close(19);
  CALL(pipe, ends);
  limit(RLIMIT_NOFILE, 22, 4096);
  CALL(pipe, ends);
}

static void file_size(void) {
  static char block[8192];
  limit(RLIMIT_FSIZE, 10000, RLIM_INFINITY);
  signal(SIGXFSZ, SIG_IGN);
  int fd = open("limited", O_CREAT | O_RDWR | O_TRUNC, 0644);
  CALL(write, fd, block, 8192);
  CALL(write, fd, block, 8192);
  CALL(write, fd, block, 8192);
  CALL(pwrite64, fd, block, 10, 9995);
  CALL(pwrite64, fd, block, 10, 1l << 40);
  CALL(ftruncate, fd, 10001);
  CALL(fallocate, fd, 0, 0, 20000);
  signal(SIGXFSZ, SIG_DFL);
  CALL(write, fd, block, 1);
}

static void huge_offset(void) {
  int fd = open("limited", O_CREAT | O_RDWR | O_TRUNC, 0644);
  CALL(pwrite64, fd, "x", 1, 0x7fffffffffffffff);
  CALL(lseek, fd, 0x7fffffffffffffff, SEEK_SET);
  CALL(ftruncate, fd, 0x7fffffffffffffff);
  CALL(ftruncate, fd, -1l);
}

static void address_space(void) {
  limit(RLIMIT_AS, 256l << 20, 256l << 20);
  printf("%d\n", mmap(0, 1l << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  printf("%s\n", strerrorname_np(errno));
  int blocks = 0;
  while (blocks < 1000 && malloc(1 << 20)) blocks++;
  printf("%s, %d\n", strerrorname_np(errno), blocks > 200 && blocks < 260);
  pid_t child = fork();
  if (child == 0) _exit(3);
  printf("fork works: %d\n", child > 0 && wait(0) == child);
}

static void data_segment(void) {
  limit(RLIMIT_DATA, 64l << 20, RLIM_INFINITY);
  printf("%d ", mmap(0, 128l << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  printf("%d ", mmap(0, 128l << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  printf("%d\n", sbrk(128l << 20) == (void *)-1);
}

static int sink;
static void deeper(int depth) {
  volatile char room[1024];
  room[depth & 1023] = (char)depth;
  sink += depth;
  if (depth < 1 << 30) deeper(depth + 1);
  sink += room[0];
}
static void recursion(void) { deeper(0); }
static void short_stack(void) {
  limit(RLIMIT_STACK, 256 << 10, RLIM_INFINITY);
  deeper((1 << 30) - 100);
  printf("100 KiB go\n");
  fflush(stdout);
  deeper((1 << 30) - 400);
}

// The stack grows into what RLIMIT_AS leaves: 512 KiB more than there is now.
static void stack_in_address_space(void) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == 0 || fscanf(file, "%ld", &pages) != 1) return;
  limit(RLIMIT_AS, pages * 4096 + (512 << 10), RLIM_INFINITY);
  deeper((1 << 30) - 400);
  printf("400 KiB go\n");
  fflush(stdout);
  deeper((1 << 30) - 4000);
}

// The user has at least one process; a superuser becomes one who has no other.
static void processes(void) {
  int allowed = 1;
  setpgid(0, 0);
  if (getuid() == 0) {
    allowed = 4;
    if (setuid(61234) != 0) return;
  }
  limit(RLIMIT_NPROC, allowed, allowed);
  int made = 0;
  for (;;) {
    pid_t child = fork();
    if (child == 0) pause(), _exit(0);
    if (child < 0) break;
    made++;
  }
  printf("%s after %d\n", strerrorname_np(errno), made);
  fflush(stdout);
  signal(SIGTERM, SIG_IGN);
  if (made) kill(0, SIGTERM);
  while (wait(0) > 0) {}
}

static int times_over;
static void on_xcpu(int number) {
  struct rlimit now;
  getrlimit(RLIMIT_CPU, &now);
  printf("%s, then %ld\n", sigabbrev_np(number), (long)now.rlim_cur);
  fflush(stdout);
  times_over++;
}
static void cpu_time(void) {
  signal(SIGXCPU, on_xcpu);
  limit(RLIMIT_CPU, 1, 2);
  for (;;) sink++;
}

static void full_pipe(void) {
  static char block[4096];
  int ends[2], written = 0;
  pipe2(ends, O_NONBLOCK);
  for (long got; (got = write(ends[1], block, sizeof block)) > 0;) written += got;
  printf("%s after %d\n", strerrorname_np(errno), written);
  signal(SIGPIPE, SIG_IGN);
  close(ends[0]);
  CALL(write, ends[1], block, 1);
  signal(SIGPIPE, SIG_DFL);
  CALL(write, ends[1], block, 1);
}

static void mappings(void) {
  int made = 0;
  // Every other page: none joins its neighbour.
  char *place = mmap(0, 1l << 34, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  while (mprotect(place + made * 8192l, 4096, PROT_READ) == 0) made++;
  printf("%s, %d\n", strerrorname_np(errno), made > 30000 && made < 33000);
}

static const char *self;
static void execution(void) {
  limit(RLIMIT_AS, 300 << 10, RLIM_INFINITY);
  execl(self, self, (char *)0);
  printf("%s\n", strerrorname_np(errno));
}

int main(int argc, char **argv) {
  self = argv[0];
  in_child("execution", execution);
  in_child("descriptors", descriptors);
  in_child("file size", file_size);
  in_child("huge offset", huge_offset);
  in_child("address space", address_space);
  in_child("data segment", data_segment);
  in_child("recursion", recursion);
  in_child("short stack", short_stack);
  in_child("stack in a small address space", stack_in_address_space);
  in_child("CPU time", cpu_time);
  in_child("full pipe", full_pipe);
  in_child("mappings", mappings);
  in_child("processes", processes);
  return 0;
}
