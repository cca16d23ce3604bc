// setuid(2) and its family, setgroups(2), capget(2), and what the ids then allow.
#include "show.h"
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>

static void ids(void) {
  int r, e, s;
  syscall(SYS_getresuid, &r, &e, &s);
  printf("  uid %d %d %d", r, e, s);
  syscall(SYS_getresgid, &r, &e, &s);
  printf(" gid %d %d %d", r, e, s);
  printf(" %ld %ld %ld %ld\n", syscall(SYS_getuid), syscall(SYS_geteuid), syscall(SYS_getgid), syscall(SYS_getegid));
  FILE *f = fopen("/proc/self/status", "r");
  char line[200];
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) || !strncmp(line, "Groups", 6) || !strncmp(line, "CapEff", 6) || !strncmp(line, "CapPrm", 6)) printf("  %s", line);
  fclose(f);
}

static void owner(const char *name) {
  struct stat s;
  if (stat(name, &s) < 0) printf("%s: %s\n", name, strerrorname_np(errno));
  else printf("%s: %d %d %o\n", name, s.st_uid, s.st_gid, s.st_mode);
}

// Each in a process of its own.
#define IN_CHILD(what, ...) \
  if (fork() == 0) { printf("%s\n", what); __VA_ARGS__; ids(); fflush(stdout); _exit(0); } \
  wait(0)

int main(void) {
  umask(022);
  ids();
  make("secret", "secret");
  chmod("secret", 0600);
  mkdir("open", 0777);
  chmod("open", 0777);
  chmod(".", 0755);
  make("shared", "shared");
  chmod("shared", 0640);
  if (geteuid() == 0) chown("shared", 0, 77);
  IN_CHILD("setuid", CALL(setuid, -1); CALL(setuid, 1000); CALL(setuid, 0); CALL(setuid, 1000));
  IN_CHILD("setgid", CALL(setgid, -1); CALL(setgid, 1000); CALL(setgid, 0));
  IN_CHILD("setreuid", CALL(setreuid, 1000, 2000); CALL(setreuid, 2000, 1000); CALL(setreuid, -1, 0); CALL(setreuid, -1, -1));
  IN_CHILD("setreuid back", CALL(setreuid, -1, 1000); ids(); CALL(setreuid, -1, 0));
  IN_CHILD("setregid", CALL(setregid, 5, 6); CALL(setregid, -1, 5); CALL(setregid, -1, -1));
  IN_CHILD("setresuid", CALL(setresuid, 1, 2, 3); CALL(setresuid, 3, 1, 2); CALL(setresuid, 4, -1, -1); CALL(setresuid, -1, -1, 9));
  IN_CHILD("setresgid", CALL(setresgid, 1, 2, 3); CALL(setresuid, 7, 7, 7); CALL(setresgid, 3, -1, -1); CALL(setresgid, 9, -1, -1));
  IN_CHILD("setfsuid", CALL(setfsuid, 1000); CALL(setfsuid, -1); CALL(setfsgid, 1000); CALL(setfsgid, 0); CALL(open, "secret", O_RDONLY); CALL(setfsuid, 0); CALL(setfsuid, 0));
  IN_CHILD("files", CALL(setgid, 1000); CALL(setuid, 1000);
    CALL(open, "secret", O_RDONLY); CALL(open, "shared", O_RDONLY); CALL(access, "secret", R_OK); CALL(access, "open", W_OK);
    make("open/mine", "x"); owner("open/mine"); CALL(open, "new", O_CREAT | O_RDWR, 0600); CALL(unlink, "secret"); CALL(chmod, "secret", 0777);
    CALL(chown, "open/mine", 0, 0); CALL(mknod, "open/device", S_IFCHR | 0600, 0x103); CALL(mkdir, "open/dir", 0700); owner("open/dir");
    CALL(truncate, "secret", 0L); CALL(setgroups, 0L, 0L));
  IN_CHILD("real and effective", CALL(setresuid, 1000, 0, 0); CALL(access, "secret", R_OK); int fd = open("secret", O_RDONLY); printf("%d\n", fd >= 0);
    CALL(faccessat2, AT_FDCWD, "secret", R_OK, AT_EACCESS); CALL(setresuid, 0, 1000, 0); CALL(access, "secret", R_OK); CALL(faccessat2, AT_FDCWD, "secret", R_OK, AT_EACCESS));
  int groups[3] = {9, 77, 5}, seen[5] = {0};
  IN_CHILD("groups", CALL(setgroups, 3L, groups); CALL(getgroups, 5L, seen); printf("%d %d %d\n", seen[0], seen[1], seen[2]); CALL(getgroups, 2L, seen);
    CALL(getgroups, 0L, 0L); CALL(setgroups, -1L, 0L); CALL(setgroups, 1L, 8L); CALL(setuid, 1000); int fd = open("shared", O_RDONLY); printf("%d\n", fd >= 0); CALL(open, "shared", O_RDWR));
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2], before[2];
  CALL(capget, &header, before);
  CALL(capset, &header, before);
  header.pid = getpid();
  CALL(capget, &header, data);
  header.pid = 999999;
  CALL(capget, &header, data);
  CALL(capset, &header, data);
  header.pid = -1;
  CALL(capget, &header, data);
  header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_1, 0};
  CALL(capget, &header, data);
  header.version = 7;
  CALL(capget, &header, data);
  printf("%x\n", header.version);
  header.version = 7;
  CALL(capget, &header, 0L);
  header.pid = 0;
  CALL(capget, &header, 8L);
  CALL(capget, 8L, data);
  IN_CHILD("capabilities", setuid(1000); CALL(capget, &header, data); printf("%x %x %x\n", data[0].effective, data[0].permitted, data[1].permitted); CALL(capset, &header, data); CALL(capset, &header, before);
    CALL(setpriority, 0, 0, -5); CALL(sethostname, "x", 1L); CALL(chroot, "."));
  int child = fork();
  if (child == 0) pause(), _exit(0);
  IN_CHILD("signals", setuid(1000); CALL(kill, getppid(), 0));
  kill(child, SIGKILL);
  wait(0);
  owner("open/mine");
  ids();
  return 0;
}
