/* guard.h - what the kernel tests share: a random generator with a fixed seed, and buffers of
 * exactly the needed size between two guard zones, so that a kernel that writes one byte too far
 * is found even without the address sanitizer. */
#ifndef TESTS_KERNELS_GUARD_H
#define TESTS_KERNELS_GUARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 64, GUARD_BYTE = 0xa5, MAX_BUFFERS = 32 };

static uint64_t random_state = UINT64_C(0x2545f4914f6cdd1d);

static uint32_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 32);
}

/* lo..hi, both included. */
static int32_t random_int(int32_t lo, int32_t hi) {
  return lo + (int32_t)(random_bits() % ((uint32_t)hi - (uint32_t)lo + 1));
}

static inline float random_real(void) {
  return (float)random_int(-1000000, 1000000) * 1e-6f;
}

static uint8_t *buffers[MAX_BUFFERS];
static size_t buffer_bytes[MAX_BUFFERS];
static int n_buffers;

/* A buffer that lives until free_buffers(). */
static void *new_buffer(int64_t bytes) {
  assert_true(n_buffers < MAX_BUFFERS && bytes >= 0);
  uint8_t *p = malloc((size_t)bytes + 2 * GUARD);
  assert_non_null(p);
  memset(p, GUARD_BYTE, (size_t)bytes + 2 * GUARD);
  buffers[n_buffers] = p;
  buffer_bytes[n_buffers++] = (size_t)bytes;
  return p + GUARD;
}

/* Checks every guard zone. */
static void free_buffers(void) {
  for (int i = 0; i < n_buffers; i++) {
    for (int k = 0; k < GUARD; k++) {
      assert_int_equal(buffers[i][k], GUARD_BYTE);
      assert_int_equal(buffers[i][GUARD + buffer_bytes[i] + (size_t)k], GUARD_BYTE);
    }
    free(buffers[i]);
  }
  n_buffers = 0;
}

static inline int8_t *random_codes(int64_t n, int lo, int hi) {
  int8_t *p = new_buffer(n);
  for (int64_t i = 0; i < n; i++) p[i] = (int8_t)random_int(lo, hi);
  return p;
}

static inline float *random_reals(int64_t n) {
  float *p = new_buffer(n * 4);
  for (int64_t i = 0; i < n; i++) p[i] = random_real();
  return p;
}

/* Within 1e-5 of the largest expected value. */
static inline void assert_close(const float *got, const double *want, int64_t n) {
  double largest = 1e-3;
  for (int64_t i = 0; i < n; i++)
    if (want[i] > largest || -want[i] > largest) largest = want[i] < 0 ? -want[i] : want[i];
  for (int64_t i = 0; i < n; i++) {
    double off = (double)got[i] - want[i];
    if (!(off <= 1e-5 * largest && -off <= 1e-5 * largest))
      fail_msg("element %lld is %g, expected %g", (long long)i, (double)got[i], want[i]);
  }
}

#endif
