/* hadamard_f32.h - runs of floats times an orthogonal matrix of signs (the fast Walsh-Hadamard
 * transform): n log n additions where the order n is a power of two, core^2 n more additions where
 * it is that times the order of a core.  y may be x. */
#ifndef QCC_HADAMARD_F32_H
#define QCC_HADAMARD_F32_H

#include "common.h"

#ifndef QCC_LARGEST_CORE
#define QCC_LARGEST_CORE 60 /* floats on the stack */
#endif

struct qcc_hadamard {
  int32_t rows, n;  /* x[rows][n] */
  int32_t block;    /* elements that are multiplied together */
  int32_t core;     /* order of the core, 1: none */
  int32_t inverse;  /* the matrix is transposed and signs come behind it */
  float scale;      /* 1 / sqrt(block) */
};

/* n elements, a power of two: two stages at a time. */
QCC_INLINE void qcc_sylvester(int32_t n, float *x) {
  int32_t h = 1;
  for (; h * 4 <= n; h *= 4)
    for (int32_t i = 0; i < n; i += 4 * h)
      for (int32_t j = i; j < i + h; j++) {
        float a = x[j] + x[j + h], b = x[j] - x[j + h];
        float c = x[j + 2 * h] + x[j + 3 * h], d = x[j + 2 * h] - x[j + 3 * h];
        x[j] = a + c, x[j + h] = b + d;
        x[j + 2 * h] = a - c, x[j + 3 * h] = b - d;
      }
  for (int32_t j = 0; h < n && j < h; j++) {
    float a = x[j], b = x[j + h];
    x[j] = a + b, x[j + h] = a - b;
  }
}

/* x[core][step], each column times the core's signs. */
QCC_INLINE void qcc_hadamard_core(int32_t core, int32_t step, int32_t inverse, const int8_t *matrix,
                                  float *x) {
  float column[QCC_LARGEST_CORE];
  for (int32_t k = 0; k < step; k++) {
    for (int32_t i = 0; i < core; i++)
      column[i] = x[i * step + k];
    for (int32_t i = 0; i < core; i++) {
      float sum = 0.0f;
      for (int32_t j = 0; j < core; j++)
        sum += (float)matrix[inverse ? j * core + i : i * core + j] * column[j];
      x[i * step + k] = sum;
    }
  }
}

/* signs[n] and matrix[core][core] are NULL where there are none. */
QCC_KERNEL void qcc_hadamard_f32(const struct qcc_hadamard *p, const int8_t *signs,
                                 const int8_t *matrix, const float *x, float *y) {
  int32_t size = p->block / p->core;
  for (int32_t at = 0; at < p->rows * p->n; at += p->block, x += p->block, y += p->block) {
    const int8_t *sign = signs ? signs + at % p->n : NULL;
    for (int32_t i = 0; i < p->block; i++)
      y[i] = x[i] * (sign && !p->inverse && sign[i] < 0 ? -p->scale : p->scale);
    for (int32_t i = 0; i < p->block; i += size)
      qcc_sylvester(size, y + i);
    if (p->core > 1)
      qcc_hadamard_core(p->core, size, p->inverse, matrix, y);
    for (int32_t i = 0; sign && p->inverse && i < p->block; i++)
      y[i] = sign[i] < 0 ? -y[i] : y[i];
  }
}

#endif
