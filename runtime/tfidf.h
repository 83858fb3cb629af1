/* tfidf.h - ONNX's TfIdfVectorizer of integers: how often each of a pool of n-grams, whose members may stand up
 * to a number of places apart, comes in each row of x. */
#ifndef QCC_TFIDF_H
#define QCC_TFIDF_H

#include "common.h"

struct qcc_tfidf {
  int32_t rows, columns, out; /* x[rows][columns], y[rows][out] */
  int32_t grams, skips;       /* in the pool; places that may be left out between members */
  int32_t wide;               /* elements of x are int64, else int32 */
  int32_t counts;             /* y: how often, else 1 where it comes at all; times the weight */
  const int64_t *pool;        /* members of all n-grams, one behind the other */
  const int32_t *length, *place; /* [grams] members; where in a row of y */
  const float *weight;        /* [grams], NULL: 1 */
};

QCC_INLINE int qcc_is_gram(const struct qcc_tfidf *p, const int64_t *gram, int32_t n, int32_t step,
                           int32_t at, const void *x) {
  for (int32_t i = 0; i < n; i++) {
    int32_t k = at + i * step;
    if (gram[i] != (p->wide ? ((const int64_t *)x)[k] : ((const int32_t *)x)[k]))
      return 0;
  }
  return 1;
}

/* How often an n-gram comes in a row that begins at element `at`. */
QCC_KERNEL int32_t qcc_count_gram(const struct qcc_tfidf *p, const int64_t *gram, int32_t n, int32_t at,
                                  const void *x) {
  int32_t count = 0;
  for (int32_t step = 1; step <= (n > 1 ? p->skips + 1 : 1); step++)
    for (int32_t k = 0; k + (n - 1) * step < p->columns; k++)
      count += qcc_is_gram(p, gram, n, step, at + k, x);
  return count;
}

QCC_KERNEL void qcc_tfidf(const struct qcc_tfidf *p, const void *x, float *y) {
  memset(y, 0, (size_t)(p->rows * p->out) * sizeof *y);
  for (int32_t r = 0; r < p->rows; r++) {
    const int64_t *gram = p->pool;
    for (int32_t g = 0; g < p->grams; gram += p->length[g], g++) {
      int32_t count = qcc_count_gram(p, gram, p->length[g], r * p->columns, x);
      float v = p->counts ? (float)count : (float)(count > 0);
      y[r * p->out + p->place[g]] = p->weight ? v * p->weight[g] : v;
    }
  }
}

#endif
