/* pairs_s16.h - layers of int16 codes, whose zero point is 0, with int8 weights, eight output channels
 * at a time: an instruction set gives three functions, QCC_PAIRS_S16(isa) makes its kernels of them.
 *
 * Weights of convolutions and matrix products lie in blocks of eight channels, w[block][pairs][8][2],
 * depth and channels padded with zeros: a pair of codes of a pixel meets the pairs of eight channels.
 * Up to four pixels share the loads of weights; windows of convolutions are gathered into
 * scratch[4][depth], depth even.  Of depthwise convolutions: w[kernel_h][kernel_w][channels].
 * Ungrouped; y must not overlap x. */
#ifndef QCC_PAIRS_S16_H
#define QCC_PAIRS_S16_H

#include "depthwise_s16.h"
#include "tiles_s16.h"

/* acc[r][8] += pairs of row r (1, 2 or 4 rows, x_step codes apart) times w[pairs][8][2]. */
typedef void qcc_rows_s16(int32_t rows, int32_t pairs, const int16_t *x, int32_t x_step,
                          const int8_t *w, int32_t acc[4][8]);

/* acc[8] += v[8] * w[8] of so many taps; v_step codes and w_step weights from one to the next. */
typedef void qcc_taps_s16(int32_t taps, const int16_t *v, int32_t v_step, const int8_t *w,
                          int32_t w_step, int32_t acc[8]);

/* Rule q31 of eight sums; r->zero is 0. */
typedef void qcc_eight_codes_s16(const struct qcc_rescale *r, const int32_t acc[8],
                                 const int32_t m[8], int16_t y[8]);

struct qcc_family_s16 {
  qcc_rows_s16 *rows;
  qcc_taps_s16 *taps;
  qcc_eight_codes_s16 *codes;
};

/* Channels [o, o + n) of some rows; y at the first of them. */
QCC_INLINE void qcc_block_s16(const struct qcc_family_s16 *f, int32_t rows, int32_t n,
                              const struct qcc_rescale *out, int32_t depth, const int16_t *x,
                              int32_t x_step, const int8_t *w, const int32_t *b, const int32_t *m,
                              int32_t cols, int16_t *y) {
  int32_t acc[4][8], bias[8] = {0}, factor[8] = {0};
  memcpy(bias, b, (size_t)n * sizeof *b);
  memcpy(factor, m, (size_t)n * sizeof *m);
  for (int32_t r = 0; r < rows; r++)
    memcpy(acc[r], bias, sizeof bias);
  f->rows(rows, depth / 2, x, x_step, w, acc);
  if (depth & 1) {
    int16_t last[4][2];
    for (int32_t r = 0; r < rows; r++) {
      last[r][0] = x[r * x_step + depth - 1];
      last[r][1] = 0;
    }
    f->rows(rows, 1, last[0], 2, w + (depth - 1) * 8, acc);
  }
  for (int32_t r = 0; r < rows; r++, y += cols) {
    int16_t codes[8];
    f->codes(out, acc[r], factor, codes);
    memcpy(y, codes, (size_t)n * sizeof *y);
  }
}

/* All channels of some rows. */
QCC_INLINE void qcc_blocks_s16(const struct qcc_family_s16 *f, int32_t rows,
                               const struct qcc_rescale *out, int32_t depth, const int16_t *x,
                               int32_t x_step, const int8_t *w, const int32_t *b, const int32_t *m,
                               int32_t cols, int16_t *y) {
  int32_t o = 0, block = (depth + 1) / 2 * 16;
  for (; o + 8 <= cols; o += 8, w += block)
    qcc_block_s16(f, rows, 8, out, depth, x, x_step, w, b + o, m + o, cols, y + o);
  if (o < cols)
    qcc_block_s16(f, rows, cols - o, out, depth, x, x_step, w, b + o, m + o, cols, y + o);
}

QCC_INLINE void qcc_all_rows_s16(const struct qcc_family_s16 *f, int32_t rows,
                                 const struct qcc_rescale *out, int32_t depth, const int16_t *x,
                                 int32_t x_step, const int8_t *w, const int32_t *b,
                                 const int32_t *m, int32_t cols, int16_t *y) {
  for (; rows >= 4; rows -= 4, x += 4 * x_step, y += 4 * cols)
    qcc_blocks_s16(f, 4, out, depth, x, x_step, w, b, m, cols, y);
  if (rows & 2) {
    qcc_blocks_s16(f, 2, out, depth, x, x_step, w, b, m, cols, y);
    x += 2 * x_step;
    y += 2 * cols;
  }
  if (rows & 1)
    qcc_blocks_s16(f, 1, out, depth, x, x_step, w, b, m, cols, y);
}

QCC_INLINE void qcc_pairs_conv_s16(const struct qcc_family_s16 *f, const struct qcc_conv *p,
                                   const int16_t *x, const int8_t *w, const int32_t *b,
                                   const int32_t *m, int16_t *scratch, int16_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t depth = (g->kernel_h * g->kernel_w * g->in_c + 1) & ~1;
  for (int32_t k = 0; k < g->batch; k++, x += g->in_h * g->in_w * g->in_c)
    for (int32_t i = 0, held = 0; i < g->out_h * g->out_w; i++) {
      qcc_gather_s16(p, i / g->out_w, i % g->out_w, depth, x, scratch + held++ * depth);
      if (held < 4 && i + 1 < g->out_h * g->out_w)
        continue;
      qcc_all_rows_s16(f, held, &p->out, depth, scratch, depth, w, b, m, g->out_c, y);
      y += held * g->out_c;
      held = 0;
    }
}

/* Eight channels of one output pixel. */
QCC_INLINE void qcc_eight_channels_s16(const struct qcc_family_s16 *f, const struct qcc_conv *p,
                                       const struct qcc_taps *t, const int16_t *x, const int8_t *w,
                                       const int32_t *b, const int32_t *m, int16_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t acc[8];
  memcpy(acc, b, sizeof acc);
  for (int32_t ky = t->ky0; ky < t->ky1; ky++)
    f->taps(t->kx1 - t->kx0, x + t->first + (ky - t->ky0) * g->dilation_h * g->in_w * g->in_c,
            g->dilation_w * g->in_c, w + (ky * g->kernel_w + t->kx0) * g->in_c, g->in_c, acc);
  f->codes(&p->out, acc, m, y);
}

/* qcc_<isa>_conv_s16, _gemm_s16 and _depthwise_s16, by qcc_<isa>_rows_s16, _taps_s16 and _codes_s16. */
#define QCC_PAIRS_S16(isa)                                                                         \
  QCC_KERNEL void qcc_##isa##_conv_s16(const struct qcc_conv *p, const int16_t *x,                 \
                                       const int8_t *w, const int32_t *b, const int32_t *m,        \
                                       void *scratch, int16_t *y) {                                \
    const struct qcc_family_s16 f = {qcc_##isa##_rows_s16, qcc_##isa##_taps_s16,                   \
                                     qcc_##isa##_codes_s16};                                       \
    qcc_pairs_conv_s16(&f, p, x, w, b, m, (int16_t *)scratch, y);                                  \
  }                                                                                                \
  QCC_KERNEL void qcc_##isa##_gemm_s16(const struct qcc_gemm *p, const int16_t *x,                 \
                                       const int8_t *w, const int32_t *b, const int32_t *m,        \
                                       int16_t *y) {                                               \
    const struct qcc_family_s16 f = {qcc_##isa##_rows_s16, qcc_##isa##_taps_s16,                   \
                                     qcc_##isa##_codes_s16};                                       \
    qcc_all_rows_s16(&f, p->rows, &p->out, p->depth, x, p->depth, w, b, m, p->cols, y);            \
  }                                                                                                \
  QCC_INLINE void qcc_##isa##_channels_s16(const struct qcc_conv *p, const struct qcc_taps *t,     \
                                           const int16_t *x, const int8_t *w, const int32_t *b,    \
                                           const int32_t *m, int16_t *y) {                         \
    const struct qcc_family_s16 f = {qcc_##isa##_rows_s16, qcc_##isa##_taps_s16,                   \
                                     qcc_##isa##_codes_s16};                                       \
    qcc_eight_channels_s16(&f, p, t, x, w, b, m, y);                                               \
  }                                                                                                \
  QCC_KERNEL void qcc_##isa##_depthwise_s16(const struct qcc_conv *p, const int16_t *x,            \
                                            const int8_t *w, const int32_t *b, const int32_t *m,   \
                                            int16_t *y) {                                          \
    qcc_depthwise_blocks_s16(qcc_##isa##_channels_s16, 8, p, x, w, b, m, y);                       \
  }

#endif
