// Runs x87 instructions on this CPU with random operands: x87-native SEED COUNT. One line a case: opcode and modrm, whether it
// takes memory, values on the stack, control word, st(0) and st(1) as significand and exponent, memory before and after,
// status word, tag word, RFLAGS, then st(0)–st(2) after it ("- -" when empty). Transcendental instructions are left out.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct { uint64_t significand; uint16_t exponent; } __attribute__((packed)) image;

static uint64_t state;
static uint64_t next(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }
static int below(int limit) { return (int)(next() % (uint64_t)limit); }

// Zeros, infinities, NaNs, denormals, both ends of the range, and numbers near the limits of floats, doubles and integers.
static image value(void) {
  const uint64_t top = 1ull << 63, quiet = 1ull << 62;
  uint64_t m = next() | top;
  int sign = below(2) << 15, e;
  switch (below(16)) {
    case 0: return (image){0, sign};
    case 1: return (image){top, sign | 0x7fff};
    case 2: return (image){m | quiet, sign | 0x7fff};
    case 3: return (image){(m & ~quiet) | 1, sign | 0x7fff};
    case 4: return (image){next() >> (1 + below(62)), sign};
    case 5: e = 1 + below(0x7ffd); break;
    case 6: e = 16383 + below(70); m = (m >> 40 << 40) | top; break;
    case 7: e = 16381 + below(5); m = top | below(3); break;
    case 8: e = 1 + below(80); break;
    case 9: e = 0x7ffe - below(80); break;
    case 10: e = 16383 - 1022 - 53 + below(60); break;
    case 11: e = 16383 - 126 - 24 + below(30); break;
    default: e = 16383 - 20 + below(90);
  }
  return (image){m, sign | e};
}

static const uint16_t registers[] = {
  0xd8c1, 0xd8c9, 0xd8d1, 0xd8e1, 0xd8e9, 0xd8f1, 0xd8f9, 0xd9fa, 0xd9fc, 0xd9f8, 0xd9f5, 0xd9fd, 0xd9f4, 0xd9e5,
  0xd9e4, 0xd9e0, 0xd9e1, 0xd9c1, 0xd9c9, 0xdce1, 0xdde1, 0xdec1, 0xdef1, 0xdee9, 0xd9e8, 0xd9e9, 0xd9ea, 0xd9eb,
  0xd9ec, 0xd9ed, 0xd9ee, 0xddd1, 0xddd9, 0xded9, 0xdae9, 0xdbe9, 0xdbf1, 0xdfe9, 0xdff1, 0xddc0,
};
static const uint16_t memory[] = {
  0xd910, 0xd918, 0xdd10, 0xdd18, 0xdb38, 0xdf10, 0xdb10, 0xdf18, 0xdb18, 0xdf38, 0xdf08, 0xdb08, 0xdd08, 0xdf30,
  0xd900, 0xdd00, 0xdb28, 0xdf00, 0xdb00, 0xdf28, 0xd800, 0xdc08, 0xda20, 0xde30, 0xdc10, 0xdf20,
};

static void operand(int operation, unsigned char *bytes) {
  for (int n = 0; n < 16; n++) bytes[n] = next();
  if (operation == 0xdb28) {
    image wide = value();
    memcpy(bytes, &wide, 10);
  } else if (operation == 0xd900 || operation == 0xd800) {
    uint32_t w = next();
    if (below(4) == 0) w = (w & 0x80000000) | 0x7f800000 | (below(2) ? w & 0x7fffff : 0);
    else if (below(5) == 0) w &= 0x807fffff;
    memcpy(bytes, &w, 4);
  } else if (operation == 0xdd00 || operation == 0xdc08 || operation == 0xdc10) {
    uint64_t w = next();
    if (below(2)) w = (w & ~(0x7ffull << 52)) | (uint64_t)(1013 + below(60)) << 52;
    else if (below(3) == 0) w |= 0x7ffull << 52;
    else if (below(3) == 0) w &= 0x800fffffffffffffull;
    memcpy(bytes, &w, 8);
  } else if (operation == 0xdf20) {
    for (int n = 0; n < 9; n++) bytes[n] = below(10) | below(10) << 4;
    bytes[9] = below(2) << 7;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  state = strtoull(argv[1], 0, 10) * 0x9e3779b97f4a7c15ull + 1;
  unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int n = atoi(argv[2]); n > 0; n--) {
    image a = value(), b = value();
    int precision = below(4) ? 3 : below(2) ? 0 : 2;
    uint16_t control = 0x7f | precision << 8 | below(4) << 10;
    int withMemory = below(3) == 0;
    int operation = withMemory ? memory[below(sizeof memory / 2)] : registers[below(sizeof registers / 2)];
    // What fxam says of the sign of an empty register is whatever was in it.
    int depth = below(8) == 0 && operation != 0xd9e5 ? below(2) : 2;
    unsigned char before[16], bytes[16], saved[108];
    operand(operation, bytes);
    memcpy(before, bytes, 16);
    uint64_t flags;
    code[0] = operation >> 8;
    code[1] = withMemory ? (operation & 0x38) | 6 : operation & 0xff; // [rsi]
    code[2] = 0xc3;
    __asm__ volatile("fninit" ::: "memory");
    if (depth > 1) __asm__ volatile("fldt %0" ::"m"(b));
    if (depth > 0) __asm__ volatile("fldt %0" ::"m"(a));
    // Condition codes that an instruction may leave alone.
    uint32_t environment[7];
    uint16_t codes = next() & 0x4700;
    __asm__ volatile("fnclex\n fnstenv %0" : "=m"(environment));
    environment[0] = control;
    environment[1] = (environment[1] & ~0x4700) | codes;
    __asm__ volatile("fldenv %0" ::"m"(environment));
    __asm__ volatile("sub $256, %%rsp\n call *%2\n pushfq\n pop %0\n add $256, %%rsp"
                     : "=&r"(flags) : "S"(bytes), "r"(code) : "memory", "cc");
    __asm__ volatile("fnsave %0" : "=m"(saved));
    uint16_t status = *(uint16_t *)(saved + 4), tags = *(uint16_t *)(saved + 8);
    printf("%x %d %d %x %x %llx %x %llx %x ", operation, withMemory, depth, control, codes, (unsigned long long)a.significand,
           a.exponent, (unsigned long long)b.significand, b.exponent);
    for (int i = 0; i < 10; i++) printf("%02x", before[i]);
    printf(" ");
    for (int i = 0; i < 10; i++) printf("%02x", bytes[i]);
    printf(" %x %x %x", status, tags, (unsigned)(flags & 0x45));
    for (int i = 0; i < 3; i++) {
      image *st = (image *)(saved + 28 + 10 * i);
      if ((tags >> ((((status >> 11) + i) & 7) * 2) & 3) == 3) printf(" - -");
      else printf(" %llx %x", (unsigned long long)st->significand, st->exponent);
    }
    printf("\n");
  }
  return 0;
}
