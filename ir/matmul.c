/* matmul.c - matrix products of the interpreter, by OpenBLAS.
 *
 * Reals are multiplied and summed in double, so the result rounded to float does not depend on the
 * order of the sum.  Codes go through the single-precision product: all sums of up to 1024 products
 * of int8 are integers below 2^24 in magnitude, exact in a float whatever the order.  Both cut the
 * matrices into blocks, converted on the way, so that memory stays small for any shape. */
#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "ir/ir.h"

enum {
  ROWS = 256,           /* rows of x and of w in a block */
  DEPTH = 1024,         /* of the k dimension; for codes: 1024 * 128 * 128 = 2^24 */
  REAL_DEPTH = 256,     /* for reals */
  LANES = 8,            /* partial sums of a plain loop */
  SMALL = 4096,         /* multiplications below which OpenBLAS is not worth a call */
};
_Static_assert((int64_t)DEPTH * 128 * 128 <= 1 << 24, "sums of codes stay exact in a float");

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

/* Samples run in parallel, so a product must not. */
static void one_thread(void) { openblas_set_num_threads(1); }

void prepare_blas(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, one_thread);
}

static void *block_memory(int64_t m, int64_t n, int64_t depth, size_t bytes) {
  int64_t rows = min64(m, ROWS), cols = min64(n, ROWS);
  void *p = malloc((size_t)(rows * depth + cols * depth + rows * cols) * bytes);
  if (p == NULL) error("out of memory");
  return p;
}

/* ---- reals */

/* Independent partial sums let the host's vector unit work; their order is fixed. */
static double dot_f32(int64_t k, const float *x, const float *w) {
  double sum[LANES] = {0}, total = 0;
  int64_t i = 0;
  for (; i + LANES <= k; i += LANES)
    for (int j = 0; j < LANES; j++) sum[j] += (double)x[i + j] * w[i + j];
  for (int j = 0; i < k; i++, j++) sum[j] += (double)x[i] * w[i];
  for (int j = 0; j < LANES; j++) total += sum[j];
  return total;
}

static void widen(int64_t rows, int64_t depth, const float *from, int64_t step, double *to) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < depth; j++) to[i * depth + j] = from[i * step + j];
}

/* One block of y, all of k: sum[rows, cols] in double. */
static void block_f32(int64_t rows, int64_t cols, int64_t k, const float *x, const float *w,
                      double *xd, double *wd, double *sum) {
  for (int64_t p = 0; p < k; p += REAL_DEPTH) {
    int64_t depth = min64(k - p, REAL_DEPTH);
    widen(rows, depth, x + p, k, xd);
    widen(cols, depth, w + p, k, wd);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)cols,
                (blasint)depth, 1, xd, (blasint)depth, wd, (blasint)depth, p > 0, sum,
                (blasint)cols);
  }
}

/* Where a product goes: rounded to y, after the bias is added, or to `wide` as it is; [m,n] both. */
typedef struct Product {
  int64_t n;
  const float *bias;     /* [n] or NULL */
  float *y;              /* NULL: ... */
  double *wide;          /* ... here */
} Product;

static void store_sum(const Product *p, int64_t i, int64_t j, double sum) {
  if (p->y != NULL) p->y[i * p->n + j] = (float)(sum + (p->bias != NULL ? p->bias[j] : 0));
  else p->wide[i * p->n + j] = sum;
}

static void multiply(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
                     const Product *p) {
  if (m < 4 || k == 0 || m * n * k < SMALL) {
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) store_sum(p, i, j, dot_f32(k, x + i * k, w + j * k));
    return;
  }
  prepare_blas();
  int64_t deep = min64(k, REAL_DEPTH);
  double *xd = block_memory(m, n, deep, sizeof *xd);
  double *wd = xd + min64(m, ROWS) * deep, *sum = wd + min64(n, ROWS) * deep;
  for (int64_t i = 0; i < m; i += ROWS)
    for (int64_t j = 0; j < n; j += ROWS) {
      int64_t rows = min64(m - i, ROWS), cols = min64(n - j, ROWS);
      block_f32(rows, cols, k, x + i * k, w + j * k, xd, wd, sum);
      for (int64_t a = 0; a < rows; a++)
        for (int64_t b = 0; b < cols; b++) store_sum(p, i + a, j + b, sum[a * cols + b]);
    }
  free(xd);
}

void matmul_f32(int64_t m, int64_t n, int64_t k, const float *x, const float *w, const float *bias,
                float *y) {
  multiply(m, n, k, x, w, &(Product){n, bias, y, NULL});
}

void matmul_wide(int64_t m, int64_t n, int64_t k, const float *x, const float *w, double *y) {
  multiply(m, n, k, x, w, &(Product){n, NULL, NULL, y});
}

/* ---- codes */

static void to_floats(int64_t rows, int64_t depth, const int8_t *from, int64_t step, float *to) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < depth; j++) to[i * depth + j] = from[i * step + j];
}

/* Adds a block's sums; unsigned, so that sums over part of k may wrap. */
static void add_block(int64_t rows, int64_t cols, const float *sum, int32_t *acc, int64_t n) {
  for (int64_t a = 0; a < rows; a++)
    for (int64_t b = 0; b < cols; b++) {
      int32_t *at = &acc[a * n + b];
      *at = (int32_t)((uint32_t)*at + (uint32_t)(int32_t)sum[a * cols + b]);
    }
}

static void plain_i32(int64_t m, int64_t n, int64_t k, const int8_t *x, const int8_t *w,
                      int32_t *acc) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      uint32_t sum = 0;
      for (int64_t p = 0; p < k; p++) sum += (uint32_t)(x[i * k + p] * w[j * k + p]);
      acc[i * n + j] = (int32_t)sum;
    }
}

void matmul_i32(int64_t m, int64_t n, int64_t k, const int8_t *x, const int8_t *w, int32_t *acc) {
  if (m < 4 || k == 0 || m * n * k < SMALL) {
    plain_i32(m, n, k, x, w, acc);
    return;
  }
  prepare_blas();
  int64_t deep = min64(k, DEPTH);
  float *xf = block_memory(m, n, deep, sizeof *xf);
  float *wf = xf + min64(m, ROWS) * deep, *sum = wf + min64(n, ROWS) * deep;
  for (int64_t i = 0; i < m * n; i++) acc[i] = 0;
  for (int64_t p = 0; p < k; p += DEPTH)
    for (int64_t j = 0; j < n; j += ROWS) {
      int64_t depth = min64(k - p, DEPTH), cols = min64(n - j, ROWS);
      to_floats(cols, depth, w + j * k + p, k, wf);
      for (int64_t i = 0; i < m; i += ROWS) {
        int64_t rows = min64(m - i, ROWS);
        to_floats(rows, depth, x + i * k + p, k, xf);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)cols,
                    (blasint)depth, 1, xf, (blasint)depth, wf, (blasint)depth, 0, sum,
                    (blasint)cols);
        add_block(rows, cols, sum, acc + i * n + j, n);
      }
    }
  free(xf);
}
