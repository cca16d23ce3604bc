// madvise(2), mincore(2), msync(2), mlock(2), membarrier(2), pkeys, and the rules of mmap(2), mremap(2), mprotect(2), brk(2).
#include "show.h"
#include <linux/membarrier.h>
#include <setjmp.h>
#include <sys/resource.h>

// What a forked child has of pages that were to stay behind or to be wiped: one character a page, '-' where there is none.
static void in_child(const char *what, char *p, int pages) {
  printf("%s: ", what);
  fflush(stdout);
  if (fork() == 0) {
    unsigned char vector[1];
    for (int i = 0; i < pages; i++)
      putchar(syscall(SYS_mincore, p + i * 4096, 4096L, vector) < 0 ? '-' : p[i * 4096] ? p[i * 4096] : '0');
    puts("");
    exit(0);
  }
  wait(0);
}

static void about_fork(void) {
  char *p = mmap(0, 6 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *shared = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 6; i++) p[i * 4096] = 'a' + i;
  shared[0] = 's', shared[4096] = 't';
  CALL(madvise, p + 4096, 4096L, MADV_DONTFORK);
  CALL(madvise, p + 3 * 4096, 8192L, MADV_WIPEONFORK);
  CALL(madvise, shared + 4096, 4096L, MADV_DONTFORK);
  CALL(madvise, shared, 4096L, MADV_WIPEONFORK);
  in_child("marked", p, 6);
  in_child("marked shared", shared, 2);
  p[3 * 4096] = 'D';
  in_child("written after", p, 6);
  char *moved = mremap(p + 3 * 4096, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, shared);
  in_child("moved", moved, 1);
  CALL(madvise, p + 4096, 4096L, MADV_DOFORK);
  CALL(madvise, p, 3 * 4096L, MADV_KEEPONFORK);
  CALL(madvise, p, 6 * 4096L, MADV_KEEPONFORK);
  in_child("as before", p, 3);
  in_child("as before", p + 4 * 4096, 2);
}

static void about_holes(void) {
  make("holes", "");
  int fd = open("holes", O_RDWR), memory = memfd_create("m", 0);
  ftruncate(fd, 4 * 4096), ftruncate(memory, 4 * 4096);
  char *kinds[] = {mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0),
                   mmap(0, 4 * 4096, PROT_READ, MAP_SHARED, fd, 0)};
  for (int kind = 0; kind < 6; kind++) {
    char *p = kinds[kind], back[4] = "";
    if (kind < 4) for (int i = 0; i < 4; i++) p[i * 4096] = 'a' + i;
    show("remove", syscall(SYS_madvise, p + 4096, 8192L, MADV_REMOVE));
    if (kind < 4) printf("%d %d %d %d\n", p[0], p[4096], p[2 * 4096], p[3 * 4096]);
    if (kind < 2) {
      for (int i = 0; i < 4; i++) pread(kind ? memory : fd, back + i, 1, i * 4096);
      printf("read %d %d %d %d\n", back[0], back[1], back[2], back[3]);
    }
  }
}

// What an access answers: the byte, or the signal's code.
static sigjmp_buf out;
static int code;

static void caught(int signal, siginfo_t *info, void *context) {
  code = info->si_signo * 100 + info->si_code;
  siglongjmp(out, 1);
}

static void touch(const char *what, char *p, int writes) {
  if (sigsetjmp(out, 1)) printf("%s: signal %d\n", what, code);
  else {
    if (writes) *p = 'w';
    printf("%s: %d\n", what, *(volatile char *)p);
  }
}

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

static void about_guards(void) {
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, 0);
  make("guarded", "");
  int fd = open("guarded", O_RDWR), memory = memfd_create("m", 0), other = memfd_create("m", 0), pipes[2];
  ftruncate(fd, 4 * 4096), ftruncate(memory, 4 * 4096), ftruncate(other, 4 * 4096);
  pwrite(fd, "f", 1, 4096), pwrite(memory, "m", 1, 4096), pwrite(other, "o", 1, 4096);
  pipe(pipes);
  char *kinds[] = {mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0),
                   mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, other, 0)};
  for (int kind = 0; kind < 6; kind++) {
    char *p = kinds[kind];
    printf("kind %d\n", kind);
    p[0] = 'a', p[4096] = 'b', p[2 * 4096] = 'c';
    CALL(madvise, p + 4096, 4096L, MADV_GUARD_INSTALL);
    CALL(madvise, p + 4096, 4096L, MADV_GUARD_INSTALL);
    touch("before", p, 0);
    touch("guarded", p + 4096, 0);
    touch("guarded", p + 2 * 4096 - 1, 1);
    touch("behind", p + 2 * 4096, 1);
    CALL(write, pipes[1], p + 4096, 1L);
    CALL(madvise, p, 4 * 4096L, MADV_DONTNEED);
    touch("still guarded", p + 4096, 0);
    CALL(madvise, p, 4 * 4096L, MADV_POPULATE_READ);
    CALL(mlock, p, 4 * 4096L);
    CALL(madvise, p, 4 * 4096L, MADV_GUARD_INSTALL);
    CALL(munlock, p, 4 * 4096L);
    mprotect(p, 4 * 4096, PROT_READ);
    touch("read only", p + 4096, 0);
    mprotect(p, 4 * 4096, PROT_READ | PROT_WRITE);
    touch("writable again", p + 4096, 1);
    fflush(stdout);
    if (fork() == 0) {
      touch("in a child", p + 4096, 0);
      CALL(madvise, p, 4 * 4096L, MADV_GUARD_REMOVE);
      touch("removed in a child", p + 4096, 0);
      fflush(stdout);
      _exit(0);
    }
    wait(0);
    touch("not removed", p + 4096, 0);
    CALL(madvise, p, 3 * 4096L, MADV_GUARD_REMOVE);
    touch("removed", p + 4096, 0);
    touch("written", p + 4096, 1);
    CALL(madvise, p, 4 * 4096L, MADV_GUARD_INSTALL);
    touch("all", p + 3 * 4096, 0);
    mmap(p + 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    touch("mapped anew", p + 4096, 1);
    munmap(p + 4096, 4096);
    CALL(madvise, p, 4 * 4096L, MADV_GUARD_INSTALL);
    CALL(madvise, p, 4 * 4096L, MADV_GUARD_REMOVE);
    CALL(madvise, p + 1, 4096L, MADV_GUARD_REMOVE);
    touch("at the end", p + 3 * 4096, 0);
  }
  char *wiped = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CALL(madvise, wiped, 4096L, MADV_GUARD_INSTALL);
  CALL(madvise, wiped, 4096L, MADV_WIPEONFORK);
  fflush(stdout);
  if (fork() == 0) {
    touch("wiped", wiped, 0);
    fflush(stdout);
    _exit(0);
  }
  wait(0);
  signal(SIGSEGV, SIG_DFL);
}

static void remove_page(const char *what, char *p) {
  printf("%s: ", what);
  CALL(madvise, p, 4096L, MADV_REMOVE);
}

// Seals and locks keep pages.
static void about_kept_pages(void) {
  static const int seals[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, 0x10 /* F_SEAL_FUTURE_WRITE */, 0x20 /* F_SEAL_EXEC */, 0x18};
  for (int i = 0; i < 6; i++) {
    int memory = memfd_create("m", MFD_ALLOW_SEALING);
    ftruncate(memory, 2 * 4096);
    char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    p[0] = 'a';
    CALL(fcntl, memory, F_ADD_SEALS, seals[i]);
    remove_page("shared", p);
    printf("%d\n", p[0]);
    CALL(fallocate, memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0L, 4096L);
    munmap(p, 4096);
    CALL(fcntl, memory, F_ADD_SEALS, seals[i]);
    char *reading = mmap(0, 4096, PROT_READ, MAP_SHARED, memory, 0);
    remove_page("read only", reading);
  }
  char *p = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CALL(mlock, p, 4096L);
  static const int advice[] = {MADV_REMOVE, MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_WILLNEED, 24 /* MADV_DONTNEED_LOCKED */};
  for (int i = 0; i < 7; i++)
    for (int pages = 1; pages < 3; pages++) CALL(madvise, p + (2 - pages) * 4096, pages * 4096L, advice[i]);
  CALL(munlock, p, 4096L);
  remove_page("unlocked", p);
  CALL(mlock2, p, 4096L, 1);
  remove_page("to be locked", p);
  fflush(stdout);
  if (fork() == 0) {
    remove_page("in a child", p);
    _exit(0);
  }
  wait(0);
  CALL(munlockall);
  remove_page("all unlocked", p);
  CALL(mlockall, MCL_CURRENT);
  remove_page("all locked", p);
  p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  remove_page("later", p);
  CALL(mlockall, MCL_FUTURE);
  p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  remove_page("later", p);
  p = mremap(p, 4096, 8192, MREMAP_MAYMOVE);
  remove_page("moved", p);
  CALL(munlockall);
  remove_page("all unlocked", p);
  p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
  remove_page("locked from the start", p);
  char *anonymous = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  anonymous[0] = 'x', anonymous[4096] = 'y';
  mlock(anonymous + 4096, 4096);
  CALL(madvise, anonymous, 8192L, MADV_DONTNEED);
  printf("%d %d\n", anonymous[0], anonymous[4096]);
  CALL(madvise, anonymous, 8192L, 24);
  printf("%d %d\n", anonymous[0], anonymous[4096]);
  int zero = open("/dev/zero", O_RDWR), reading = open("/dev/zero", O_RDONLY);
  p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  remove_page("private /dev/zero", p);
  CALL(madvise, p, 4096L, MADV_WIPEONFORK);
  CALL(madvise, p, 4096L, MADV_FREE);
  remove_page("shared /dev/zero", mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0));
  p = mmap(0, 4096, PROT_READ, MAP_SHARED, reading, 0);
  remove_page("/dev/zero to read", p);
  CALL(mprotect, p, 4096L, PROT_READ | PROT_WRITE);
  // How much an unprivileged process may lock.
  struct rlimit limit = {3 * 4096, 3 * 4096};
  fflush(stdout);
  if (fork() == 0) {
    p = mmap(0, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    setrlimit(RLIMIT_MEMLOCK, &limit);
    if (syscall(SYS_setresuid, 65534, 65534, 65534) != 0) _exit(0);
    CALL(mlock, p, 2 * 4096L);
    CALL(mlock, p, 3 * 4096L);
    CALL(mlock, p + 4 * 4096, 4096L);
    CALL(munlock, p, 4096L);
    CALL(mlock, p + 4 * 4096, 4096L);
    CALL(mlockall, MCL_CURRENT);
    CALL(mlockall, MCL_FUTURE);
    WORKS(mmap, 0L, 4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    CALL(munlockall);
    WORKS(mmap, 0L, 4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0L);
    WORKS(mmap, 0L, 4 * 4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0L);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_MEMLOCK, &limit);
    CALL(mlock, p, 4096L);
    WORKS(mmap, 0L, 4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0L);
    _exit(0);
  }
  wait(0);
}

// Pages of a private mapping are the file's until they are written.
static void about_private_pages(void) {
  make("private", "");
  int files[] = {open("private", O_RDWR), memfd_create("m", 0)};
  for (int i = 0; i < 2; i++) {
    int fd = files[i];
    ftruncate(fd, 4 * 4096);
    for (int page = 0; page < 4; page++) pwrite(fd, "abcd" + page, 1, page * 4096);
    char *p = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *shared = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    printf("%d %d %d\n", p[0], p[4096], p[3 * 4096]);
    p[4096] = 'X';
#define SHOW(what) printf("%s: %d %d %d %d\n", what, p[0], p[4096], p[2 * 4096], p[3 * 4096])
    CALL(madvise, shared, 3 * 4096L, MADV_REMOVE);
    SHOW("removed");
    pwrite(fd, "n", 1, 0), pwrite(fd, "o", 1, 4096);
    SHOW("written");
    CALL(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0L, 4 * 4096L);
    SHOW("punched");
    fflush(stdout);
    if (fork() == 0) {
      pwrite(fd, "c", 1, 0), pwrite(fd, "e", 1, 2 * 4096);
      SHOW("in a child");
      fflush(stdout);
      _exit(0);
    }
    wait(0);
    SHOW("after the child");
    p[0] = 'P', p[2 * 4096] = 'Q';
    ftruncate(fd, 4097);
    ftruncate(fd, 4 * 4096);
    SHOW("shorter");
    if (i == 0) {
      int again = open("private", O_RDWR | O_TRUNC);
      ftruncate(again, 4 * 4096);
      SHOW("truncated");
      p[0] = 'R', p[2 * 4096] = 'S';
      truncate("private", 4096);
      truncate("private", 4 * 4096);
      SHOW("truncated by name");
    }
  }
}

int main(void) {
  about_fork();
  about_holes();
  about_guards();
  about_kept_pages();
  about_private_pages();
  char *p = mmap((void *)0x10000000000, 10 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  char *hole = p + 20 * 4096, vector[16];
  make("file", "hello");
  int fd = open("file", O_RDWR);
  char *file = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  p[0] = 1, p[3 * 4096] = 1;
  CALL(mincore, p, 5 * 4096L, vector);
  printf("%d%d%d%d%d\n", vector[0], vector[1], vector[2], vector[3], vector[4]);
  CALL(mincore, p + 1, 4096L, vector);
  CALL(mincore, hole, 4096L, vector);
  CALL(mincore, p + 9 * 4096, 8192L, vector);
  CALL(mincore, p, 4096L, 8L);
  CALL(mincore, p, 0L, 8L);
  CALL(mincore, p, -1L, vector);
  int advices[] = {0, 1, 2, 3, 4, 8, 14, 15, 16, 17, 20, 21, 22, 23, 99, -1};
  for (int i = 0; i < sizeof advices / sizeof *advices; i++) {
    int advice = advices[i];
    printf("advice %d: ", advice);
    show("mapped", syscall(SYS_madvise, p, 8192L, advice));
    show("nothing", syscall(SYS_madvise, p, 0L, advice));
    show("unaligned", syscall(SYS_madvise, p + 1, 4096L, advice));
    show("hole", syscall(SYS_madvise, hole, 4096L, advice));
    show("partly", syscall(SYS_madvise, p + 9 * 4096, 8192L, advice));
    show("huge", syscall(SYS_madvise, p, -4096L, advice));
    show("shared file", syscall(SYS_madvise, file, 4096L, advice));
    show("private file", syscall(SYS_madvise, private, 4096L, advice));
  }
  printf("%d\n", p[0]);
  mprotect(p + 4096, 4096, PROT_NONE);
  mprotect(p + 8192, 4096, PROT_READ);
  CALL(madvise, p, 8192L, MADV_POPULATE_READ);
  CALL(madvise, p + 8192, 4096L, MADV_POPULATE_WRITE);
  CALL(madvise, p + 8192, 4096L, MADV_POPULATE_READ);
  CALL(mincore, p + 8192, 4096L, vector);
  CALL(msync, file, 4096L, MS_SYNC);
  CALL(msync, file, 4096L, MS_ASYNC | MS_INVALIDATE);
  CALL(msync, file, 4096L, MS_SYNC | MS_ASYNC);
  CALL(msync, file, 4096L, 8);
  CALL(msync, file + 1, 4096L, MS_SYNC);
  CALL(msync, hole, 4096L, MS_SYNC);
  CALL(msync, p + 9 * 4096, 8192L, MS_SYNC);
  CALL(msync, file, 0L, MS_SYNC);
  CALL(msync, hole, 0L, MS_SYNC);
  CALL(msync, file, 4096L, 0);
  CALL(mlock, p, 4096L);
  CALL(mlock, p + 100, 5000L);
  CALL(mlock, p + 4096, 4096L);
  CALL(mlock, hole, 4096L);
  CALL(mlock, p, 0L);
  CALL(munlock, p, 4096L);
  CALL(munlock, hole, 4096L);
  CALL(munlock, p, 10 * 4096L);
  CALL(mlock2, p, 4096L, 1);
  CALL(mlock2, p, 4096L, 2);
  CALL(munlock, p, 4096L);
  CALL(mlockall, 0);
  CALL(mlockall, 4);
  CALL(mlockall, 8);
  CALL(mlockall, MCL_CURRENT | 4);
  CALL(munlockall);
  works("membarrier query", syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));
  CALL(membarrier, MEMBARRIER_CMD_QUERY, 1, 0);
  CALL(membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
  CALL(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  CALL(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  CALL(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  CALL(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
  CALL(membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
  CALL(membarrier, 3, 0, 0);
  CALL(membarrier, 0x40000, 0, 0);
  CALL(pkey_mprotect, p, 4096L, 3L, -1);
  CALL(pkey_alloc, 1L, 0L);
  CALL(pkey_alloc, 0L, 9L);
  CALL(pkey_free, 99);
  CALL(pkey_mprotect, p, 4096L, 3L, 99);

  // Mapping.
  CALL(mmap, 0L, 0L, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  CALL(mmap, 0L, 4096L, 3, MAP_ANONYMOUS, -1, 0L);
  CALL(mmap, 0L, 4096L, 3, MAP_PRIVATE, 99, 0L);
  CALL(mmap, 0L, 4096L, 3, MAP_PRIVATE, fd, 1L);
  CALL(mmap, p, 4096L, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0L);
  CALL(mmap, p + 1, 4096L, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0L);
  CALL(mmap, hole, 4096L, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0L);
  CALL(mmap, 0L, 1L << 60, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  CALL(mmap, 0L, 4096L, 3, MAP_SHARED, open("file", O_RDONLY), 0L);
  CALL(mmap, 0L, 4096L, 1, MAP_PRIVATE, open("file", O_WRONLY), 0L);
  CALL(mmap, 0L, 4096L, 1, MAP_PRIVATE, open(".", O_RDONLY), 0L);
  CALL(mmap, 0L, 4096L, 1, MAP_SHARED | MAP_GROWSDOWN, fd, 0L);
  CALL(mmap, 0L, 4096L, 1, MAP_SHARED_VALIDATE | 0x800000, fd, 0L);
  CALL(mmap, 0L, 4096L, 1, MAP_PRIVATE, open("file", O_PATH), 0L);
  WORKS(mmap, 0L, 4096L, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_STACK | MAP_NORESERVE | 0x40, -1, 0L);
  char *populated = mmap(0, 4 * 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  CALL(mincore, populated, 4 * 4096L, vector);
  printf("%d%d%d%d\n", vector[0], vector[1], vector[2], vector[3]);
  int null = open("/dev/zero", O_RDWR);
  char *zeros = mmap(0, 4096, 3, MAP_PRIVATE, null, 0);
  show("mmap of /dev/zero", zeros == MAP_FAILED ? -1 : zeros[5]);
  char *grows = mmap((void *)0x20000100000, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
  grows[-100] = 7;
  printf("%d\n", grows[-100]);
  CALL(munmap, p + 1, 4096L);
  CALL(munmap, p, 0L);
  CALL(munmap, hole + 4096 * 50, 4096L);
  CALL(munmap, p, -4096L);
  CALL(mprotect, p + 1, 4096L, 1);
  CALL(mprotect, p, 0L, 1);
  CALL(mprotect, hole + 4096 * 50, 4096L, 1);
  CALL(mprotect, p, 4096L, 64);
  CALL(mprotect, p, 4096L, PROT_READ | PROT_GROWSDOWN);
  CALL(mprotect, p, 4096L, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP);
  CALL(mremap, p, 4096L, 0L, 0, 0L);
  CALL(mremap, p + 1, 4096L, 8192L, 0, 0L);
  CALL(mremap, p, 4096L, 8192L, 8, 0L);
  CALL(mremap, p, 4096L, 8192L, MREMAP_FIXED, p);
  CALL(mremap, p, 4096L, 8192L, MREMAP_FIXED | MREMAP_MAYMOVE, p);
  CALL(mremap, p, 4096L, 8192L, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 0L);
  CALL(mremap, hole + 4096 * 50, 4096L, 8192L, 0, 0L);
  CALL(mremap, p, 4096L, 8192L, 0, 0L);
  CALL(mremap, p, 4096L, 4096L, MREMAP_FIXED | MREMAP_MAYMOVE, hole);
  printf("%d\n", hole[0]);
  long top = syscall(SYS_brk, 0L);
  printf("%d\n", syscall(SYS_brk, top + 4096) == top + 4096);
  printf("%d\n", syscall(SYS_brk, 8L) == top + 4096);
  printf("%d\n", syscall(SYS_brk, top) == top);
  return 0;
}
