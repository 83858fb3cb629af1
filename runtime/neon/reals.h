/* neon/reals.h - four sums at a time to real numbers, and the functions of a family for all kinds of weights
 * but int8, which not every family takes in groups. */
#ifndef QCC_NEON_REALS_H
#define QCC_NEON_REALS_H

#include <arm_neon.h>

#include "line_reals.h"

QCC_INLINE void qcc_neon_reals_row(int32_t n, float x_scale, const float *s, const float *b,
                                   float *y) {
  int32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    int32x4_t sums = vreinterpretq_s32_s8(vld1q_s8((const int8_t *)(y + i)));
    float32x4_t v = vmulq_n_f32(vcvtq_f32_s32(sums), x_scale);
    v = vmulq_f32(v, vld1q_f32(s + i));
    vst1q_f32(y + i, vaddq_f32(v, b ? vld1q_f32(b + i) : vdupq_n_f32(0)));
  }
  qcc_reals_rest(i, n, x_scale, s, b, y);
}

/* step: of int8 and int4 weights, and indices. */
#define QCC_NEON_REALS(isa, line, step, step2)                                                     \
  QCC_LINE_REALS(s8, isa, line, qcc_neon_reals_row, 8, step, , NULL)                               \
  QCC_LINE_REALS(s4, isa, line, qcc_neon_reals_row, 4, step, , NULL)                               \
  QCC_LINE_REALS(s2, isa, line, qcc_neon_reals_row, 2, step2, , NULL)                              \
  QCC_LINE_REALS(l8, isa, line, qcc_neon_reals_row, QCC_LEVELS_8, step, QCC_WITH_LEVELS, levels)   \
  QCC_LINE_REALS(l5, isa, line, qcc_neon_reals_row, QCC_LEVELS_5, step, QCC_WITH_LEVELS, levels)   \
  QCC_LINE_REALS_GROUPED(s4, isa, line, qcc_neon_reals_row, 4, step, , NULL)                       \
  QCC_LINE_REALS_GROUPED(l8, isa, line, qcc_neon_reals_row, QCC_LEVELS_8, step, QCC_WITH_LEVELS,   \
                         levels)                                                                   \
  QCC_LINE_REALS_GROUPED(l5, isa, line, qcc_neon_reals_row, QCC_LEVELS_5, step, QCC_WITH_LEVELS,   \
                         levels)

#endif
