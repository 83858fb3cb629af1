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

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void vnni(void) {
  __m512i sum[16], x = _mm512_set1_epi8(3), w = _mm512_set1_epi8(-2);
  for (int i = 0; i < 16; i++) sum[i] = _mm512_setzero_si512();
  for (int k = 0; k < STEPS; k++)
    for (int i = 0; i < 16; i++) {
      sum[i] = _mm512_dpbusd_epi32(sum[i], x, w);
      OPAQUE(sum[i]);
    }
}

__attribute__((target("avx2"))) static void multiply_pairs(void) {
  __m256i sum[12], x = _mm256_set1_epi16(3), w = _mm256_set1_epi16(-2);
  for (int i = 0; i < 12; i++) sum[i] = _mm256_setzero_si256();
  for (int k = 0; k < STEPS; k++)
    for (int i = 0; i < 12; i++) {
      __m256i product = _mm256_madd_epi16(x, w);
      OPAQUE(product);
      sum[i] = _mm256_add_epi32(sum[i], product);
      OPAQUE(sum[i]);
    }
}

__attribute__((target("avx2,fma"))) static void multiply_add(void) {
  __m256 sum[12], x = _mm256_set1_ps(0.5f), w = _mm256_set1_ps(1.0f);
  for (int i = 0; i < 12; i++) sum[i] = _mm256_setzero_ps();
  for (int k = 0; k < STEPS; k++)
    for (int i = 0; i < 12; i++) {
      sum[i] = _mm256_fmadd_ps(x, w, sum[i]);
      OPAQUE(sum[i]);
    }
}

static uint8_t *buffer; /* [BUFFER] */

__attribute__((target("avx2"))) static void read_memory(void) {
  __m256i sum[4];
  for (int i = 0; i < 4; i++) sum[i] = _mm256_setzero_si256();
  for (size_t k = 0; k < BUFFER; k += 128)
    for (size_t i = 0; i < 4; i++)
      sum[i] = _mm256_xor_si256(sum[i], _mm256_load_si256((const void *)(buffer + k + 32 * i)));
  for (int i = 0; i < 4; i++) OPAQUE(sum[i]);
}

int main(void) {
  if (__builtin_cpu_supports("avx512vnni")) measure("vnni", vnni, 128.0 * 16 * STEPS);
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
