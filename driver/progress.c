/* progress.c - a progress bar for work of more than a second, when stderr is a terminal. */
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/driver.h"

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void show_progress(const char *what, int64_t done, int64_t total) {
  /* Nothing of the result depends on these; they only keep the terminal calm. */
  static const char *current;
  static double started, shown;
  static bool drawn;
  if (!isatty(STDERR_FILENO) || total <= 0) return;
  double now = seconds();
  if (!current || strcmp(current, what) != 0)
    current = what, started = now, shown = 0, drawn = false;
  bool last = done >= total;
  if (now - started < 1 || (now - shown < 0.1 && !last)) return;
  shown = now;
  if (last) {
    if (drawn) fprintf(stderr, "\r\033[K");
    current = NULL;
    return;
  }
  drawn = true;
  int filled = (int)(30 * done / total);
  fprintf(stderr, "\r%-18s [", what);
  for (int i = 0; i < 30; i++) fputc(i < filled ? '#' : ' ', stderr);
  fprintf(stderr, "] %lld/%lld", (long long)done, (long long)total);
  fflush(stderr);
}
