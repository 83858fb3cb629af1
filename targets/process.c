/* process.c - runs compilers and emulators with fork and exec, never through a shell: arguments
 * need no quoting.  stdout and stderr come back through one pipe; of a long log the beginning and
 * the end are kept, because compilers say what is wrong first and emulators say it last. */
#include "targets/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOG_HEAD = 48 * 1024, LOG_TAIL = 16 * 1024, TICK_MS = 100, MIN_CLANG = 16 };

void add_arg(Command *c, const char *arg) {
  if (c->n >= MAX_ARGS - 1) error("a command line has more than %d arguments", MAX_ARGS - 1);
  c->argv[c->n++] = arg;
}

void add_args(Command *c, int n, const char *const *arg) {
  for (int i = 0; i < n; i++) add_arg(c, arg[i]);
}

/* ---- the log */

typedef struct Log {
  char head[LOG_HEAD];
  char tail[LOG_TAIL]; /* ring of what came after the head */
  size_t n;            /* bytes seen */
} Log;

static void log_bytes(Log *log, const char *p, size_t n) {
  for (size_t i = 0; i < n; i++, log->n++) {
    if (log->n < LOG_HEAD) log->head[log->n] = p[i];
    else log->tail[(log->n - LOG_HEAD) % LOG_TAIL] = p[i];
  }
}

static const char *log_text(Arena *a, const Log *log) {
  if (log->n <= LOG_HEAD) return arena_strndup(a, log->head, log->n);
  size_t more = log->n - LOG_HEAD;
  size_t kept = more < LOG_TAIL ? more : LOG_TAIL;
  char *tail = arena_alloc(a, LOG_TAIL + 1);
  for (size_t i = 0; i < kept; i++) tail[i] = log->tail[(more - kept + i) % LOG_TAIL];
  return arena_printf(a, "%.*s%s%s", LOG_HEAD, log->head, more > kept ? "\n[...]\n" : "", tail);
}

/* ---- the process */

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* In the child: only calls that are safe between fork and exec. */
_Noreturn static void exec_child(const char *const *argv, const char *dir, int out) {
  int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* no emulator goes on when qcc was killed */
#endif
  if (!dir || chdir(dir) == 0) execvp(argv[0], (char *const *)(uintptr_t)argv);
  const char *why = strerror(errno);
  if (write(STDERR_FILENO, why, strlen(why)) < 0) _exit(127);
  _exit(127);
}

static pid_t start_child(const Command *c, const char *dir, int *out) {
  int fd[2];
  if (pipe(fd) != 0) error("cannot start '%s': %s", c->argv[0], strerror(errno));
  fcntl(fd[0], F_SETFD, FD_CLOEXEC);
  fcntl(fd[1], F_SETFD, FD_CLOEXEC);
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) error("cannot start '%s': %s", c->argv[0], strerror(errno));
  if (child == 0) exec_child(c->argv, dir, fd[1]);
  close(fd[1]);
  *out = fd[0];
  return child;
}

/* Collects output until the pipe closes; false when the program stalled. */
static bool follow(int out, Log *log, int stall_s, Progress *progress, void *ctx) {
  double moved = now_s();
  int64_t seen = progress ? progress(ctx) : 0;
  for (;;) {
    struct pollfd p = {.fd = out, .events = POLLIN};
    int ready = poll(&p, 1, TICK_MS);
    if (ready < 0 && errno != EINTR) return true;
    if (ready > 0) {
      char buffer[4096];
      ssize_t n = read(out, buffer, sizeof buffer);
      if (n == 0 || (n < 0 && errno != EINTR)) return true;
      if (n > 0) log_bytes(log, buffer, (size_t)n);
    }
    int64_t at = progress ? progress(ctx) : 0;
    if (at != seen) moved = now_s();
    seen = at;
    if (now_s() - moved > stall_s) return false;
  }
}

Outcome run_process(Arena *a, const Command *c, const char *dir, int stall_s, Progress *progress,
                    void *ctx) {
  int out, status;
  Log *log = arena_alloc(a, sizeof *log);
  pid_t child = start_child(c, dir, &out);
  bool stalled = !follow(out, log, stall_s, progress, ctx);
  if (stalled) kill(child, SIGKILL);
  close(out);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return (Outcome){.status = code, .stalled = stalled, .log = log_text(a, log)};
}

/* ---- where programs are */

static bool is_program(const char *path) { return access(path, X_OK) == 0; }

bool find_program(const char *name, char path[MAX_PATH]) {
  if (strchr(name, '/')) {
    snprintf(path, MAX_PATH, "%s", name);
    return strlen(name) < MAX_PATH && is_program(name);
  }
  const char *dirs = getenv("PATH");
  for (const char *p = dirs ? dirs : "/usr/bin:/bin"; *p;) {
    size_t n = strcspn(p, ":");
    int len = snprintf(path, MAX_PATH, "%.*s/%s", (int)n, n ? p : ".", name);
    if (len < MAX_PATH && is_program(path)) return true;
    p += n + (p[n] == ':');
  }
  return false;
}

/* "Debian clang version 19.1.7 (3~deb12u1)" is 19; 0 when the program does not say. */
static int clang_version(const char *path) {
  Arena *a = new_arena();
  Command c = {0};
  add_arg(&c, path);
  add_arg(&c, "--version");
  Outcome o = run_process(a, &c, NULL, 30, NULL, NULL);
  const char *version = strstr(o.log, "clang version ");
  int v = o.status == 0 && version ? atoi(version + strlen("clang version ")) : 0;
  free_arena(a);
  return v;
}

bool find_compiler(const char *name, char path[MAX_PATH]) {
  static const char *const others[] = {"clang-19", "clang-20", "clang-21", "clang-22",
                                       "clang-18", "clang-17", "clang-16"};
  if (find_program(name, path)) return true;
  if (strncmp(name, "clang", 5) != 0) return false;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (find_program(others[i], path)) return true;
  return find_program("clang", path) && clang_version(path) >= MIN_CLANG;
}
