/* diag.c - messages for the user.
 *
 * Where the source is text, a message shows the line and a caret under the column:
 *
 *     policy.yaml:3:11: error: unknown format 'int9'
 *       format: int9
 *               ^
 *
 * Columns count bytes from 1.  Errors leave through exit(), so that clean-ups registered with
 * atexit() run and nothing half-written stays behind. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ir/ir.h"

enum { EXIT_USER = 1, EXIT_BUG = 70, SHOWN = 96, LEAD = 64 };

/* A message ends the process with all its memory in use, on purpose; the leak checker of the
 * sanitizer builds asks this function at exit. */
static volatile sig_atomic_t gave_up;
#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return gave_up; }
#endif

_Noreturn static void leave(int status) {
  gave_up = 1;
  exit(status);
}

Source *new_source(Arena *a, const char *path, const char *text, size_t len) {
  Source *s = arena_alloc(a, sizeof *s);
  *s = (Source){.path = arena_strdup(a, path), .text = text, .len = len};
  return s;
}

/* Start and length of line number `line`; false when the text has fewer lines. */
static bool find_line(const Source *s, int line, const char **start, size_t *len) {
  const char *p = s->text, *end = s->text + s->len;
  for (int i = 1; i < line; i++) {
    p = memchr(p, '\n', (size_t)(end - p));
    if (p == NULL) return false;
    p++;
  }
  const char *stop = memchr(p, '\n', (size_t)(end - p));
  if (stop == NULL) stop = end;
  if (stop > p && stop[-1] == '\r') stop--;
  *start = p;
  *len = (size_t)(stop - p);
  return true;
}

static bool is_continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* Control characters could move the cursor or colour the terminal. */
static char printable(char c) {
  return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f ? '?' : c;
}

/* Shows bytes [from, to) of a line and a caret under byte `at`; tabs stay tabs in both lines. */
static void print_excerpt(const char *text, size_t from, size_t to, size_t at, size_t len) {
  const char *before = from > 0 ? "..." : "", *after = to < len ? "..." : "";
  fprintf(stderr, "  %s", before);
  for (size_t i = from; i < to; i++) fputc(printable(text[i]), stderr);
  fprintf(stderr, "%s\n  %*s", after, (int)strlen(before), "");
  for (size_t i = from; i < at && i < to; i++)
    if (!is_continuation(text[i])) fputc(text[i] == '\t' ? '\t' : ' ', stderr);
  fputs("^\n", stderr);
}

static void print_caret(Loc loc) {
  const char *text;
  size_t len;
  if (loc.col < 1 || !find_line(loc.src, loc.line, &text, &len)) return;
  size_t at = (size_t)(loc.col - 1) < len ? (size_t)(loc.col - 1) : len;
  size_t from = 0, to = len;
  if (len > SHOWN) {
    from = at > LEAD ? at - LEAD : 0;
    to = len - from > SHOWN ? from + SHOWN : len;
    while (from < at && is_continuation(text[from])) from++;
    while (to < len && is_continuation(text[to])) to++;
  }
  print_excerpt(text, from, to, at, len);
}

static void print_message(Loc loc, const char *kind, const char *fmt, va_list ap) {
  fflush(stdout);
  fputs(loc.src != NULL ? loc.src->path : "qcc", stderr);
  bool lines = loc.src != NULL && loc.line > 0;
  if (lines) fprintf(stderr, ":%d", loc.line);
  if (lines && loc.col > 0) fprintf(stderr, ":%d", loc.col);
  if (!lines && loc.what != NULL) fprintf(stderr, ": %s", loc.what);
  fprintf(stderr, ": %s: ", kind);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  if (lines && loc.src->text != NULL) print_caret(loc);
}

void verror_at(Loc loc, const char *fmt, va_list ap) {
  print_message(loc, "error", fmt, ap);
  leave(EXIT_USER);
}

void error_at(Loc loc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  verror_at(loc, fmt, ap);
}

void error(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  verror_at((Loc){0}, fmt, ap);
}

void warn_at(Loc loc, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  print_message(loc, "warning", fmt, ap);
  va_end(ap);
}

void bug_at(const char *file, int line, const char *fmt, ...) {
  va_list ap;
  fflush(stdout);
  fprintf(stderr, "qcc: this is a bug in qcc, please report it: %s:%d: ", file, line);
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
  leave(EXIT_BUG);
}

static int min3(int a, int b, int c) {
  int m = a < b ? a : b;
  return m < c ? m : c;
}

/* Edit distance that also counts a swap of neighbours as one step (Damerau 1964, restricted form),
 * by three rolling rows. Words longer than MAX_WORD are never near anything. */
enum { MAX_WORD = 63 };
static int edit_distance(const char *a, const char *b) {
  int row[3][MAX_WORD + 1];
  int na = (int)strlen(a), nb = (int)strlen(b);
  for (int j = 0; j <= nb; j++) row[0][j] = j;
  for (int i = 1; i <= na; i++) {
    int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= nb; j++) {
      now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped && before[j - 2] + 1 < now[j]) now[j] = before[j - 2] + 1;
    }
  }
  return row[na % 3][nb];
}

const char *nearest_name(const char *word, const char *const *names, int n) {
  size_t len = strlen(word);
  if (len > MAX_WORD) return NULL;
  const char *best = NULL;
  int best_distance = len < 4 ? 1 : (int)len / 3;
  for (int i = 0; i < n; i++) {
    if (strlen(names[i]) > MAX_WORD) continue;
    int d = edit_distance(word, names[i]);
    if (d > best_distance || (best != NULL && d == best_distance)) continue;
    best = names[i];
    best_distance = d;
  }
  return best;
}

/* Doubles a buffer that lives outside the arena, which could not give the old one back. */
static char *read_stream(FILE *f, const char *path, size_t *len) {
  size_t room = 1 << 16, n = 0;
  char *text = malloc(room);
  while (text != NULL) {
    n += fread(text + n, 1, room - n, f);
    if (n < room) break;
    char *grown = realloc(text, room *= 2);
    if (grown == NULL) free(text);
    text = grown;
  }
  if (text == NULL) error("out of memory while reading '%s'", path);
  *len = n;
  return text;
}

/* Bytes of a regular file; 0 where they cannot be known before. */
static size_t file_size(FILE *f) {
  struct stat st;
  return fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : 0;
}

char *read_file(Arena *a, const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) error("cannot open '%s': %s", path, strerror(errno));
  size_t n = file_size(f);
  char *kept = arena_alloc(a, (int64_t)n + 1);
  n = fread(kept, 1, n, f);
  if (n == 0) {
    char *text = read_stream(f, path, &n);
    kept = arena_alloc(a, (int64_t)n + 1);
    memcpy(kept, text, n);
    free(text);
  }
  if (ferror(f)) error("cannot read '%s': %s", path, strerror(errno));
  fclose(f);
  if (len != NULL) *len = n;
  return kept;
}
