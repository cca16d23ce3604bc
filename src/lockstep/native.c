// The native side of lockstep: tracer COMMANDS REPLIES HWCAP HWCAP2 PROGRAM ARGS… runs the program under ptrace, one instruction
// a step, and compares each with what the engine says it does. Commands come in order through one pipe, replies go through another; a
// reply is what was asked for, or the first difference, after which there is nothing more. The layouts are in stream.ts.
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEP = 1, EVENT, PAGES, SYNC, STATE_OF, SKIP };
enum { STATE = 1, PAGES_READ, SYNCED, DIFFERS, EXITED, FAILED };
enum { HAS_VECTORS = 1, HAS_X87 = 2, REPEATED = 4, PUSHES_FLAGS = 8, ADOPTED = 16 };
enum { PAGE = 4096, REGISTERS = 18, RCX = 1, RSP = 4, VECTORS = 16, X87_BYTES = 160, XSAVE_BYTES = 832, TRAP_FLAG = 0x100 };

struct step { uint32_t op, parts, changed, rflags, mask, ranges; uint64_t rip; };
struct event { uint32_t op, pages, signal, code; uint64_t address; };
// gpr: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15, then the bases of fs and gs.
struct machine {
  uint64_t gpr[REGISTERS], rip, rflags, mxcsr;
  uint8_t vectors[VECTORS][32], x87[X87_BYTES];
};
struct state {
  uint64_t count, gpr[REGISTERS], rip, rflags, selectors[6];
  uint8_t xsave[XSAVE_BYTES];
};
struct difference {
  uint64_t count, at, signal, signal_code, signal_address, mask, parts, ranges;
  uint8_t code[16];
  struct machine expected, got;
};
struct exited { uint64_t count, status; };

static pid_t child;
static int replies;
static uint64_t hwcap, hwcap2, count;
static struct machine expected;
static struct user_regs_struct registers;
static uint8_t xsave[1 << 14];

// ---- the pipes ----------------------------------------------------------------------------------------------------

static uint8_t input[1 << 16];
static size_t input_at, input_end;
static int commands;

static void take(void *into, size_t size) {
  for (uint8_t *at = into; size > 0;) {
    if (input_at == input_end) {
      ssize_t got = read(commands, input, sizeof input);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) exit(0);
      input_at = 0;
      input_end = got;
    }
    size_t part = input_end - input_at < size ? input_end - input_at : size;
    memcpy(at, input + input_at, part);
    input_at += part;
    at += part;
    size -= part;
  }
}

static void put(const void *from, size_t size) {
  for (const uint8_t *at = from; size > 0;) {
    ssize_t done = write(replies, at, size);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) exit(0);
    at += done;
    size -= done;
  }
}

static void reply(uint32_t kind, uint32_t size) {
  uint32_t header[2] = {kind, size};
  put(header, sizeof header);
}

static void fail(const char *what) {
  char text[256];
  int size = snprintf(text, sizeof text, "%s: %s", what, strerror(errno));
  reply(FAILED, size);
  put(text, size);
  exit(2);
}

static void exited(int status) {
  struct exited end = {count, status};
  reply(EXITED, sizeof end);
  put(&end, sizeof end);
  exit(0);
}

// ---- the program ----------------------------------------------------------------------------------------------------

/** Its bytes; how many could be read. */
static size_t peek(uint64_t address, void *into, size_t size) {
  struct iovec local = {into, size}, remote = {(void *)address, size};
  ssize_t got = process_vm_readv(child, &local, 1, &remote, 1, 0);
  return got < 0 ? 0 : got;
}

static void poke(uint64_t address, uint64_t value) {
  if (ptrace(PTRACE_POKEDATA, child, address, value) < 0) fail("PTRACE_POKEDATA");
}

static void load_registers(void) {
  if (ptrace(PTRACE_GETREGS, child, 0, &registers) < 0) fail("PTRACE_GETREGS");
}

static void load_xsave(void) {
  struct iovec area = {xsave, sizeof xsave};
  if (ptrace(PTRACE_GETREGSET, child, NT_X86_XSTATE, &area) < 0) fail("PTRACE_GETREGSET");
}

#define FIELD(name) offsetof(struct user_regs_struct, name)
static const uint16_t places[REGISTERS] = {
    FIELD(rax), FIELD(rcx), FIELD(rdx), FIELD(rbx), FIELD(rsp), FIELD(rbp), FIELD(rsi), FIELD(rdi),     FIELD(r8),
    FIELD(r9),  FIELD(r10), FIELD(r11), FIELD(r12), FIELD(r13), FIELD(r14), FIELD(r15), FIELD(fs_base), FIELD(gs_base)};
static unsigned long long *place(int n) { return (unsigned long long *)((uint8_t *)&registers + places[n]); }

static void machine_of(struct machine *into) {
  for (int n = 0; n < REGISTERS; n++) into->gpr[n] = *place(n);
  into->rip = registers.rip;
  into->rflags = registers.eflags;
}

// An XSAVE image in the standard form (SDM vol. 1, 13.4).
static void vectors_of(struct machine *into) {
  memcpy(&into->mxcsr, xsave + 24, 4);
  for (int n = 0; n < VECTORS; n++) {
    memcpy(into->vectors[n], xsave + 160 + 16 * n, 16);
    memcpy(into->vectors[n] + 16, xsave + 576 + 16 * n, 16);
  }
  memcpy(into->x87, xsave, X87_BYTES);
}

static void tell_state(void) {
  struct state state = {.count = count, .rip = registers.rip, .rflags = registers.eflags};
  for (int n = 0; n < REGISTERS; n++) state.gpr[n] = *place(n);
  uint64_t selectors[6] = {registers.es, registers.cs, registers.ss, registers.ds, registers.fs, registers.gs};
  memcpy(state.selectors, selectors, sizeof selectors);
  memcpy(state.xsave, xsave, XSAVE_BYTES);
  reply(STATE, sizeof state);
  put(&state, sizeof state);
  machine_of(&expected);
  vectors_of(&expected);
}

/**
 * A new program: without the vDSO, whose data the kernel changes behind our back, and with the engine's CPU in its auxiliary
 * vector.
 */
static void prepare(void) {
  load_registers();
  uint64_t at = registers.rsp, word;
  if (peek(at, &word, 8) != 8) fail("the stack");
  at += 8 * (word + 2);
  do {
    if (peek(at, &word, 8) != 8) fail("the environment");
    at += 8;
  } while (word != 0);
  for (;; at += 16) {
    if (peek(at, &word, 8) != 8) fail("the auxiliary vector");
    if (word == AT_NULL) break;
    if (word == AT_SYSINFO_EHDR) poke(at, AT_IGNORE);
    if (word == AT_HWCAP) poke(at + 8, hwcap);
    if (word == AT_HWCAP2) poke(at + 8, hwcap2);
  }
}

// ---- running it -----------------------------------------------------------------------------------------------------

/** Resumes for one instruction, with a signal or 0; returns the signal of the stop, and in *event whether it is an execve. */
static int resume(int signal, int *event) {
  int status;
  if (ptrace(PTRACE_SINGLESTEP, child, 0, signal) < 0) fail("PTRACE_SINGLESTEP");
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("waitpid");
  if (!WIFSTOPPED(status)) exited(status);
  if (event != NULL) *event = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
  return WSTOPSIG(status);
}

/** Signals that came from outside between two events; the program gets them at the next. */
static siginfo_t held[64];
static int holds;

static void load_signal(siginfo_t *info) {
  memset(info, 0, sizeof *info);
  ptrace(PTRACE_GETSIGINFO, child, 0, info);
}

/** One instruction; 0, or the signal that it raises. */
static int single(siginfo_t *info) {
  for (;;) {
    int signal = resume(0, NULL);
    if (signal == SIGTRAP) return 0;
    load_signal(info);
    int raised = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
    if (raised && info->si_code > 0) return signal;
    if (holds == (int)(sizeof held / sizeof *held)) fail("more signals than can be held");
    held[holds++] = *info;
  }
}

/** The kernel would write to rseq's area whenever it likes (rseq(2)): the program finds that there is no such call. */
static void refuse_rseq(void) {
  uint8_t code[2] = {0};
  peek(registers.rip, code, sizeof code);
  if (code[0] != 0x0f || code[1] != 0x05 || registers.rax != SYS_rseq) return;
  registers.rax = -1;
  registers.orig_rax = -1;
  if (ptrace(PTRACE_SETREGS, child, 0, &registers) < 0) fail("PTRACE_SETREGS");
}

/** Whether a signal waits that is not blocked: one that a system call raised stops the program only when it goes on. */
static int is_signal_due(void) {
  uint64_t blocked = 0;
  if (ptrace(PTRACE_GETSIGMASK, child, sizeof blocked, &blocked) < 0) fail("PTRACE_GETSIGMASK");
  for (uint32_t shared = 0; shared < 2; shared++) {
    struct __ptrace_peeksiginfo_args which = {.off = 0, .flags = shared, .nr = 16};
    siginfo_t waiting[16];
    long found = ptrace(PTRACE_PEEKSIGINFO, child, &which, waiting);
    for (long n = 0; n < found; n++)
      if ((blocked >> (waiting[n].si_signo - 1) & 1) == 0) return 1;
  }
  return 0;
}

/** One instruction or the signal that is due before it, whatever it does; signals are delivered. */
static void pass(void) {
  int signal = 0, exec;
  refuse_rseq();
  if (holds > 0) {
    signal = held[0].si_signo;
    ptrace(PTRACE_SETSIGINFO, child, 0, &held[0]);
    memmove(held, held + 1, --holds * sizeof *held);
  }
  do {
    do signal = resume(signal, &exec);
    while (signal != SIGTRAP);
    if (exec) {
      resume(0, NULL);
      prepare();
    }
    signal = 0;
  } while (is_signal_due());
}

/** TF, which steps the program, is in the flags that it pushes. */
static void clean_pushed_flags(void) {
  uint16_t flags;
  if (peek(registers.rsp, &flags, 2) != 2) return;
  flags &= ~TRAP_FLAG;
  struct iovec local = {&flags, 2}, remote = {(void *)registers.rsp, 2};
  if (process_vm_writev(child, &local, 1, &remote, 1, 0) != 2) fail("process_vm_writev");
}

// ---- commands -------------------------------------------------------------------------------------------------------

/** What a step is said to have written: address, length, bytes padded to eight; and the same bytes of the program. */
static uint8_t written[1 << 17], there[1 << 17];
static size_t written_size;
static size_t padded(uint64_t length) { return (length + 7) & ~7ul; }

static void take_ranges(uint32_t ranges) {
  written_size = 0;
  for (uint32_t n = 0; n < ranges; n++) {
    uint64_t *range = (uint64_t *)(written + written_size);
    take(range, 16);
    if (written_size + 16 + padded(range[1]) > sizeof written) fail("a step's writes");
    take(written + written_size + 16, padded(range[1]));
    written_size += 16 + padded(range[1]);
  }
}

static int ranges_differ(void) {
  int differ = 0;
  for (size_t at = 0; at < written_size;) {
    uint64_t *range = (uint64_t *)(written + at);
    memset(there + at + 16, 0, padded(range[1]));
    peek(range[0], there + at + 16, range[1]);
    memcpy(there + at, range, 16);
    differ |= memcmp(written + at + 16, there + at + 16, range[1]) != 0;
    at += 16 + padded(range[1]);
  }
  return differ;
}

static void differs(struct difference *what) {
  load_xsave();
  what->count = count;
  peek(what->at, what->code, sizeof what->code);
  what->expected = expected;
  machine_of(&what->got);
  vectors_of(&what->got);
  reply(DIFFERS, sizeof *what + 2 * written_size);
  put(what, sizeof *what);
  put(written, written_size);
  put(there, written_size);
  exit(0);
}

/** Whether x87 state differs: control, status and tag words and the registers; CPUs store pointers as they like. */
static int x87_differs(const uint8_t *a, const uint8_t *b) {
  if (memcmp(a, b, 5) != 0) return 1;
  for (int n = 0; n < 8; n++)
    if (memcmp(a + 32 + 16 * n, b + 32 + 16 * n, 10) != 0) return 1;
  return 0;
}

static void step(void) {
  struct step step;
  take((uint8_t *)&step + 4, sizeof step - 4);
  for (int n = 0; n < REGISTERS; n++)
    if (step.changed >> n & 1) take(&expected.gpr[n], 8);
  if (step.parts & HAS_VECTORS) {
    uint32_t words[2];
    take(words, sizeof words);
    expected.mxcsr = words[0];
    for (int n = 0; n < VECTORS; n++)
      if (words[1] >> n & 1) take(expected.vectors[n], 32);
  }
  if (step.parts & HAS_X87) take(expected.x87, X87_BYTES);
  take_ranges(step.ranges);
  expected.rip = step.rip;
  expected.rflags = step.rflags;

  struct difference what = {.at = registers.rip, .mask = step.mask, .parts = step.parts, .ranges = step.ranges};
  if (step.parts & ADOPTED) {
    for (int n = 0; n < REGISTERS; n++) *place(n) = expected.gpr[n];
    registers.rip = expected.rip;
    registers.eflags = (registers.eflags & ~0x8d5ul) | (expected.rflags & 0x8d5);
    registers.orig_rax = -1;
    if (ptrace(PTRACE_SETREGS, child, 0, &registers) < 0) fail("PTRACE_SETREGS");
    count++;
    return;
  }
  siginfo_t info = {0};
  do {
    what.signal = single(&info);
    load_registers();
  } while (step.parts & REPEATED && what.signal == 0 && registers.rip == what.at &&
           (expected.rip != what.at || registers.rcx != expected.gpr[RCX]));
  count++;
  if (step.parts & PUSHES_FLAGS) clean_pushed_flags();
  int differ = what.signal != 0 || registers.rip != expected.rip || ((registers.eflags ^ expected.rflags) & step.mask) != 0;
  for (int n = 0; n < REGISTERS; n++) differ |= *place(n) != expected.gpr[n];
  if (step.parts & (HAS_VECTORS | HAS_X87)) {
    static struct machine now;
    load_xsave();
    vectors_of(&now);
    if (step.parts & HAS_VECTORS)
      differ |= now.mxcsr != expected.mxcsr || memcmp(now.vectors, expected.vectors, sizeof now.vectors) != 0;
    if (step.parts & HAS_X87) differ |= x87_differs(now.x87, expected.x87);
  }
  differ |= ranges_differ();
  if (!differ) return;
  what.signal_code = info.si_code;
  what.signal_address = (uint64_t)info.si_addr;
  differs(&what);
}

static void tell_pages(uint32_t pages) {
  static uint64_t addresses[1 << 14];
  if (pages > sizeof addresses / sizeof *addresses) fail("the number of pages");
  take(addresses, 8 * pages);
  reply(PAGES_READ, pages * (8 + PAGE));
  for (uint32_t n = 0; n < pages; n++) {
    static struct { uint64_t there; uint8_t bytes[PAGE]; } page;
    page.there = peek(addresses[n], page.bytes, PAGE) == PAGE;
    put(&page, sizeof page);
  }
}

/** An instruction that the program alone executes: a system call, a fault (which the engine had too), or one of its own results. */
static void event(void) {
  struct event event;
  take((uint8_t *)&event + 4, sizeof event - 4);
  if (event.signal != 0) {
    struct difference what = {.at = registers.rip};
    siginfo_t info;
    what.signal = resume(0, NULL);
    load_signal(&info);
    what.signal_code = info.si_code;
    what.signal_address = (uint64_t)info.si_addr;
    if (what.signal != event.signal || (uint32_t)info.si_code != event.code || what.signal_address != event.address) {
      load_registers();
      differs(&what);
    }
    while (what.signal != SIGTRAP || info.si_code == SI_KERNEL) {
      what.signal = resume(what.signal, NULL);
      load_signal(&info);
    }
  } else pass();
  count++;
  load_registers();
  load_xsave();
  tell_state();
  tell_pages(event.pages);
}

/** Runs on without comparing, up to an instruction that asks for the CPU's features, which the engine answers. */
static void skip(void) {
  uint64_t most;
  take(&most, 4);
  take(&most, 8);
  for (; most > 0; most--) {
    uint8_t code[4] = {0};
    peek(registers.rip, code, sizeof code);
    if (code[0] == 0x0f && (code[1] == 0xa2 || (code[1] == 0x01 && code[2] == 0xd0))) break;
    pass();
    count++;
    load_registers();
    if (code[0] == 0x9c) clean_pushed_flags();
  }
  load_xsave();
  tell_state();
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  commands = open(argv[1], O_RDONLY | O_CLOEXEC);
  replies = open(argv[2], O_WRONLY | O_CLOEXEC);
  if (commands < 0 || replies < 0) return 2;
  hwcap = strtoul(argv[3], NULL, 0);
  hwcap2 = strtoul(argv[4], NULL, 0);
  signal(SIGPIPE, SIG_IGN);
  // On one CPU both hand over quickest, and the program is told of the same one each time it asks.
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(sched_getcpu(), &here);
  sched_setaffinity(0, sizeof here, &here);
  child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    personality(ADDR_NO_RANDOMIZE);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0) execvp(argv[5], argv + 5);
    fprintf(stderr, "%s: %s\n", argv[5], strerror(errno));
    _exit(127);
  }
  int status;
  if (waitpid(child, &status, 0) < 0) fail("waitpid");
  if (!WIFSTOPPED(status)) exited(status);
  if (ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC) < 0) fail("PTRACE_SETOPTIONS");
  uint64_t pid = child;
  reply(SYNCED, 8);
  put(&pid, 8);
  prepare();
  load_xsave();
  tell_state();
  for (;;) {
    uint32_t op, pages;
    take(&op, 4);
    switch (op) {
      case STEP: step(); break;
      case EVENT: event(); break;
      case PAGES: take(&pages, 4); tell_pages(pages); break;
      case SYNC: reply(SYNCED, 0); break;
      case STATE_OF: load_xsave(); tell_state(); break;
      case SKIP: skip(); break;
      default: fail("a command");
    }
  }
}
