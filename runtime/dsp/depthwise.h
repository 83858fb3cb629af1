/* depthwise.h - depthwise convolution of int8 codes with int8, int4 or int2 weights: any kernel,
 * stride and dilation.  Four channels at a time are turned into planes in scratch, whose words are
 * pairs of columns that neighbouring taps read, so that SMLAD multiplies two taps:
 *
 *   words of a row   (x0 x1) (x1 x2) (x2 x3) ...     dilation 1; (x0 x2) (x1 x3) ... for 2
 *
 * The words of every stride_w-th column lie together: four outputs then find theirs side by side.
 * Rows are in a ring, and are widened before outputs overwrite them; channels do not meet, so y may
 * be x. */
#ifndef QCC_DSP_DEPTHWISE_H
#define QCC_DSP_DEPTHWISE_H

#include "conv_params.h"
#include "dsp/dsp.h"
#include "packed.h"

/* Planes of four channels, and what lies beside them in scratch. */
struct qcc_dsp_planes {
  int32_t pairs_w, pairs; /* of taps: in a kernel row, in all */
  int32_t phase;          /* words of a phase: every stride_w-th column */
  int32_t channel;        /* words of a channel: stride_w phases */
  int32_t slots;          /* rows of the ring; one more is all padding */
  uint32_t *taps;         /* [4][pairs] weights */
  const uint32_t **at;    /* [pairs] words of the first output */
  uint32_t *line;         /* [channel + dilation_w] columns of a row, four codes each */
  uint32_t *ring;         /* [slots + 1][4][channel] */
};

QCC_INLINE struct qcc_dsp_planes qcc_dsp_open_planes(const struct qcc_window *g, void *scratch) {
  struct qcc_dsp_planes v;
  v.pairs_w = (g->kernel_w + 1) >> 1;
  v.pairs = g->kernel_h * v.pairs_w;
  v.phase = ((g->out_w + 3) & ~3) + 2 * (v.pairs_w - 1) * g->dilation_w / g->stride_w;
  v.channel = g->stride_w * v.phase;
  v.slots = (g->kernel_h - 1) * g->dilation_h + 1;
  v.at = scratch;
  v.taps = (uint32_t *)(v.at + v.pairs);
  v.line = v.taps + 4 * v.pairs;
  v.ring = v.line + v.channel + g->dilation_w;
  return v;
}

/* The weights of n channels; `bytes` each. */
QCC_INLINE void qcc_dsp_pair_taps(const struct qcc_window *g, int32_t bits, int32_t n,
                                  const uint8_t *w, int32_t bytes, uint32_t *out) {
  for (int32_t j = 0; j < n; j++, w += bytes)
    for (int32_t ky = 0, t = 0; ky < g->kernel_h; ky++)
      for (int32_t kx = 0; kx < g->kernel_w; kx += 2, out++) {
        uint32_t v[2] = {0, 0};
        for (int32_t i = 0; i < 2 && kx + i < g->kernel_w; i++, t++)
          v[i] = (uint32_t)(bits == 8 ? (int8_t)w[t] : qcc_code_at(8 / bits, NULL, w, t));
        *out = qcc_dsp_low(v[0], v[1]);
      }
}

/* Row x of the image, n of four channels, as a row of the planes; NULL: all padding. */
QCC_INLINE void qcc_dsp_widen_planes(const struct qcc_conv *p, const struct qcc_dsp_planes *v,
                                     int32_t n, const int8_t *x, uint32_t *out) {
  const struct qcc_window *g = &p->g;
  uint32_t zero = qcc_dsp_splat(p->x_zero) & 0x00ff00ff, *line = v->line;
  int32_t columns = v->channel + g->dilation_w, first = g->pad_left;
  int32_t end = x ? qcc_min(first + g->in_w, columns) : 0;
  zero |= zero << 8;
  for (int32_t i = 0; i < columns; i++)
    line[i] = zero;
  for (int32_t i = first; i < end; i++, x += g->in_c)
    line[i] = n == 4 ? qcc_dsp_load(x) : qcc_dsp_load_tail(x, n);
  for (int32_t s = 0; s < g->stride_w; s++, line++, out += v->phase) {
    const uint32_t *from = line;
    for (int32_t i = 0; i < v->phase; i++, from += g->stride_w) {
      uint32_t u = from[0], w = from[g->dilation_w], *to = out + i;
      uint32_t e0 = qcc_dsp_even(u), e1 = qcc_dsp_even(w);
      uint32_t o0 = qcc_dsp_odd(u), o1 = qcc_dsp_odd(w);
      to[0] = qcc_dsp_low(e0, e1);
      to[v->channel] = qcc_dsp_low(o0, o1);
      to[2 * v->channel] = qcc_dsp_high(e0, e1);
      to[3 * v->channel] = qcc_dsp_high(o0, o1);
    }
  }
}

/* Where the words of output row oy lie. */
QCC_INLINE void qcc_dsp_find_words(const struct qcc_window *g, const struct qcc_dsp_planes *v,
                                   int32_t oy) {
  const uint32_t **at = v->at;
  int32_t iy = oy * g->stride_h - g->pad_top;
  for (int32_t ky = 0; ky < g->kernel_h; ky++, iy += g->dilation_h) {
    int32_t slot = iy < 0 || iy >= g->in_h ? v->slots : iy % v->slots;
    const uint32_t *row = v->ring + slot * 4 * v->channel;
    for (int32_t k = 0; k < v->pairs_w; k++) {
      int32_t column = 2 * k * g->dilation_w;
      *at++ = row + column % g->stride_w * v->phase + column / g->stride_w;
    }
  }
}

#define QCC_DSP_TAP_PAIR               \
  "ldr r3, [%[at]], #4\n\t"            \
  "ldr r12, [%[w]], #4\n\t"            \
  "add r3, r3, %[more]\n\t"            \
  "ldm r3, {r3, r4, r5, r6}\n\t"       \
  "smlad %[a], r3, r12, %[a]\n\t"      \
  "smlad %[b], r4, r12, %[b]\n\t"      \
  "smlad %[c], r5, r12, %[c]\n\t"      \
  "smlad %[d], r6, r12, %[d]\n\t"
#define QCC_DSP_TAP_PAIRS(text)                                                              \
  __asm__ volatile(text                                                                      \
                   : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [at] "+r"(at),      \
                     [w] "+r"(w)                                                             \
                   : [more] "r"(more), [end] "r"(end)                                        \
                   : "r3", "r4", "r5", "r6", "r12", "cc", "memory")

/* Adds four outputs, whose words lie `bytes` behind those of the first, to sum[4]. */
QCC_INLINE void qcc_dsp_sum_pairs(const struct qcc_dsp_planes *v, int32_t bytes,
                                  const uint32_t *taps, int32_t sum[4]) {
  register int32_t a __asm__("r0") = sum[0], b __asm__("r1") = sum[1], c __asm__("r2") = sum[2],
                   d __asm__("r8") = sum[3], more __asm__("r11") = bytes;
  register const uint32_t **at __asm__("r9") = v->at, **end __asm__("lr") = v->at + v->pairs;
  register const uint32_t *w __asm__("r10") = taps;
  if (v->pairs & 1)
    QCC_DSP_TAP_PAIRS(QCC_DSP_TAP_PAIR);
  if (v->pairs > 1)
    QCC_DSP_TAP_PAIRS("1:\n\t" QCC_DSP_TAP_PAIR QCC_DSP_TAP_PAIR "cmp %[at], %[end]\n\t"
                      "bne 1b");
  sum[0] = a;
  sum[1] = b;
  sum[2] = c;
  sum[3] = d;
}

#undef QCC_DSP_TAP_PAIRS
#undef QCC_DSP_TAP_PAIR

/* Channel j of four of a row of the output. */
QCC_INLINE void qcc_dsp_depthwise_row(const struct qcc_conv *p, const struct qcc_dsp_planes *v,
                                      int32_t j, const int32_t *k, const int8_t *table,
                                      int8_t *y) {
  struct qcc_dsp_factors f = qcc_dsp_load_factors(&p->out, k + 4);
  for (int32_t ox = 0; ox < p->g.out_w; ox += 4) {
    int32_t n = p->g.out_w - ox, sum[4] = {k[0], k[0], k[0], k[0]};
    qcc_dsp_sum_pairs(v, 4 * (j * v->channel + ox), v->taps + j * v->pairs, sum);
    for (int32_t i = 0; i < 4 && i < n; i++, y += p->g.out_c)
      *y = qcc_dsp_finish(&p->out, qcc_dsp_shift(&p->out, sum[i], 0), f, table);
  }
}

/* n channels (at most 4) of one image. */
QCC_INLINE void qcc_dsp_depthwise_image(const struct qcc_conv *p, const struct qcc_dsp_planes *v,
                                        int32_t n, const int8_t *x, const int32_t *k,
                                        const int8_t *table, int8_t *y) {
  const struct qcc_window *g = &p->g;
  int32_t next = 0;
  for (int32_t oy = 0; oy < g->out_h; oy++) {
    int32_t end = qcc_min(oy * g->stride_h - g->pad_top + v->slots, g->in_h);
    for (; next < end; next++)
      qcc_dsp_widen_planes(p, v, n, x + next * g->in_w * g->in_c,
                           v->ring + next % v->slots * 4 * v->channel);
    qcc_dsp_find_words(g, v, oy);
    for (int32_t j = 0; j < n; j++)
      qcc_dsp_depthwise_row(p, v, j, k + j, table, y + oy * g->out_w * g->out_c + j);
  }
}

QCC_INLINE void qcc_dsp_any_depthwise(const struct qcc_conv *p, int32_t bits, const int8_t *x,
                                      const uint8_t *w, const int32_t *k, const int8_t *table,
                                      void *scratch, int8_t *y) {
  const struct qcc_window *g = &p->g;
  struct qcc_dsp_planes v = qcc_dsp_open_planes(g, scratch);
  int32_t bytes = qcc_packed_bytes(8 / bits, g->kernel_h * g->kernel_w);
  qcc_dsp_widen_planes(p, &v, 4, NULL, v.ring + v.slots * 4 * v.channel);
  for (int32_t c = 0; c < g->in_c; c += 4, k += 4 * qcc_dsp_words(&p->out), w += 4 * bytes) {
    int32_t n = qcc_min(4, g->in_c - c);
    const int8_t *from = x + c;
    int8_t *to = y + c;
    qcc_dsp_pair_taps(g, bits, n, w, bytes, v.taps);
    for (int32_t i = 0; i < g->batch; i++) {
      qcc_dsp_depthwise_image(p, &v, n, from, k, table, to);
      from += g->in_h * g->in_w * g->in_c;
      to += g->out_h * g->out_w * g->out_c;
    }
  }
}

/* w[out_c][kernel_h][kernel_w]; k per four channels: four biases, four 2 m, or with rule
 * tflite four m and four second factors. */
QCC_KERNEL void qcc_depthwise_dsp_s8(const struct qcc_conv *p, const int8_t *x, const int8_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_any_depthwise(p, 8, x, (const uint8_t *)w, k, table, scratch, y);
}

/* Channels begin on a byte. */
QCC_KERNEL void qcc_depthwise_dsp_s4(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_any_depthwise(p, 4, x, w, k, table, scratch, y);
}

QCC_KERNEL void qcc_depthwise_dsp_s2(const struct qcc_conv *p, const int8_t *x, const uint8_t *w,
                                     const int32_t *k, const int8_t *table, void *scratch,
                                     int8_t *y) {
  qcc_dsp_any_depthwise(p, 2, x, w, k, table, scratch, y);
}

#endif
