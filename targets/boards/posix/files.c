/* files.c - the board below a hosted test program: ordinary files, and the clock behind the
 * marks. Marks are kept in memory while an inference runs and written to marks.txt after it, in
 * the form that the emulator's plugin writes. */
#define _POSIX_C_SOURCE 200809L
#include "board.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_MARKS = 1 << 16 };

static FILE *input, *output, *marks;

static struct {
  int n;
  int index[MAX_MARKS];
  uint64_t ns[MAX_MARKS];
} noted;

void board_open(void) {
  input = fopen("input.bin", "rb");
  output = fopen("output.bin", "wb");
  if (!input || !output) board_exit(EXIT_FILES);
}

void board_read(void *to, size_t bytes) {
  if (fread(to, 1, bytes, input) != bytes) board_exit(EXIT_INPUT);
}

void board_rewind(void) { rewind(input); }

void board_write(const void *from, size_t bytes) {
  if (fwrite(from, 1, bytes, output) != bytes || fflush(output) != 0) board_exit(EXIT_FILES);
}

void board_say(const char *text) { fputs(text, stdout); }

uint64_t board_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void board_mark(int index) {
  if (noted.n == MAX_MARKS) return;
  noted.index[noted.n] = index;
  noted.ns[noted.n++] = board_clock();
}

void board_flush(void) {
  if (noted.n == 0) return;
  if (!marks) marks = fopen("marks.txt", "w");
  if (!marks) board_exit(EXIT_FILES);
  for (int i = 0; i < noted.n; i++)
    fprintf(marks, "mark %d %llu\n", noted.index[i], (unsigned long long)noted.ns[i]);
  noted.n = 0;
}

void board_exit(int status) {
  if (output && fclose(output) != 0 && status == 0) status = EXIT_FILES;
  if (marks && fclose(marks) != 0 && status == 0) status = EXIT_FILES;
  exit(status);
}
