/* aq1x16.c - eight weights of a row as one of the tensor's own vectors, of at most 65536 (AQLM's 1 x 16,
 * arXiv:2401.06118): two bytes say which, low byte first.  The codebook rises byte by byte, as memcmp
 * compares, so that vectors are found in it by halving. */
#include <string.h>

#include "ir/formats/formats.h"

enum { SIZE = 8 };

/* The first entry that begins with v [n]. */
static int64_t find_entry(const int8_t *book, int64_t entries, const int8_t *v, size_t n) {
  int64_t from = 0, to = entries;
  while (from < to) {
    int64_t middle = (from + to) / 2;
    if (memcmp(book + middle * SIZE, v, n) < 0) from = middle + 1;
    else to = middle;
  }
  if (from == entries || memcmp(book + from * SIZE, v, n) != 0)
    bug("codes that begin with %d are not in the codebook", v[0]);
  return from;
}

int64_t pack_aq1x16(const int8_t *book, int64_t bytes, const int8_t *codes, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i += SIZE) {
    int64_t at = find_entry(book, bytes / SIZE, codes + i, n - i < SIZE ? (size_t)(n - i) : SIZE);
    out[i / SIZE * 2] = (uint8_t)(at & 255);
    out[i / SIZE * 2 + 1] = (uint8_t)(at >> 8);
  }
  return (n + SIZE - 1) / SIZE * 2;
}

void unpack_aq1x16(const int8_t *book, const uint8_t *packed, int64_t n, int8_t *codes) {
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *pair = packed + i / SIZE * 2;
    codes[i] = book[(pair[0] + 256 * pair[1]) * SIZE + i % SIZE];
  }
}
