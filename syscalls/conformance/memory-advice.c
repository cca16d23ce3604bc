// madvise(2), mincore(2), msync(2), mlock(2), membarrier(2), pkeys, and the rules of mmap(2), mremap(2), mprotect(2), brk(2).
#include "show.h"
#include <linux/membarrier.h>

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

int main(void) {
  about_fork();
  about_holes();
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
