/* dot_s8.h - dot products of int8 codes, see dot.h, and sums of them. */
#ifndef QCC_DOT_S8_H
#define QCC_DOT_S8_H

#include "dot.h"

QCC_DOTS(s8, int8_t)

QCC_KERNEL int32_t qcc_sum_s8(const int8_t *w, int32_t n) {
  int32_t sum = 0;
  for (int32_t i = 0; i < n; i++)
    sum += w[i];
  return sum;
}

#endif
