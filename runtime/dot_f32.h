/* dot_f32.h - dot product of floats in eight interleaved sums: compilers may not reorder float
 * additions by themselves, and eight sums are what vector units and pipelined cores need. */
#ifndef QCC_DOT_F32_H
#define QCC_DOT_F32_H

#include "common.h"

QCC_KERNEL float qcc_dot_f32(const float *x, const float *w, int32_t n) {
  float s[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}, sum = 0.0f;
  int32_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int32_t l = 0; l < 8; l++)
      s[l] += x[i + l] * w[i + l];
  for (; i < n; i++)
    sum += x[i] * w[i];
  return sum + ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

#endif
