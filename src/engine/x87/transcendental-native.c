// Transcendental x87 instructions on this CPU beside libquadmath's values of 113 bits: transcendental-native SEED COUNT. One line a case:
// the instruction's number, st(0), st(1), the CPU's result and the value, each as hexadecimal bytes in memory order. Arguments are in
// range, those of the trigonometric ones below π/4, where no reduction by a short π shows.
#include <quadmath.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint64_t next(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }
static long double number(int least, int greatest) {
  long double value = 0;
  uint64_t significand = next() | 1ull << 63;
  uint16_t sign_and_exponent = (next() & 1) << 15 | (16383 + least + (int)(next() % (uint64_t)(greatest - least + 1)));
  memcpy(&value, &significand, 8);
  memcpy((char *)&value + 8, &sign_and_exponent, 2);
  return value;
}
static void print(const void *bytes, int length) {
  printf(" ");
  for (int n = 0; n < length; n++) printf("%02x", ((const uint8_t *)bytes)[n]);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  state = strtoull(argv[1], 0, 10) * 0x9e3779b97f4a7c15ull + 1;
  for (int n = atoi(argv[2]); n > 0; n--) {
    int which = n % 7;
    long double x = number(which < 4 ? -40 : -60, which < 4 ? -2 : 60), y = number(-60, 60), got;
    __float128 value;
    if (which == 5) x = x < 0 ? -x : x;
    if (which == 6) x = number(-60, -2);
#define ONE(op) __asm__("fldt %1\n " op "\n fstpt %0" : "=m"(got) : "m"(x) : "st", "st(1)")
#define TWO(op) __asm__("fldt %1\n fldt %2\n " op "\n fstpt %0" : "=m"(got) : "m"(y), "m"(x) : "st", "st(1)", "st(2)")
    switch (which) {
      case 0: ONE("fsin"); value = sinq(x); break;
      case 1: ONE("fcos"); value = cosq(x); break;
      case 2: ONE("fptan\n fstp %%st(0)"); value = tanq(x); break;
      case 3: ONE("f2xm1"); value = expm1q((__float128)x * M_LN2q); break;
      case 4: TWO("fpatan"); value = atan2q(y, x); break;
      case 5: TWO("fyl2x"); value = y * log2q(x); break;
      default: TWO("fyl2xp1"); value = y * (log1pq(x) / M_LN2q);
    }
    printf("%d", which);
    print(&x, 10);
    print(&y, 10);
    print(&got, 10);
    print(&value, 16);
    printf("\n");
  }
  return 0;
}
