// Runs a sequence of layout calls on the host kernel, in a window of addresses: the truth for native.test.ts.
// A line of input is "op a b c d" (map: address length prot flags, protect: address length prot, unmap: address length,
// remap: old oldLength newLength flags<<48|new). A line of output: the result (-errno, "outside" for a placement outside the window, which is
// unmapped again), then for each page of the window its protection and first byte.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WINDOW 0x10000000UL
#define PAGES 48
#define PAGE 4096UL

static int inside(long result) {
  return result >= (long)WINDOW && result < (long)(WINDOW + PAGES * PAGE);
}

static void show_pages(int memory) {
  char protection[PAGES + 1];
  memset(protection, '.', PAGES);
  protection[PAGES] = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512];
  while (fgets(line, sizeof line, maps)) {
    unsigned long start, end;
    char mode[5];
    sscanf(line, "%lx-%lx %4s", &start, &end, mode);
    for (unsigned long page = 0; page < PAGES; page++) {
      unsigned long at = WINDOW + page * PAGE;
      if (at >= start && at < end) protection[page] = '0' + (mode[0] == 'r') + 2 * (mode[1] == 'w') + 4 * (mode[2] == 'x');
    }
  }
  fclose(maps);
  printf(" %s ", protection);
  for (unsigned long page = 0; page < PAGES; page++) {
    unsigned char byte;
    if (pread(memory, &byte, 1, WINDOW + page * PAGE) == 1) printf("%02x", byte);
    else printf("xx");
  }
  printf("\n");
}

int main(void) {
  int memory = open("/proc/self/mem", O_RDONLY);
  char op[16];
  unsigned long a, b, c, d;
  unsigned char mark = 0;
  while (scanf("%15s %lx %lx %lx %lx", op, &a, &b, &c, &d) == 5) {
    long result;
    unsigned long length = b;
    if (!strcmp(op, "map")) result = syscall(SYS_mmap, a, b, c, d, -1, 0);
    else if (!strcmp(op, "protect")) result = syscall(SYS_mprotect, a, b, c);
    else if (!strcmp(op, "unmap")) result = syscall(SYS_munmap, a, b);
    else result = syscall(SYS_mremap, a, b, c, d >> 48, d & 0xffffffffffffUL), length = c;
    if (result == -1) result = -errno;
    mark++;
    int placed = result > 0 && (!strcmp(op, "map") || !strcmp(op, "remap"));
    if (placed && !inside(result)) {
      munmap((void *)result, length);
      printf("outside");
    } else {
      if (placed && !strcmp(op, "map") && (c & PROT_WRITE))
        for (unsigned long at = 0; at < length; at += PAGE) *(unsigned char *)(result + at) = mark;
      printf("%ld", result);
    }
    show_pages(memory);
  }
  return 0;
}
