/* recurrent_f32.h - RNN, GRU and LSTM: a cell that runs over the steps of each sample's sequence, in one
 * direction or both.  w[directions][gates * hidden][inputs] and v[directions][gates * hidden][hidden] are the
 * weights of input and state, the gates' rows one behind the other: z r h in a GRU, i o f c in an LSTM.
 * b[directions][2][gates * hidden], lens[batch], h0, c0 and peephole[directions][3][hidden] may be NULL, and
 * outputs too.  Behind the end of its sequence a sample's y is 0. */
#ifndef QCC_RECURRENT_F32_H
#define QCC_RECURRENT_F32_H

#include "activation_f32.h"
#include "dot_f32.h"

enum {
  QCC_GATE_SIGMOID,
  QCC_GATE_TANH,
  QCC_GATE_RELU,
  QCC_GATE_AFFINE,      /* a * x + b */
  QCC_GATE_LEAKY,       /* slope a below 0 */
  QCC_GATE_THRESHOLDED, /* x above a, else 0 */
  QCC_GATE_SCALED_TANH, /* a * tanh(b * x) */
  QCC_GATE_HARDSIGMOID, /* a * x + b within 0..1 */
  QCC_GATE_ELU,         /* alpha a */
  QCC_GATE_SOFTSIGN,
  QCC_GATE_SOFTPLUS
};

struct qcc_gate {
  int32_t kind; /* QCC_GATE_ */
  float a, b;
};

struct qcc_recurrent {
  int32_t directions, batch, steps, inputs, hidden;
  int32_t backwards;                     /* the only direction */
  int32_t x_step, x_sample;              /* elements between steps and samples of x, */
  int32_t y_step, y_sample, y_direction; /* of y, */
  int32_t h_sample, h_direction;         /* of states */
  int32_t variant;                       /* GRU: linear_before_reset; LSTM: input_forget */
  float clip;                            /* of what goes into functions; 0: none */
  float cell_clip;                       /* of an LSTM's cell; 0: none */
  struct qcc_gate gate[2][3];            /* by direction */
};

/* What one step sees: weights are those of the direction; h, c and the rest lie in scratch. */
struct qcc_cell {
  const struct qcc_recurrent *p;
  const struct qcc_gate *gate;
  const float *w, *v, *b, *peephole, *x;
  float *h, *c, *next, *sum; /* [hidden] each, sum[gates * hidden] */
};

QCC_KERNEL float qcc_gate(const struct qcc_gate *g, float clip, float x) {
  float v = clip > 0.0f ? qcc_clip_f32(x, -clip, clip) : x;
  switch (g->kind) {
    case QCC_GATE_SIGMOID: return qcc_sigmoid(v);
    case QCC_GATE_TANH: return qcc_tanh(v);
    case QCC_GATE_RELU: return v < 0.0f ? 0.0f : v;
    case QCC_GATE_AFFINE: return g->a * v + g->b;
    case QCC_GATE_LEAKY: return v < 0.0f ? g->a * v : v;
    case QCC_GATE_THRESHOLDED: return v > g->a ? v : 0.0f;
    case QCC_GATE_SCALED_TANH: return g->a * qcc_tanh(g->b * v);
    case QCC_GATE_HARDSIGMOID: return qcc_clip_f32(g->a * v + g->b, 0.0f, 1.0f);
    case QCC_GATE_ELU: return v < 0.0f ? g->a * qcc_expm1(v) : v;
    case QCC_GATE_SOFTSIGN: return v / (1.0f + fabsf(v));
    default: return qcc_softplus(v);
  }
}

QCC_INLINE float qcc_cell_bias(const struct qcc_cell *s, int32_t row) {
  return s->b ? s->b[row] : 0.0f;
}

/* Rows [from, to) of the gates of the input and of `state`; `all` rows are in the bias. */
QCC_INLINE void qcc_cell_sums(const struct qcc_cell *s, int32_t from, int32_t to, int32_t all,
                              const float *state) {
  int32_t inputs = s->p->inputs, hidden = s->p->hidden;
  for (int32_t row = from; row < to; row++)
    s->sum[row] = qcc_dot_f32(s->x, s->w + row * inputs, inputs) +
                  qcc_dot_f32(state, s->v + row * hidden, hidden) + qcc_cell_bias(s, row) +
                  qcc_cell_bias(s, all + row);
}

QCC_KERNEL void qcc_rnn_cell(const struct qcc_cell *s) {
  int32_t n = s->p->hidden;
  qcc_cell_sums(s, 0, n, n, s->h);
  for (int32_t i = 0; i < n; i++)
    s->h[i] = qcc_gate(&s->gate[0], s->p->clip, s->sum[i]);
}

QCC_KERNEL void qcc_gru_cell(const struct qcc_cell *s) {
  int32_t n = s->p->hidden, inputs = s->p->inputs;
  float *z = s->sum, *r = z + n, *candidate = r + n;
  qcc_cell_sums(s, 0, 2 * n, 3 * n, s->h);
  for (int32_t i = 0; i < 2 * n; i++)
    s->sum[i] = qcc_gate(&s->gate[0], s->p->clip, s->sum[i]);
  if (s->p->variant) {
    for (int32_t i = 0, row = 2 * n; i < n; i++, row++)
      candidate[i] = qcc_dot_f32(s->x, s->w + row * inputs, inputs) + qcc_cell_bias(s, row) +
                     r[i] * (qcc_dot_f32(s->h, s->v + row * n, n) + qcc_cell_bias(s, 3 * n + row));
  } else {
    for (int32_t i = 0; i < n; i++)
      s->next[i] = r[i] * s->h[i];
    qcc_cell_sums(s, 2 * n, 3 * n, 3 * n, s->next);
  }
  for (int32_t i = 0; i < n; i++)
    s->h[i] = (1.0f - z[i]) * qcc_gate(&s->gate[1], s->p->clip, candidate[i]) + z[i] * s->h[i];
}

QCC_INLINE float qcc_peep(const struct qcc_cell *s, int32_t gate, int32_t i) {
  return s->peephole ? s->peephole[gate * s->p->hidden + i] * s->c[i] : 0.0f;
}

QCC_KERNEL void qcc_lstm_cell(const struct qcc_cell *s) {
  int32_t n = s->p->hidden;
  float clip = s->p->clip;
  qcc_cell_sums(s, 0, 4 * n, 4 * n, s->h);
  for (int32_t i = 0; i < n; i++) {
    float in = qcc_gate(&s->gate[0], clip, s->sum[i] + qcc_peep(s, 0, i));
    float keep = s->p->variant ? 1.0f - in
                               : qcc_gate(&s->gate[0], clip, s->sum[2 * n + i] + qcc_peep(s, 2, i));
    s->c[i] = keep * s->c[i] + in * qcc_gate(&s->gate[1], clip, s->sum[3 * n + i]);
    if (s->p->cell_clip > 0.0f)
      s->c[i] = qcc_clip_f32(s->c[i], -s->p->cell_clip, s->p->cell_clip);
    s->h[i] = qcc_gate(&s->gate[0], clip, s->sum[n + i] + qcc_peep(s, 1, i)) *
              qcc_gate(&s->gate[2], 0.0f, s->c[i]);
  }
}

QCC_INLINE void qcc_get_state(float *to, const float *from, int32_t n) {
  for (int32_t i = 0; i < n; i++)
    to[i] = from ? from[i] : 0.0f;
}

/* All steps of a sample in one direction; x and y are its own, of that direction. */
QCC_INLINE void qcc_recurrent_sample(int gates, struct qcc_cell *s, int backwards, int32_t len,
                                     const float *x, float *y) {
  const struct qcc_recurrent *p = s->p;
  int32_t end = qcc_clamp(len, 0, p->steps);
  for (int32_t k = 0; k < p->steps; k++) {
    int32_t t = backwards && k < end ? end - 1 - k : k;
    if (k < end) {
      s->x = x + t * p->x_step;
      if (gates == 1)
        qcc_rnn_cell(s);
      else if (gates == 3)
        qcc_gru_cell(s);
      else
        qcc_lstm_cell(s);
    }
    if (y)
      qcc_get_state(y + t * p->y_step, k < end ? s->h : NULL, p->hidden);
  }
}

/* scratch[(3 + gates) * hidden] */
QCC_INLINE void qcc_recurrent(int gates, const struct qcc_recurrent *p, const float *x,
                              const float *w, const float *v, const float *b, const int32_t *lens,
                              const float *h0, const float *c0, const float *peephole,
                              float *scratch, float *y, float *h, float *c) {
  int32_t n = p->hidden, rows = gates * n;
  struct qcc_cell s = {p, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
  s.h = scratch, s.c = s.h + n, s.next = s.c + n, s.sum = s.next + n;
  for (int32_t d = 0; d < p->directions; d++)
    for (int32_t i = 0; i < p->batch; i++) {
      int32_t at = d * p->h_direction + i * p->h_sample;
      s.gate = p->gate[d];
      s.w = w + d * rows * p->inputs, s.v = v + d * rows * n;
      s.b = b ? b + d * 2 * rows : NULL;
      s.peephole = peephole ? peephole + d * 3 * n : NULL;
      qcc_get_state(s.h, h0 ? h0 + at : NULL, n);
      qcc_get_state(s.c, c0 ? c0 + at : NULL, n);
      qcc_recurrent_sample(gates, &s, p->backwards || d > 0, lens ? lens[i] : p->steps,
                           x + i * p->x_sample,
                           y ? y + d * p->y_direction + i * p->y_sample : NULL);
      if (h)
        qcc_get_state(h + at, s.h, n);
      if (c)
        qcc_get_state(c + at, s.c, n);
    }
}

QCC_KERNEL void qcc_rnn_f32(const struct qcc_recurrent *p, const float *x, const float *w,
                            const float *v, const float *b, const int32_t *lens, const float *h0,
                            float *scratch, float *y, float *h) {
  qcc_recurrent(1, p, x, w, v, b, lens, h0, NULL, NULL, scratch, y, h, NULL);
}

QCC_KERNEL void qcc_gru_f32(const struct qcc_recurrent *p, const float *x, const float *w,
                            const float *v, const float *b, const int32_t *lens, const float *h0,
                            float *scratch, float *y, float *h) {
  qcc_recurrent(3, p, x, w, v, b, lens, h0, NULL, NULL, scratch, y, h, NULL);
}

QCC_KERNEL void qcc_lstm_f32(const struct qcc_recurrent *p, const float *x, const float *w,
                             const float *v, const float *b, const int32_t *lens, const float *h0,
                             const float *c0, const float *peephole, float *scratch, float *y,
                             float *h, float *c) {
  qcc_recurrent(4, p, x, w, v, b, lens, h0, c0, peephole, scratch, y, h, c);
}

#endif
