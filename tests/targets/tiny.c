/* tiny.c - see tiny.h.  A macro chooses what goes wrong, to see that it is told: TINY_GUARD
 * writes behind the arena, TINY_FAULT to where nothing is, TINY_STACK recurses without end,
 * TINY_LARGE is too large for a small part, TINY_FLOAT needs floating point. */
#include "tiny.h"

#include <stdint.h>
#include <string.h>

#ifdef TINY_WEIGHT_SECTION
#define TINY_WEIGHTS __attribute__((section(TINY_WEIGHT_SECTION)))
#else
#define TINY_WEIGHTS
#endif

#ifdef TINY_PROFILE
#define LAYER(k) tiny_profile(k)
#else
#define LAYER(k) (void)0
#endif

static const int8_t tiny_weights[16] TINY_WEIGHTS = {2, 2, 2, 2, 2, 2, 2, 2,
                                                     2, 2, 2, 2, 2, 2, 2, 2};

/* One byte, 1, from a file beside this one. */
#ifdef __wasm__
#define TINY_FLAGS "\"\",@"
#define TINY_TYPE "@object"
#else
#define TINY_FLAGS "\"a\""
#define TINY_TYPE "%object"
#endif
__asm__(".section .rodata.tiny_one," TINY_FLAGS "\n"
        ".type tiny_one, " TINY_TYPE "\n"
        "tiny_one:\n"
        ".incbin \"tiny_one.bin\"\n"
        ".size tiny_one, 1\n"
        ".text\n");
extern const int8_t tiny_one[1];

/* int16[8] at byte 16 holds half of the products at a time, so that the arena is used twice. */
static void multiply(const int8_t *x, int16_t *y, const int8_t *w, int n) {
  for (int i = 0; i < n; i++) y[i] = (int16_t)(x[i] * w[i]);
}

static void add_one(const int16_t *x, int8_t *y, int n) {
  for (int i = 0; i < n; i++) {
    int v = x[i] + tiny_one[0];
    y[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
  }
}

#ifdef TINY_STACK
static int recurse(volatile int *p) {
  volatile int here[64] = {0};
  here[0] = p[0] + 1;
  return recurse(here) + here[0];
}
#endif

#ifdef TINY_LARGE
static const volatile int8_t large[300 * 1024] = {1};
#endif

static void go_wrong(uint8_t *memory) {
  (void)memory;
#ifdef TINY_GUARD
  memory[TINY_ARENA_BYTES + 5] = 0;
#endif
#ifdef TINY_FAULT
  *(volatile int *)0xF0000000u = 1;
#endif
#ifdef TINY_STACK
  volatile int zero = 0;
  memory[0] = (uint8_t)recurse(&zero);
#endif
#ifdef TINY_LARGE
  memory[0] = (uint8_t)large[memory[0]];
#endif
#ifdef TINY_FLOAT
  static volatile float f = 1.5f;
  f = f * f;
#endif
}

void tiny_run(void *arena) {
  uint8_t *memory = arena;
  int8_t x[16];
  memcpy(x, memory, 16);
  memset(memory, 0, 32);
  LAYER(0);
  multiply(x, (int16_t *)(void *)memory, tiny_weights, 16);
  LAYER(1);
  add_one((const int16_t *)(const void *)memory, (int8_t *)memory + 32, 16);
  LAYER(2);
  go_wrong(memory);
}
