/* peak.c - what one core of this machine can do at most, a line each, medians of several runs:
 *
 *     vnni GOPS      int8 operations per second by VPDPBUSD on 512 bits (a product and a sum are two)
 *     madd GOPS      by VPMADDWD and VPADDD on 256 bits, as integer kernels without VNNI use them
 *     fma GFLOPS     float operations per second by VFMADD on 256 bits
 *     read GBS       bytes per second read from memory
 *
 * What the processor lacks is left out. */
#define _POSIX_C_SOURCE 200809L
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 9, STEPS = 2000000, BUFFER = 256 << 20 };

/* Keeps v in a register and its value unknown to the compiler. */
#define OPAQUE(v) __asm__ volatile("" : "+v"(v))

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* The median time of `work` turned into 10^9 units per second. */
static void measure(const char *name, void (*work)(void), double units) {
  double t[RUNS];
  work();
  for (int i = 0; i < RUNS; i++) {
    double begin = seconds();
    work();
    t[i] = seconds() - begin;
  }
  qsort(t, RUNS, sizeof *t, by_value);
  printf("%s %.1f\n", name, units / t[RUNS / 2] * 1e-9);
}

/* Sums by name and instructions as they are, because compilers would keep sums in memory. */
#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define CLEAR(i) sum##i = zero;
#define DECLARE(i) sum##i,
#define KEEP(i) OPAQUE(sum##i);

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void vnni(void) {
  __m512i x = _mm512_set1_epi8(3), w = _mm512_set1_epi8(-2), TWELVE(DECLARE) zero;
  zero = _mm512_setzero_si512();
  TWELVE(CLEAR)
  for (int k = 0; k < STEPS; k++) {
#define STEP(i) \
  __asm__ volatile("vpdpbusd %1, %2, %0" : "+v"(sum##i) : "v"(w), "v"(x));
    TWELVE(STEP)
#undef STEP
  }
  TWELVE(KEEP)
}

__attribute__((target("avx2"))) static void multiply_pairs(void) {
  __m256i x = _mm256_set1_epi16(3), w = _mm256_set1_epi16(-2), TWELVE(DECLARE) product, zero;
  zero = _mm256_setzero_si256();
  TWELVE(CLEAR)
  for (int k = 0; k < STEPS; k++) {
#define STEP(i)                                              \
  __asm__ volatile("vpmaddwd %2, %3, %1\n vpaddd %1, %0, %0" \
                   : "+x"(sum##i), "=&x"(product)            \
                   : "x"(w), "x"(x));
    TWELVE(STEP)
#undef STEP
  }
  TWELVE(KEEP)
}

__attribute__((target("avx2,fma"))) static void multiply_add(void) {
  __m256 x = _mm256_set1_ps(0.5f), w = _mm256_set1_ps(1.0f), TWELVE(DECLARE) zero;
  zero = _mm256_setzero_ps();
  TWELVE(CLEAR)
  for (int k = 0; k < STEPS; k++) {
#define STEP(i) \
  __asm__ volatile("vfmadd231ps %1, %2, %0" : "+x"(sum##i) : "x"(w), "x"(x));
    TWELVE(STEP)
#undef STEP
  }
  TWELVE(KEEP)
}

static uint8_t *buffer; /* [BUFFER] */

__attribute__((target("avx2"))) static void read_memory(void) {
  __m256i x, sum = _mm256_setzero_si256();
  for (size_t k = 0; k < BUFFER; k += 128) {
    for (size_t i = 0; i < 128; i += 32) {
      x = _mm256_load_si256((const void *)(buffer + k + i));
      sum = _mm256_xor_si256(sum, x);
    }
  }
  OPAQUE(sum);
}

int main(void) {
  if (__builtin_cpu_supports("avx512vnni")) measure("vnni", vnni, 128.0 * 12 * STEPS);
  if (!__builtin_cpu_supports("avx2")) return 0;
  measure("madd", multiply_pairs, 32.0 * 12 * STEPS);
  if (__builtin_cpu_supports("fma")) measure("fma", multiply_add, 16.0 * 12 * STEPS);
  buffer = aligned_alloc(64, BUFFER);
  if (!buffer) return 1;
  memset(buffer, 1, BUFFER);
  measure("read", read_memory, BUFFER);
  free(buffer);
  return 0;
}
