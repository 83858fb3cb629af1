/* vectors.h - codes of formats in which several stand together. */
#ifndef QCC_TESTS_VECTORS_H
#define QCC_TESTS_VECTORS_H

#include "ir/ir.h"

/* Makes rows of n codes such as the format has; nothing to do where each has its own. */
static inline void put_vectors(const Format *f, int8_t *codes, int64_t rows, int64_t n) {
  for (int64_t i = 0; f->vector > 1 && i < rows * n;) {
    double x[MAX_VECTOR];
    int64_t left = n - i % n, size = left < f->vector ? left : f->vector;
    for (int64_t j = 0; j < size; j++) x[j] = codes[i + j];
    f->nearest(x, (int)size, codes + i);
    i += size;
  }
}

#endif
