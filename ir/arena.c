/* arena.c - memory that lives as long as one compile: everything is freed at once.
 *
 * Small requests are cut from blocks of BLOCK_BYTES; a large one gets a block of its own.  With
 * AddressSanitizer every request gets its own block, so that an overrun is found at the byte. */
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BLOCK_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BLOCK_EACH 1
#endif
#endif
#ifndef ONE_BLOCK_EACH
#define ONE_BLOCK_EACH 0
#endif

enum { ALIGN = 64, BLOCK_BYTES = 1 << 18, HEADER_BYTES = 64 };

typedef struct Block Block;
struct Block {
  Block *next;   /* older block */
  int64_t used;  /* bytes given away, without the header */
  int64_t size;  /* bytes after the header */
};
_Static_assert(sizeof(Block) <= HEADER_BYTES, "the header keeps the data aligned");

struct Arena {
  Block *current;  /* block that small requests are cut from, or NULL */
  Block *full;     /* the others */
};

Arena *new_arena(void) {
  Arena *a = calloc(1, sizeof *a);
  if (a == NULL) error("out of memory");
  return a;
}

static void free_blocks(Block *b) {
  while (b != NULL) {
    Block *next = b->next;
    free(b);
    b = next;
  }
}

void free_arena(Arena *a) {
  if (a == NULL) return;
  free_blocks(a->current);
  free_blocks(a->full);
  free(a);
}

static Block *new_block(int64_t size) {
  void *p = NULL;
  size_t bytes = HEADER_BYTES + (size_t)size;
  if (size > PTRDIFF_MAX - HEADER_BYTES || posix_memalign(&p, ALIGN, bytes) != 0)
    error("out of memory: %lld more bytes are needed", (long long)size);
  Block *b = p;
  *b = (Block){.size = size};
  return b;
}

static char *block_data(Block *b) { return (char *)b + HEADER_BYTES; }

/* Unaligned bytes, not zeroed. */
static char *cut(Arena *a, int64_t bytes, int64_t align) {
  if (bytes < 0) bug("an allocation of %lld bytes", (long long)bytes);
  if (ONE_BLOCK_EACH || bytes > BLOCK_BYTES / 4) {
    Block *b = new_block(bytes);
    b->next = a->full;
    a->full = b;
    return block_data(b);
  }
  Block *b = a->current;
  int64_t at = b != NULL ? (b->used + align - 1) / align * align : 0;
  if (b == NULL || at + bytes > b->size) {
    b = new_block(BLOCK_BYTES);
    b->next = a->current;
    a->current = b;
    at = 0;
  }
  b->used = at + bytes;
  return block_data(b) + at;
}

void *arena_alloc(Arena *a, int64_t bytes) {
  char *p = cut(a, bytes, ALIGN);
  memset(p, 0, (size_t)bytes);
  return p;
}

char *arena_strndup(Arena *a, const char *s, size_t n) {
  n = strnlen(s, n);
  char *p = cut(a, (int64_t)n + 1, 1);
  memcpy(p, s, n);
  p[n] = '\0';
  return p;
}

char *arena_strdup(Arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_printf(Arena *a, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) bug("format '%s'", fmt);
  char *p = cut(a, (int64_t)n + 1, 1);
  vsnprintf(p, (size_t)n + 1, fmt, again);
  va_end(again);
  return p;
}

/* The capacity follows from n alone: 4, 8, 16 ...  So an array must have grown from nothing here,
 * or hold room for the power of two that n is below. */
void *arena_grow(Arena *a, void *array, int n, size_t element_bytes) {
  if (n != 0 && (n < 4 || (n & (n - 1)) != 0)) return array;
  int64_t bytes = mul_size(n == 0 ? 4 : 2 * (int64_t)n, (int64_t)element_bytes);
  if (bytes < 0) error("out of memory");
  void *grown = arena_alloc(a, bytes);
  if (n > 0) memcpy(grown, array, (size_t)n * element_bytes);
  return grown;
}

int64_t mul_size(int64_t a, int64_t b) {
  if (a < 0 || b < 0) return -1;
  if (a != 0 && b > INT64_MAX / a) return -1;
  return a * b;
}
