/* files.c - nothing half-written: output goes to a temporary folder or file that is renamed at the end and
 * removed when the program stops before that. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/driver.h"

enum { MAX_TEMPORARY = 16 };
static char temporary[MAX_TEMPORARY][PATH_MAX]; /* paths to remove at exit; "" when free */
static pid_t owner;                             /* a child must not remove them */

static void remove_tree(const char *path) {
  DIR *d = opendir(path);
  if (d) {
    for (struct dirent *e; (e = readdir(d));) {
      char child[PATH_MAX + 300];
      if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
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

static void remember(const char *path) {
  if (!owner) {
    owner = getpid();
    atexit(remove_temporary);
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

const char *work_folder(Arena *a) {
  const char *base = getenv("TMPDIR");
  char *path = arena_printf(a, "%s/qcc-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(path)) error("%s: a work folder cannot be made: %s", path, strerror(errno));
  remember(path);
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
  char *path = stat(dir, &s) == 0 ? arena_printf(a, "%s/.qcc-XXXXXX", dir) : arena_printf(a, "%s.qcc-XXXXXX", dir);
  if (!mkdtemp(path)) error("%s: cannot be written: %s", dir, strerror(errno));
  remember(path);
  return path;
}

void finish_folder(Arena *a, const char *from, const char *dir) {
  if (mkdir(dir, 0777) != 0 && errno != EEXIST) error("%s: cannot be made: %s", dir, strerror(errno));
  DIR *d = opendir(from);
  if (!d) error("%s: cannot be read: %s", from, strerror(errno));
  for (struct dirent *e; (e = readdir(d));) {
    if (e->d_name[0] == '.') continue;
    const char *to = arena_printf(a, "%s/%s", dir, e->d_name);
    if (rename(arena_printf(a, "%s/%s", from, e->d_name), to) != 0) error("%s: cannot be written: %s", to, strerror(errno));
  }
  closedir(d);
  rmdir(from);
  forget(from);
}

FILE *open_file(const char *path) {
  if (strcmp(path, "-") == 0) return stdout;
  char part[PATH_MAX];
  snprintf(part, sizeof part, "%s.part", path);
  FILE *f = fopen(part, "wb");
  if (!f) error("%s: cannot be written: %s", path, strerror(errno));
  remember(part);
  return f;
}

void close_file(FILE *f, const char *path) {
  if (f == stdout) return;
  char part[PATH_MAX];
  snprintf(part, sizeof part, "%s.part", path);
  bool bad = ferror(f);
  if (fclose(f) != 0 || bad || rename(part, path) != 0) error("%s: cannot be written: %s", path, strerror(errno));
  forget(part);
}
