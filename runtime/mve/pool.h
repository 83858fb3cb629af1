/* mve/pool.h - pools over NHWC codes on Helium, 16 channels at a time; those that are left over make
 * a block with some before them.  Averages are summed in lanes of 16 bits, which have room for 256
 * taps; then the sums move to 32 bits.  y must not overlap x. */
#ifndef QCC_MVE_POOL_H
#define QCC_MVE_POOL_H

#include "avgpool_s8.h"
#include "mve/vec.h"

/* n channels of one output pixel, up to 16. */
QCC_INLINE void qcc_mve_max_block(int32_t is_signed, int32_t n, const struct qcc_run *t,
                                  const int8_t *x, int8_t *y) {
  mve_pred16_t some = vctp8q((uint32_t)n);
  int8x16_t max = vdupq_n_s8(is_signed ? -128 : 0);
  for (int32_t row = 0; row < t->rows; row++, x += t->row_step) {
    const int8_t *at = x;
    for (int32_t k = t->cols; k > 0; k--, at += t->step) {
      int8x16_t v = n == 16 ? vldrbq_s8(at) : vldrbq_z_s8(at, some);
      if (is_signed)
        max = vmaxq_s8(max, v);
      else
        max = vreinterpretq_s8_u8(vmaxq_u8(vreinterpretq_u8_s8(max), vreinterpretq_u8_s8(v)));
    }
  }
  if (n == 16)
    vstrbq_s8(y, max);
  else
    vstrbq_p_s8(y, max, some);
}

QCC_INLINE void qcc_mve_maxpool(int32_t is_signed, const struct qcc_window *g, const int8_t *x,
                                int8_t *y) {
  int32_t n = g->out_c;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += n) {
        struct qcc_run t = qcc_find_run(g, oy, ox);
        if (n < 16)
          qcc_mve_max_block(is_signed, n, &t, x + t.first, y);
        else
          for (int32_t i = 0; i < n; i += 16) {
            int32_t c = qcc_min(i, n - 16);
            qcc_mve_max_block(is_signed, 16, &t, x + t.first + c, y + c);
          }
      }
}

QCC_KERNEL void qcc_mve_maxpool_s8(const struct qcc_window *g, const int8_t *x, int8_t *y) {
  qcc_mve_maxpool(1, g, x, y);
}

QCC_KERNEL void qcc_mve_maxpool_u8(const struct qcc_window *g, const uint8_t *x, uint8_t *y) {
  qcc_mve_maxpool(0, g, (const int8_t *)x, (int8_t *)y);
}

/* The first n of eight codes, widened. */
QCC_INLINE int16x8_t qcc_mve_load_wide(const int8_t *x, int32_t n) {
  return n >= 8 ? vldrbq_s16(x) : vldrbq_z_s16(x, vctp16q((uint32_t)n));
}

/* Four sums more, of 16 bits. */
QCC_INLINE void qcc_mve_add_sums(const int16_t *more, int32_t *sum) {
  vstrwq_s32(sum, vaddq_s32(vldrwq_s32(sum), vldrhq_s32(more)));
}

/* sum[i] += channel i of `taps` taps, n <= 16 channels; returns where the next tap is. */
QCC_INLINE const int8_t *qcc_mve_sum_taps(int32_t n, int32_t taps, int32_t step, const int8_t *x,
                                          int32_t *sum) {
  int16_t part[16];
  int16x8_t low = vdupq_n_s16(0), high = low;
  for (; taps > 0; taps--, x += step) {
    low = vaddq_s16(low, qcc_mve_load_wide(x, n));
    if (n > 8)
      high = vaddq_s16(high, qcc_mve_load_wide(x + 8, n - 8));
  }
  vstrhq_s16(part, low);
  vstrhq_s16(part + 8, high);
  for (int32_t i = 0; i < 16; i += 4)
    qcc_mve_add_sums(part + i, sum + i);
  return x;
}

QCC_INLINE void qcc_mve_average_block(int32_t n, const struct qcc_avgpool *p,
                                      const struct qcc_run *t, const int8_t *x, int32_t m,
                                      int8_t *y) {
  int32_t sum[16];
  for (int32_t i = 0; i < 16; i += 4)
    vstrwq_s32(sum + i, vdupq_n_s32(-t->rows * t->cols * p->x_zero));
  for (int32_t row = 0; row < t->rows; row++, x += t->row_step) {
    const int8_t *at = x;
    for (int32_t k = t->cols; k > 0; k -= 256)
      at = qcc_mve_sum_taps(n, qcc_min(k, 256), t->step, at, sum);
  }
  for (int32_t i = 0; i < n; i += 4) {
    int32x4_t v = qcc_mve_codes(&p->out, NULL, vldrwq_s32(sum + i), vdupq_n_s32(m));
    if (n - i >= 4)
      vstrbq_s32(y + i, v);
    else
      vstrbq_p_s32(y + i, v, vctp32q((uint32_t)(n - i)));
  }
}

QCC_KERNEL void qcc_mve_avgpool_s8(const struct qcc_avgpool *p, const int8_t *x, const int32_t *m,
                                   int8_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t n = g->out_c;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += n) {
        struct qcc_run t = qcc_find_run(g, oy, ox);
        int32_t count = t.rows * t.cols;
        int32_t factor = m[p->m_by_count && count > 0 ? count - 1 : 0];
        if (n < 16)
          qcc_mve_average_block(n, p, &t, x + t.first, factor, y);
        else
          for (int32_t i = 0; i < n; i += 16) {
            int32_t c = qcc_min(i, n - 16);
            qcc_mve_average_block(16, p, &t, x + t.first + c, factor, y + c);
          }
      }
}

#endif
