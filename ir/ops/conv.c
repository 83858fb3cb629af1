/* conv.c - Conv and ConvTranspose on real numbers.
 *
 * A convolution is a matrix product: each output position is a row of input patches (im2col), each
 * output channel a row of weights.  Rows are made in blocks, so that memory stays bounded.
 * Depthwise convolutions, where the product would have one column, are summed directly. */
#include <stdlib.h>

#include "ir/ops/ops.h"

enum { BLOCK_ELEMENTS = 1 << 21 };  /* of the patch matrix */

void check_conv_bias(const Node *n, int i, const char *what, int64_t channels) {
  if (in_tensor(n, i)) need_vector(n, i, what, channels);
}

void infer_conv(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  for (int i = 0; i < n->n_in; i++) need_type(n, i, DT_F32);
  Window w;
  get_window(n, x, n->in[1], &w);
  check_conv_bias(n, 2, "bias", w.out_channels);
  set_window_type(n, x->dtype, &w, x->layout);
}

int64_t conv_macs(const Node *n) {
  const Tensor *w = n->in[1];
  if (w->dim[0] <= 0) return 0;
  const Tensor *positions = is_op(n, "ConvTranspose") ? n->in[0] : n->out[0];
  return mul_size(n_elements(positions), n_elements(w) / w->dim[0]);
}

/* ---- depthwise: one input channel per group and output channel */

/* Weights [C][taps] as [taps][C] in double, so that the loop over channels reads neighbours. */
static double *weights_by_tap(const float *w, int64_t channels, int64_t taps) {
  double *by_tap = scratch(channels * taps, sizeof *by_tap);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < taps; t++) by_tap[t * channels + c] = w[c * taps + t];
  return by_tap;
}

typedef struct Taps {
  int64_t n;         /* valid ones at this position */
  int64_t *offset, *tap;
} Taps;

static void depthwise_position(const Window *w, const Taps *t, const float *x,
                               const double *weights, const float *bias, double *acc, float *y) {
  int64_t channels = w->channels, step = w->in_channel_step;
  for (int64_t c = 0; c < channels; c++) acc[c] = bias ? (double)bias[c] : 0.0;
  for (int64_t k = 0; k < t->n; k++) {
    const float *from = x + t->offset[k];
    const double *row = weights + t->tap[k] * channels;
    if (step == 1)
      for (int64_t c = 0; c < channels; c++) acc[c] += row[c] * (double)from[c];
    else
      for (int64_t c = 0; c < channels; c++) acc[c] += row[c] * (double)from[c * step];
  }
  for (int64_t c = 0; c < channels; c++) y[c * w->out_channel_step] = (float)acc[c];
}

static void conv_depthwise(const Window *w, const float *x, const float *weights, const float *bias,
                           float *y) {
  int64_t taps = window_taps(w), positions = window_positions(w);
  double *by_tap = weights_by_tap(weights, w->channels, taps);
  double *acc = scratch(w->channels, sizeof *acc);
  Taps t = {0, scratch(taps, sizeof(int64_t)), scratch(taps, sizeof(int64_t))};
  for (int64_t b = 0; b < w->batch; b++)
    for (int64_t p = 0; p < positions; p++) {
      t.n = valid_taps(w, p, t.offset, t.tap);
      depthwise_position(w, &t, x + b * w->in_batch_step, by_tap, bias, acc,
                         y + b * w->out_batch_step + p * w->out_step[2]);
    }
  free(by_tap);
  free(acc);
  free(t.offset);
  free(t.tap);
}

/* ---- the general case */

/* The input is the patch matrix already: pointwise kernel, channels last, nothing skipped. */
static bool is_pointwise(const Window *w) {
  if (w->group != 1 || w->in_channel_step != 1) return false;
  for (int d = 0; d < 3; d++)
    if (w->kernel[d] != 1 || w->stride[d] != 1 || w->pad[d] || w->pad_end[d]) return false;
  return true;
}

static void store_block(const Window *w, const float *block, int64_t first, int64_t count,
                        int64_t group, float *y) {
  int64_t channels = w->out_channels / w->group;
  y += group * channels * w->out_channel_step;
  for (int64_t p = 0; p < count; p++)
    for (int64_t o = 0; o < channels; o++)
      y[(first + p) * w->out_step[2] + o * w->out_channel_step] = block[p * channels + o];
}

static void conv_im2col(const Window *w, const float *x, const float *weights, bool taps_last,
                        const float *bias, float *y) {
  int64_t k = w->channels / w->group * window_taps(w), channels = w->out_channels / w->group;
  int64_t positions = window_positions(w), block = BLOCK_ELEMENTS / (k > 0 ? k : 1) + 1;
  if (block > positions) block = positions;
  float *rows = scratch(mul_size(block, k), sizeof *rows);
  float *product = scratch(mul_size(block, channels), sizeof *product);
  for (int64_t b = 0; b < w->batch; b++)
    for (int64_t g = 0; g < w->group; g++)
      for (int64_t first = 0; first < positions; first += block) {
        int64_t count = positions - first < block ? positions - first : block;
        Patches p = {w, x, sizeof *x, 0, taps_last, b, g};
        gather_patches(&p, first, count, rows);
        matmul_f32(count, channels, k, rows, weights + g * channels * k,
                   bias ? bias + g * channels : NULL, product);
        store_block(w, product, first, count, g, y + b * w->out_batch_step);
      }
  free(rows);
  free(product);
}

void eval_conv(const Node *n, const void *const *in, void *const *out) {
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  widen_window(&w);
  const float *bias = in_data(n, in, 2);
  bool taps_last = n->in[1]->layout != LAYOUT_NHWC;
  if (is_pointwise(&w))
    matmul_f32(w.batch * window_positions(&w), w.out_channels, w.channels, in[0], in[1], bias,
               out[0]);
  else if (w.group == w.channels && w.group == w.out_channels)
    conv_depthwise(&w, in[0], in[1], bias, out[0]);
  else
    conv_im2col(&w, in[0], in[1], taps_last, bias, out[0]);
}

/* ---- ConvTranspose: weights [I, O/g, kernel], or [I, kernel, O/g] with layout NHWC */

void infer_conv_transpose(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  for (int i = 0; i < n->n_in; i++) need_type(n, i, DT_F32);
  Window w;
  get_window(n, x, n->in[1], &w);
  check_conv_bias(n, 2, "bias", w.out_channels);
  set_window_type(n, x->dtype, &w, x->layout);
}

/* Window over the output with a position per input element: the convolution run backwards. */
static Window backward_window(Window w) {
  Window b = w;
  for (int d = 0; d < 3; d++) {
    b.in[d] = w.out[d], b.out[d] = w.in[d];
    b.in_step[d] = w.out_step[d], b.out_step[d] = w.in_step[d];
  }
  b.channels = w.out_channels, b.out_channels = w.channels;
  b.in_channel_step = w.out_channel_step, b.out_channel_step = w.in_channel_step;
  b.in_batch_step = w.out_batch_step, b.out_batch_step = w.in_batch_step;
  return b;
}

/* The transposition of conv_depthwise: every input position adds to the taps of its window. */
static void spread_depthwise(const Window *b, const float *x, const float *weights, double *sums) {
  int64_t taps = window_taps(b), positions = window_positions(b), channels = b->channels;
  int64_t step = b->in_channel_step;
  double *by_tap = weights_by_tap(weights, channels, taps);
  Taps t = {0, scratch(taps, sizeof(int64_t)), scratch(taps, sizeof(int64_t))};
  for (int64_t s = 0; s < b->batch; s++)
    for (int64_t p = 0; p < positions; p++) {
      const float *from = x + s * b->out_batch_step + p * b->out_step[2];
      t.n = valid_taps(b, p, t.offset, t.tap);
      for (int64_t k = 0; k < t.n; k++) {
        double *to = sums + s * b->in_batch_step + t.offset[k];
        const double *row = by_tap + t.tap[k] * channels;
        for (int64_t c = 0; c < channels; c++)
          to[c * step] += row[c] * (double)from[c * b->out_channel_step];
      }
    }
  free(by_tap);
  free(t.offset);
  free(t.tap);
}

/* The weights of a group, [I][O][taps] or [I][taps][O], as rows of I: the right side of a product. */
static void transpose_weights(const float *w, int64_t inputs, int64_t rows, float *to) {
  for (int64_t i = 0; i < inputs; i++)
    for (int64_t r = 0; r < rows; r++) to[r * inputs + i] = w[i * rows + r];
}

/* Adds what `count` input positions from `first` on make of their windows: shares [count][O][taps], or
 * [count][taps][O]. */
static void add_shares(const Window *b, const Taps *t, int64_t first, int64_t count, bool taps_last,
                       const double *shares, double *sums) {
  int64_t taps = window_taps(b), channels = b->channels / b->group, step = b->in_channel_step;
  int64_t tap_step = taps_last ? 1 : channels, channel_step = taps_last ? taps : 1;
  for (int64_t p = 0; p < count; p++, shares += taps * channels) {
    int64_t n = valid_taps(b, first + p, t->offset, t->tap);
    for (int64_t k = 0; k < n; k++) {
      double *to = sums + t->offset[k];
      const double *from = shares + t->tap[k] * tap_step;
      for (int64_t o = 0; o < channels; o++) to[o * step] += from[o * channel_step];
    }
  }
}

/* conv_im2col backwards: the product first, then its columns go where patches would come from. */
static void spread_product(const Window *b, const float *x, const float *weights, bool taps_last,
                           double *sums) {
  int64_t taps = window_taps(b), positions = window_positions(b), c = b->out_channels / b->group;
  int64_t o = b->channels / b->group, columns = o * taps,
          block = BLOCK_ELEMENTS / (columns + c) + 1;
  if (block > positions) block = positions;
  float *by_column = scratch(mul_size(columns, c), sizeof *by_column);
  float *rows = scratch(mul_size(block, c), sizeof *rows);
  double *shares = scratch(mul_size(block, columns), sizeof *shares);
  Taps t = {0, scratch(taps, sizeof(int64_t)), scratch(taps, sizeof(int64_t))};
  for (int64_t g = 0; g < b->group; g++) {
    transpose_weights(weights + g * c * columns, c, columns, by_column);
    for (int64_t s = 0; s < b->batch; s++)
      for (int64_t first = 0; first < positions; first += block) {
        int64_t count = positions - first < block ? positions - first : block;
        for (int64_t p = 0; p < count; p++)
          for (int64_t i = 0; i < c; i++)
            rows[p * c + i] = x[s * b->out_batch_step + (first + p) * b->out_step[2] +
                                (g * c + i) * b->out_channel_step];
        matmul_wide(count, columns, c, rows, by_column, shares);
        add_shares(b, &t, first, count, taps_last, shares,
                   sums + s * b->in_batch_step + g * o * b->in_channel_step);
      }
  }
  free(by_column);
  free(rows);
  free(shares);
  free(t.offset);
  free(t.tap);
}

void eval_conv_transpose(const Node *n, const void *const *in, void *const *out) {
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  widen_window(&w);
  Window b = backward_window(w);
  const float *bias = in_data(n, in, 2);
  int64_t total = n_elements(n->out[0]);
  double *sums = scratch(total, sizeof *sums);
  if (w.group == w.channels && w.group == w.out_channels) spread_depthwise(&b, in[0], in[1], sums);
  else spread_product(&b, in[0], in[1], n->in[1]->layout != LAYOUT_NHWC, sums);
  float *y = out[0];
  for (int64_t i = 0; i < total; i++) {
    int64_t channel = bias ? i / w.out_channel_step % w.out_channels : 0;
    y[i] = (float)(sums[i] + (bias ? (double)bias[channel] : 0.0));
  }
  free(sums);
}
