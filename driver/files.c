/* files.c - nothing half-written: output goes to a temporary folder or file that is renamed at
 * the end and removed when the program stops before that. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/driver.h"

enum { MAX_TEMPORARY = 16 };
static char temporary[MAX_TEMPORARY][PATH_MAX]; /* paths to remove at exit; "" when free */
static pid_t owner;                             /* a child must not remove them */

static bool is_dot(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static void remove_tree(const char *path) {
  DIR *d = opendir(path);
  if (d) {
    for (struct dirent *e; (e = readdir(d));) {
      char child[PATH_MAX + 300];
      if (is_dot(e->d_name)) continue;
      snprintf(child, sizeof child, "%s/%s", path, e->d_name);
      struct stat s;
      if (lstat(child, &s) == 0 && S_ISDIR(s.st_mode)) remove_tree(child);
      else unlink(child);
    }
    closedir(d);
  }
  if (rmdir(path) != 0) unlink(path);
}

static void remove_temporary(void) {
  if (getpid() != owner) return;
  for (int i = 0; i < MAX_TEMPORARY; i++)
    if (temporary[i][0]) remove_tree(temporary[i]);
}

/* Ctrl-C and the like. Only what may be called in a signal handler: rm does the work. */
static void remove_and_stop(int number) {
  for (int i = 0; getpid() == owner && i < MAX_TEMPORARY; i++) {
    pid_t child = temporary[i][0] ? fork() : -1;
    if (child == 0) {
      execl("/bin/rm", "rm", "-rf", "--", temporary[i], (char *)NULL);
      _exit(127);
    }
    if (child > 0) waitpid(child, NULL, 0);
  }
  signal(number, SIG_DFL);
  raise(number);
}

static void watch_signals(void) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction now, then = {.sa_handler = remove_and_stop, .sa_flags = (int)SA_RESETHAND};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
      sigaction(numbers[i], &then, NULL);
}

static void remember(const char *path) {
  if (!owner) {
    owner = getpid();
    atexit(remove_temporary);
    watch_signals();
  }
  for (int i = 0; i < MAX_TEMPORARY; i++)
    if (!temporary[i][0]) {
      snprintf(temporary[i], sizeof temporary[i], "%s", path);
      return;
    }
  bug("too many temporary paths");
}

static void forget(const char *path) {
  for (int i = 0; i < MAX_TEMPORARY; i++)
    if (strcmp(temporary[i], path) == 0) temporary[i][0] = 0;
}

const char *work_folder(Arena *a, bool keep) {
  const char *base = getenv("TMPDIR");
  char *path = arena_printf(a, "%s/qcc-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(path)) error("%s: a work folder cannot be made: %s", path, strerror(errno));
  if (keep) fprintf(stderr, "%s is kept\n", path);
  else remember(path);
  return path;
}

static void make_parents(Arena *a, const char *path) {
  char *p = arena_strdup(a, path);
  for (char *s = p + 1; *s; s++) {
    if (*s != '/') continue;
    *s = 0;
    mkdir(p, 0777);
    *s = '/';
  }
}

const char *open_folder(Arena *a, const char *dir) {
  struct stat s;
  size_t n = strlen(dir);
  while (n > 1 && dir[n - 1] == '/') n--;
  dir = arena_strndup(a, dir, n);
  if (stat(dir, &s) == 0 && !S_ISDIR(s.st_mode)) error("%s: exists and is not a folder", dir);
  make_parents(a, dir);
  /* In the folder itself where it exists (its parent may not be ours to write), else beside it. */
  char *path = stat(dir, &s) == 0 ? arena_printf(a, "%s/.qcc-XXXXXX", dir)
                                  : arena_printf(a, "%s.qcc-XXXXXX", dir);
  if (!mkdtemp(path)) error("%s: cannot be written: %s", dir, strerror(errno));
  remember(path);
  return path;
}

static DIR *open_temporary(const char *path) {
  DIR *d = opendir(path);
  if (!d) error("%s: cannot be read: %s", path, strerror(errno));
  return d;
}

/* A folder in the place of one of the files would stop the renaming halfway. */
static void check_room(Arena *a, const char *from, const char *dir) {
  DIR *d = open_temporary(from);
  for (struct dirent *e; (e = readdir(d));) {
    struct stat s;
    const char *to = arena_printf(a, "%s/%s", dir, e->d_name);
    if (!is_dot(e->d_name) && stat(to, &s) == 0 && S_ISDIR(s.st_mode))
      error("%s: cannot be written: it is a folder", to);
  }
  closedir(d);
}

void finish_folder(Arena *a, const char *from, const char *dir) {
  check_room(a, from, dir);
  if (mkdir(dir, 0777) != 0 && errno != EEXIST)
    error("%s: cannot be made: %s", dir, strerror(errno));
  DIR *d = open_temporary(from);
  for (struct dirent *e; (e = readdir(d));) {
    if (is_dot(e->d_name)) continue;
    const char *to = arena_printf(a, "%s/%s", dir, e->d_name);
    if (rename(arena_printf(a, "%s/%s", from, e->d_name), to) != 0)
      error("%s: cannot be written: %s", to, strerror(errno));
  }
  closedir(d);
  rmdir(from);
  forget(from);
}

/* A device or a pipe is written as it is: renaming would put a file in its place. */
static bool is_special(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode);
}

/* The path that is written until all is well. */
static void part_path(char part[PATH_MAX], const char *path) {
  int n = snprintf(part, PATH_MAX, "%s%s", path, is_special(path) ? "" : ".part");
  if (n >= PATH_MAX) error("%s: the path is too long", path);
}

FILE *open_file(const char *path) {
  if (strcmp(path, "-") == 0) return stdout;
  char part[PATH_MAX];
  part_path(part, path);
  FILE *f = fopen(part, "wb");
  if (!f) error("%s: cannot be written: %s", path, strerror(errno));
  if (strcmp(part, path) != 0) remember(part);
  return f;
}

void close_file(FILE *f, const char *path) {
  if (f == stdout) return;
  char part[PATH_MAX];
  part_path(part, path);
  bool bad = ferror(f);
  if (fclose(f) != 0 || bad || (strcmp(part, path) != 0 && rename(part, path) != 0))
    error("%s: cannot be written: %s", path, strerror(errno));
  forget(part);
}
