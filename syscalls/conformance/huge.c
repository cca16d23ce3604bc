// Numbers that no machine has, where memory and files are asked for.
#include "show.h"

int main(void) {
  static const unsigned long huge[] = {1ul << 47, (1ul << 47) - 4096, 1ul << 52, 1ul << 53, (1ul << 53) + 4096, 1ul << 62, 1ul << 63};
  char *place = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int file = open("file", O_CREAT | O_RDWR, 0644);
  ftruncate(file, 8192);
  for (unsigned i = 0; i < sizeof huge / sizeof *huge; i++) {
    unsigned long value = huge[i];
    printf("-- %lx\n", value);
    CALL(mmap, 0, value, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CALL(mmap, value, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CALL(mmap, 0, value, PROT_READ, MAP_PRIVATE, file, 0);
    CALL(munmap, place, value);
    CALL(munmap, value, 4096);
    CALL(mprotect, value, 4096, PROT_READ);
    CALL(mremap, value, 4096, 8192, MREMAP_MAYMOVE);
    CALL(mremap, place, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, value);
    CALL(madvise, value, 4096, MADV_DONTNEED);
    CALL(msync, value, 4096, MS_SYNC);
    CALL(mincore, value, 4096, place);
    CALL(pread64, file, place, 10, value);
    WORKS(brk, value);
    CALL(read, file, value, 10);
  }
  return 0;
}
