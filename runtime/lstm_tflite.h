/* lstm_tflite.h - LSTM on int8 codes as TensorFlow Lite Micro's reference kernel computes it (docs/numerics.md, TLSTM):
 * gates and cell are int16, sums of products are scaled once for the input and once for the state.  Weights
 * w[4 * hidden][inputs] and v[4 * hidden][hidden] have the rows of the gates one behind the other: input, forget,
 * cell, output; b[2][4 * hidden] goes with w and v, zero points folded in; m[2][2][4] has their multipliers, then
 * their exponents.  h and c may be h0 and c0. */
#ifndef QCC_LSTM_TFLITE_H
#define QCC_LSTM_TFLITE_H

#include "dot_s8.h"

struct qcc_lstm_tflite {
  int32_t batch, steps, inputs, hidden;
  int32_t x_step, x_sample, y_step, y_sample; /* elements between steps and samples of x and y */
  int32_t tanh_m, tanh_shift;                 /* of the cell: to a 12288th */
  int32_t keep_m, keep_exponent;              /* forget gate times cell */
  int32_t in_m, in_exponent;                  /* input gate times cell gate */
  int32_t out_m, out_exponent, zero;          /* output gate times tanh of the cell, codes of h */
  int32_t clip;                               /* of the cell; 0: none */
};

QCC_INLINE int32_t qcc_clamp_s16(int32_t v) {
  return qcc_clamp(v, -32768, 32767);
}

/* sigmoid(|v| / (24 * 2^bits)) in bits + 16 bits, between the points of the table by straight lines. */
QCC_INLINE int32_t qcc_sigmoid_table(const uint16_t *table, int32_t v, int32_t bits, int32_t most) {
  uint32_t u = v < 0 ? 0u - (uint32_t)v : (uint32_t)v, at = u >> bits;
  if (at >= 255)
    return most;
  return (int32_t)(((uint32_t)table[at] << bits) +
                   (u & ((1u << bits) - 1)) * (uint32_t)(table[at + 1] - table[at]));
}

/* Sigmoid and tanh of v 12288ths, in 15 bits. */
QCC_INLINE int32_t qcc_sigmoid_s16(const uint16_t *table, int32_t v) {
  int32_t s = qcc_sigmoid_table(table, v, 9, 0x7fff << 10);
  return (v >= 0 ? s + (1 << 9) : (1 << 25) - s + (1 << 9) - 1) >> 10;
}

QCC_INLINE int32_t qcc_tanh_s16(const uint16_t *table, int32_t v) {
  int32_t s = qcc_sigmoid_table(table, v, 8, 0xffff << 8) - (1 << 23);
  return (v >= 0 ? s + (1 << 7) : (1 << 7) - 1 - s) >> 8;
}

/* gate[4 * n]: what input x and state h give each of them, before their functions. */
QCC_INLINE void qcc_lstm_tflite_sums(const struct qcc_lstm_tflite *p, const int8_t *x,
                                     const int8_t *w, const int8_t *v, const int32_t *b,
                                     const int32_t *m, const int8_t *h, int16_t *gate) {
  int32_t n = p->hidden;
  for (int32_t row = 0; row < 4 * n; row += 4) {
    int32_t from_x[4], from_h[4];
    for (int32_t i = 0; i < 4; i++)
      from_x[i] = b[row + i], from_h[i] = b[4 * n + row + i];
    qcc_dot4_s8(x, w + row * p->inputs, p->inputs, p->inputs, from_x);
    qcc_dot4_s8(h, v + row * n, n, n, from_h);
    for (int32_t i = 0; i < 4; i++) {
      const int32_t *f = m + (row + i) / n;
      gate[row + i] = (int16_t)qcc_clamp_s16(qcc_clamp_s16(qcc_scale_tflite(from_x[i], f[0], f[4])) +
                                             qcc_clamp_s16(qcc_scale_tflite(from_h[i], f[8], f[12])));
    }
  }
}

/* One step of a sample: x[inputs] changes h[hidden] and c[hidden]; gate[4 * hidden] is scratch. */
QCC_KERNEL void qcc_lstm_tflite_step(const struct qcc_lstm_tflite *p, const int8_t *x,
                                     const int8_t *w, const int8_t *v, const int32_t *b,
                                     const int32_t *m, const uint16_t *table, int16_t *gate,
                                     int8_t *h, int16_t *c) {
  int32_t n = p->hidden, round = p->tanh_shift > 0 ? 1 << (p->tanh_shift - 1) : 0;
  qcc_lstm_tflite_sums(p, x, w, v, b, m, h, gate);
  for (int32_t i = 0; i < n; i++) {
    int32_t in = qcc_sigmoid_s16(table, gate[i] * 3), keep = qcc_sigmoid_s16(table, gate[n + i] * 3);
    int32_t fresh = qcc_tanh_s16(table, gate[2 * n + i] * 3);
    int32_t out = qcc_sigmoid_s16(table, gate[3 * n + i] * 3);
    int32_t cell =
        qcc_clamp_s16(qcc_clamp_s16(qcc_scale_tflite(keep * c[i], p->keep_m, p->keep_exponent)) +
                      qcc_clamp_s16(qcc_scale_tflite(in * fresh, p->in_m, p->in_exponent)));
    if (p->clip > 0)
      cell = qcc_clamp(cell, -p->clip, p->clip);
    int32_t tanh = qcc_tanh_s16(table, (cell * p->tanh_m + round) >> p->tanh_shift);
    c[i] = (int16_t)cell;
    h[i] = (int8_t)qcc_clamp(p->zero + qcc_scale_tflite(out * tanh, p->out_m, p->out_exponent), -128,
                             127);
  }
}

/* scratch: 8 * hidden bytes, aligned to 2. */
QCC_KERNEL void qcc_lstm_tflite(const struct qcc_lstm_tflite *p, const int8_t *x, const int8_t *w,
                                const int8_t *v, const int32_t *b, const int32_t *m,
                                const uint16_t *table, const int8_t *h0, const int16_t *c0,
                                void *scratch, int8_t *y, int8_t *h, int16_t *c) {
  int32_t n = p->hidden;
  memmove(h, h0, (size_t)(p->batch * n));
  memmove(c, c0, (size_t)(p->batch * n) * 2);
  for (int32_t i = 0; i < p->batch; i++, h += n, c += n)
    for (int32_t t = 0; t < p->steps; t++) {
      qcc_lstm_tflite_step(p, x + i * p->x_sample + t * p->x_step, w, v, b, m, table, (int16_t *)scratch,
                           h, c);
      memcpy(y + i * p->y_sample + t * p->y_step, h, (size_t)n);
    }
}

#endif
