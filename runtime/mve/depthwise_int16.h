/* mve/depthwise_int16.h - depthwise convolution of int16 codes, whose zero point is 0, with int8
 * weights on Helium, any kernel: the sums of eight channels stay in registers over all taps.
 * Weights are w[kernel_h][kernel_w][channels]; y must not overlap x. */
#ifndef QCC_MVE_DEPTHWISE_INT16_H
#define QCC_MVE_DEPTHWISE_INT16_H

#include <arm_mve.h>

#include "depthwise_s16.h"

QCC_INLINE void qcc_mve_store_s16(const struct qcc_rescale *r, int32x4_t acc, const int32_t *m,
                                  int16_t *y) {
  if (r->shift != 0)
    acc = vshlq_r_s32(acc, r->shift);
  acc = vqrdmlashq_n_s32(acc, vldrwq_s32(m), r->zero);
  acc = vminq_s32(vmaxq_s32(acc, vdupq_n_s32(r->lo)), vdupq_n_s32(r->hi));
  vstrhq_s32(y, acc);
}

/* Eight channels of one output pixel; x, w, b, m and y at the first of them. */
QCC_INLINE void qcc_mve_depthwise_eight_s16(const struct qcc_conv *p, const struct qcc_taps *t,
                                            const int16_t *x, const int8_t *w, const int32_t *b,
                                            const int32_t *m, int16_t *y) {
  const struct qcc_window *g = &p->g;
  int32x4_t low = vldrwq_s32(b), high = vldrwq_s32(b + 4);
  for (int32_t ky = t->ky0; ky < t->ky1; ky++) {
    const int16_t *v = x + t->first + (ky - t->ky0) * g->dilation_h * g->in_w * g->in_c;
    const int8_t *tap = w + (ky * g->kernel_w + t->kx0) * g->in_c;
    for (int32_t kx = t->kx0; kx < t->kx1; kx++, v += g->dilation_w * g->in_c, tap += g->in_c) {
      low = vaddq_s32(low, vmulq_s32(vldrhq_s32(v), vldrbq_s32(tap)));
      high = vaddq_s32(high, vmulq_s32(vldrhq_s32(v + 4), vldrbq_s32(tap + 4)));
    }
  }
  qcc_mve_store_s16(&p->out, low, m, y);
  qcc_mve_store_s16(&p->out, high, m + 4, y + 4);
}

QCC_KERNEL void qcc_mve_depthwise_s16(const struct qcc_conv *p, const int16_t *x, const int8_t *w,
                                      const int32_t *b, const int32_t *m, int16_t *y) {
  qcc_depthwise_blocks_s16(qcc_mve_depthwise_eight_s16, 8, p, x, w, b, m, y);
}

#endif
