/* aq2x8.c - eight weights of a row as the sum of two vectors, one from each half of the tensor's codebook
 * of 2 x 256 (AQLM, arXiv:2401.06118): the first byte says which of the first, the second which of the
 * others.  Sums are bytes. */
#include <string.h>

#include "ir/formats/formats.h"

enum { SIZE = 8, ENTRIES = 256, SLOTS = 1024 };

/* Where entries of the second half are, by their hash; -1: nowhere. */
typedef struct Index {
  const int8_t *book;
  int16_t slot[SLOTS];
} Index;

static unsigned slot_of(const int8_t *v) {
  return (unsigned)(hash_bytes(HASH_START, v, SIZE) % SLOTS);
}

static void make_index(const int8_t *second, Index *x) {
  x->book = second;
  memset(x->slot, -1, sizeof x->slot);
  for (int i = 0; i < ENTRIES; i++) {
    unsigned at = slot_of(x->book + i * SIZE);
    while (x->slot[at] >= 0) at = (at + 1) % SLOTS;
    x->slot[at] = (int16_t)i;
  }
}

/* The first entry that begins with v [n], or -1. */
static int find_entry(const Index *x, const int8_t *v, size_t n) {
  for (int i = 0; n < SIZE && i < ENTRIES; i++)
    if (memcmp(x->book + i * SIZE, v, n) == 0) return i;
  if (n < SIZE) return -1;
  for (unsigned at = slot_of(v); x->slot[at] >= 0; at = (at + 1) % SLOTS)
    if (memcmp(x->book + x->slot[at] * SIZE, v, SIZE) == 0) return x->slot[at];
  return -1;
}

int64_t pack_aq2x8(const int8_t *book, int64_t bytes, const int8_t *codes, int64_t n,
                   uint8_t *out) {
  Index x;
  make_index(book + bytes / 2, &x);
  for (int64_t i = 0; i < n; i += SIZE) {
    size_t size = n - i < SIZE ? (size_t)(n - i) : SIZE;
    int first = 0, second = -1;
    for (; first < ENTRIES; first++) {
      int8_t rest[SIZE];
      for (size_t j = 0; j < size; j++) rest[j] = (int8_t)(codes[i + (int64_t)j] - book[first * SIZE + (int)j]);
      second = find_entry(&x, rest, size);
      if (second >= 0) break;
    }
    if (second < 0) bug("codes that begin with %d are no sum of the codebook", codes[i]);
    out[i / SIZE * 2] = (uint8_t)first;
    out[i / SIZE * 2 + 1] = (uint8_t)second;
  }
  return (n + SIZE - 1) / SIZE * 2;
}

void unpack_aq2x8(const int8_t *book, const uint8_t *packed, int64_t n, int8_t *codes) {
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *pair = packed + i / SIZE * 2;
    codes[i] = (int8_t)(book[pair[0] * SIZE + i % SIZE] +
                        book[(ENTRIES + pair[1]) * SIZE + i % SIZE]);
  }
}
