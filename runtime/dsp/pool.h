/* dsp/pool.h - pools over NHWC codes, four channels in a word.  A maximum is a comparison of four
 * bytes and SEL.  An average adds the codes of two channels to a word of two 16-bit sums, which
 * have room for 256 taps; then they move to sums of 32 bits.  There are at least four channels:
 * those that are left over make a block with some before them.  y must not overlap x. */
#ifndef QCC_DSP_POOL_H
#define QCC_DSP_POOL_H

#include "avgpool_s8.h"
#include "dsp/dsp.h"

/* The larger of four codes each. */
QCC_INLINE uint32_t qcc_dsp_larger(int32_t is_signed, uint32_t a, uint32_t b) {
  uint32_t r;
  if (is_signed)
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b) : "cc");
  else
    __asm__("usub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(r) : "r"(a), "r"(b) : "cc");
  return r;
}

/* 4 * words channels of one output pixel. */
QCC_INLINE void qcc_dsp_max_block(int32_t is_signed, int32_t words, const struct qcc_run *t,
                                  const int8_t *x, int8_t *y) {
  uint32_t lowest = is_signed ? 0x80808080u : 0, max[2] = {lowest, lowest};
  for (int32_t row = 0; row < t->rows; row++, x += t->row_step) {
    const int8_t *v = x;
    for (int32_t n = t->cols; n > 0; n--, v += t->step)
      for (int32_t i = 0; i < words; i++)
        max[i] = qcc_dsp_larger(is_signed, max[i], qcc_dsp_load(v + 4 * i));
  }
  for (int32_t i = 0; i < words; i++)
    qcc_dsp_store(y + 4 * i, max[i]);
}

QCC_INLINE void qcc_maxpool_dsp(int32_t is_signed, const struct qcc_window *g, const int8_t *x,
                                int8_t *y) {
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_run t = qcc_find_run(g, oy, ox);
        int32_t c = 0;
        for (; c + 8 <= g->out_c; c += 8)
          qcc_dsp_max_block(is_signed, 2, &t, x + t.first + c, y + c);
        for (; c < g->out_c; c += 4) {
          c = qcc_min(c, g->out_c - 4);
          qcc_dsp_max_block(is_signed, 1, &t, x + t.first + c, y + c);
        }
      }
}

QCC_KERNEL void qcc_maxpool_dsp_s8(const struct qcc_window *g, const int8_t *x, int8_t *y) {
  qcc_maxpool_dsp(1, g, x, y);
}

QCC_KERNEL void qcc_maxpool_dsp_u8(const struct qcc_window *g, const uint8_t *x, uint8_t *y) {
  qcc_maxpool_dsp(0, g, (const int8_t *)x, (int8_t *)y);
}

/* sum[i] += channel i of n taps, at most 256; returns where the next tap is. */
QCC_INLINE const int8_t *qcc_dsp_sum_taps(int32_t words, int32_t n, int32_t step, const int8_t *x,
                                          int32_t *sum) {
  uint32_t even[2] = {0, 0}, odd[2] = {0, 0};
  for (; n > 0; n--, x += step)
    for (int32_t i = 0; i < words; i++) {
      uint32_t codes = qcc_dsp_load(x + 4 * i);
      even[i] = qcc_dsp_add_even(even[i], codes);
      odd[i] = qcc_dsp_add_odd(odd[i], codes);
    }
  for (int32_t i = 0; i < words; i++) {
    sum[4 * i] += (int16_t)even[i];
    sum[4 * i + 1] += (int16_t)odd[i];
    sum[4 * i + 2] += (int32_t)even[i] >> 16;
    sum[4 * i + 3] += (int32_t)odd[i] >> 16;
  }
  return x;
}

/* 4 * words channels of one output pixel; m2 is 2 * m. */
QCC_INLINE void qcc_dsp_average_block(int32_t words, const struct qcc_avgpool *p,
                                      const struct qcc_run *t, const int8_t *x, int32_t m2,
                                      int8_t *y) {
  int32_t zeros = -t->rows * t->cols * p->x_zero, sum[8];
  for (int32_t i = 0; i < 4 * words; i++)
    sum[i] = zeros;
  for (int32_t row = 0; row < t->rows; row++, x += t->row_step) {
    const int8_t *v = x;
    for (int32_t n = t->cols; n > 0; n -= 256)
      v = qcc_dsp_sum_taps(words, qcc_min(n, 256), t->step, v, sum);
  }
  for (int32_t i = 0; i < 4 * words; i++)
    y[i] = qcc_dsp_output(&p->out, qcc_dsp_shift(&p->out, sum[i], 0), m2, NULL);
}

QCC_KERNEL void qcc_avgpool_dsp_s8(const struct qcc_avgpool *p, const int8_t *x, const int32_t *m,
                                   int8_t *y) {
  const struct qcc_window *g = &p->g;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, y += g->out_c) {
        struct qcc_run t = qcc_find_run(g, oy, ox);
        int32_t count = t.rows * t.cols, c = 0;
        int32_t m2 = 2 * m[p->m_by_count && count > 0 ? count - 1 : 0];
        for (; c + 8 <= g->out_c; c += 8)
          qcc_dsp_average_block(2, p, &t, x + t.first + c, m2, y + c);
        for (; c < g->out_c; c += 4) {
          c = qcc_min(c, g->out_c - 4);
          qcc_dsp_average_block(1, p, &t, x + t.first + c, m2, y + c);
        }
      }
}

#endif
