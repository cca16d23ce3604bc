// Runs machine code on this CPU: harness CASES RESULTS. Each case gives all registers, a few bytes of memory and code; each
// result is the state at its end or at its fault; x87, SSE and AVX state go in and out as an XSAVE image (SDM vol. 1, 13.4).
// The binary layout is in format.ts. No control flow leaves a case except through its end or a signal. Status 4: no AVX here.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#define DATA_BASE 0x10000000ul
#define DATA_SIZE 0x4000
#define READ_ONLY_SIZE 0x1000
#define CODE_BASE 0x20000000ul
#define CODE_SIZE 0x2000

// The standard form of an XSAVE image: 512 bytes as FXSAVE has them, a header, the upper halves of ymm0 to ymm15.
#define STATE_SIZE 832
struct input {
  uint64_t gpr[16], flags;
  uint16_t code_length, patches;
  uint8_t unused[52], state[STATE_SIZE];
};
struct output {
  uint64_t gpr[16], flags, rip, address;
  int32_t signal, code, trap, error;
  uint32_t changes;
  uint8_t unused[20], state[STATE_SIZE];
};
struct word { uint64_t offset, value; };

struct input current __attribute__((aligned(64)));
struct output final __attribute__((aligned(64)));
uint64_t host_rsp, target = CODE_BASE;
uint32_t default_mxcsr = 0x1f80;
void enter(void);
void leave_end(void);
void leave_signal(void);

// `enter` returns when the code jumps to leave_end, or when the signal handler calls leave_signal.
__asm__(
  ".text\n.globl enter, leave_end, leave_signal\n"
  "enter:\n"
  "  push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
  "  mov %rsp, host_rsp(%rip)\n"
  "  mov $7, %eax\n xor %edx, %edx\n xrstor64 current+192(%rip)\n"
  "  pushq current+128(%rip)\n popfq\n"
#define EACH(G) G(0, rax) G(1, rcx) G(2, rdx) G(3, rbx) G(4, rsp) G(5, rbp) G(6, rsi) G(7, rdi) \
  G(8, r8) G(9, r9) G(10, r10) G(11, r11) G(12, r12) G(13, r13) G(14, r14) G(15, r15)
#define LOAD(n, name) "  mov current+8*" #n "(%rip), %" #name "\n"
  EACH(LOAD)
  "  jmp *target(%rip)\n"
  "leave_end:\n"
#define SAVE(n, name) "  mov %" #name ", final+8*" #n "(%rip)\n"
  EACH(SAVE)
  "  mov host_rsp(%rip), %rsp\n"
  "  pushfq\n popq final+128(%rip)\n pushq $2\n popfq\n"
  "  mov $7, %eax\n xor %edx, %edx\n xsave64 final+192(%rip)\n"
  "leave_signal:\n"
  "  fninit\n ldmxcsr default_mxcsr(%rip)\n"
  "  mov host_rsp(%rip), %rsp\n"
  "  pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

static void on_signal(int number, siginfo_t *info, void *context) {
  // In encoding order: rax rcx rdx rbx rsp rbp rsi rdi r8 …
  static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
  for (int n = 0; n < 16; n++) final.gpr[n] = machine->gregs[order[n]];
  final.flags = machine->gregs[REG_EFL];
  final.rip = machine->gregs[REG_RIP];
  final.address = (uint64_t)info->si_addr;
  final.signal = number;
  final.code = info->si_code;
  final.trap = machine->gregs[REG_TRAPNO];
  final.error = machine->gregs[REG_ERR];
  memcpy(final.state, machine->fpregs, STATE_SIZE);
  if (number == SIGALRM) {
    fprintf(stderr, "harness: a case did not end; rip %#lx, code", (unsigned long)final.rip);
    for (int n = 0; n < 16; n++) fprintf(stderr, " %02x", ((uint8_t *)CODE_BASE)[n]);
    _exit(3);
  }
  // An alignment check that the code switched on would hit the harness itself.
  __asm__ volatile("sub $128, %%rsp\n pushq $2\n popfq\n add $128, %%rsp" ::: "cc", "memory");
  leave_signal();
}

static void die(const char *what) {
  perror(what);
  exit(2);
}

static void map(uint64_t address, size_t size, int protection) {
  void *want = (void *)address;
  if (mmap(want, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != want) die("mmap");
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  if (!__builtin_cpu_supports("avx")) return 4;
  int in = open(argv[1], O_RDONLY);
  struct stat status;
  if (in < 0 || fstat(in, &status) < 0) die(argv[1]);
  const uint8_t *at = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, in, 0);
  if (at == MAP_FAILED) die("mmap input");
  FILE *out = fopen(argv[2], "wb");
  if (out == NULL) die(argv[2]);
  setvbuf(out, NULL, _IOFBF, 1 << 20);

  map(DATA_BASE, DATA_SIZE + READ_ONLY_SIZE, PROT_READ | PROT_WRITE);
  map(CODE_BASE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
  static uint8_t alternate[1 << 16];
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM};
  for (unsigned n = 0; n < sizeof signals / sizeof signals[0]; n++) sigaction(signals[n], &action, NULL);

  uint64_t count;
  memcpy(&count, at, 8);
  at += 8;
  static uint64_t before[DATA_SIZE / 8];
  uint64_t *data = (uint64_t *)DATA_BASE;
  const uint8_t *fill = at;
  memcpy(data, fill, DATA_SIZE + READ_ONLY_SIZE);
  memcpy(before, fill, DATA_SIZE);
  at += DATA_SIZE + READ_ONLY_SIZE;
  mprotect((void *)(DATA_BASE + DATA_SIZE), READ_ONLY_SIZE, PROT_READ);

  static struct word changes[DATA_SIZE / 8];
  static const uint8_t jump[6] = {0xff, 0x25};  // jmp [rip+0], then the address: changes no register and no flag
  uint64_t leave = (uint64_t)leave_end;
  for (uint64_t n = 0; n < count; n++) {
    memcpy(&current, at, sizeof current);
    at += sizeof current;
    uint8_t *code = (uint8_t *)CODE_BASE;
    memcpy(code, at, current.code_length);
    memcpy(code + current.code_length, jump, 6);
    memcpy(code + current.code_length + 6, &leave, 8);
    at += (current.code_length + 7) & ~7;
    const struct word *patches = (const struct word *)at;
    for (int p = 0; p < current.patches; p++) {
      memcpy((uint8_t *)data + patches[p].offset, &patches[p].value, 8);
      memcpy((uint8_t *)before + patches[p].offset, &patches[p].value, 8);
    }

    final.signal = 0;
    final.code = 0;
    final.address = 0;
    final.trap = 0;
    final.error = 0;
    final.rip = CODE_BASE + current.code_length;
    if ((n & 1023) == 0) alarm(30);
    enter();

    final.changes = 0;
    for (int block = 0; block < DATA_SIZE / 8; block += 16) {
      if (memcmp(data + block, before + block, 128) == 0) continue;
      for (int w = block; w < block + 16; w++) {
        if (data[w] == before[w]) continue;
        changes[final.changes].offset = w * 8;
        changes[final.changes++].value = data[w];
        data[w] = before[w];
      }
    }
    fwrite(&final, sizeof final, 1, out);
    fwrite(changes, sizeof(struct word), final.changes, out);
    for (int p = 0; p < current.patches; p++) {
      memcpy((uint8_t *)data + patches[p].offset, fill + patches[p].offset, 8);
      memcpy((uint8_t *)before + patches[p].offset, fill + patches[p].offset, 8);
    }
    at += current.patches * sizeof(struct word);
  }
  return fclose(out) == 0 ? 0 : 2;
}
