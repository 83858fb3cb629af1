/* integer.c - ONNX's operators on codes that have int32 results or find their scale themselves: MatMulInteger and
 * ConvInteger, whose sums are exact (modulo 2^32, as those of int32 are), and DynamicQuantizeLinear. */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"

/* ---- DynamicQuantizeLinear */

void quantize_by_range(int64_t n, const float *x, DType t, void *codes, float *scale, void *zero) {
  float least = 0, most = 0;
  for (int64_t i = 0; i < n; i++) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  float s = (most - least) / 255;
  if (s == 0) s = 1; /* all of x is 0, or next to it: any scale will do */
  float at = rintf((0 - least) / s);
  int32_t z = at > 0 ? at < 255 ? (int32_t)at : 255 : 0, shift = t == DT_U8 ? 0 : 128;
  for (int64_t i = 0; i < n; i++) {
    float v = x[i] / s, lo = (float)-z, hi = (float)(255 - z);
    v = isnan(v) ? 0 : v < lo ? lo : v > hi ? hi : v;
    put_int(t, codes, i, (int32_t)rintf(v) + z - shift);
  }
  *scale = s;
  put_int(t == DT_U8 ? DT_U8 : DT_I32, zero, 0, z - shift);
}

void infer_quantize_by_range(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  need_type(n, 0, DT_F32);
  set_type(n, 0, DT_U8, x->rank, x->dim, x->layout);
  if (has_out(n, 1)) set_type(n, 1, DT_F32, 0, NULL, LAYOUT_NONE);
  if (has_out(n, 2)) set_type(n, 2, DT_U8, 0, NULL, LAYOUT_NONE);
}

void eval_quantize_by_range(const Node *n, const void *const *in, void *const *out) {
  quantize_by_range(n_elements(n->in[0]), in[0], DT_U8, out[0], out[1], out[2]);
}

/* ---- products */

static void need_codes(const Node *n, int i) {
  DType t = n->in[i]->dtype;
  if (t != DT_I8 && t != DT_U8)
    error_at(n->loc, "%s: input %d is %s, expected int8 or uint8", op_name(n), i + 1, dtype_name(t));
}

/* Input i + 2 has the zero points of input i: one, or `many`. */
static void check_zeros(const Node *n, int i, int64_t many) {
  const Tensor *zero = in_tensor(n, i + 2);
  if (!zero) return;
  need_same_type(n, i + 2, i);
  if (n_elements(zero) != 1 && n_elements(zero) != many)
    error_at(n->loc, "%s: %lld zero points in input %d, expected 1 or %lld", op_name(n), (long long)n_elements(zero),
             i + 3, (long long)many);
}

/* Element k of the zero points of input i. */
static int64_t zero_point(const Node *n, const void *const *in, int i, int64_t k) {
  const Tensor *zero = in_tensor(n, i + 2);
  if (!zero) return 0;
  return get_int(zero->dtype, in[i + 2], n_elements(zero) > 1 ? k : 0);
}

void infer_matmul_integer(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  MatMulShape s;
  need_codes(n, 0), need_codes(n, 1);
  get_matmul_shape(n, &s);
  check_zeros(n, 0, s.m), check_zeros(n, 1, s.n);
  set_type(n, 0, DT_I32, s.out_rank, s.out_dim, LAYOUT_NONE);
}

void eval_matmul_integer(const Node *n, const void *const *in, void *const *out) {
  MatMulShape s;
  get_matmul_shape(n, &s);
  int32_t *y = out[0];
  int64_t *sum = scratch(s.n, sizeof *sum);
  for (int64_t i = 0; i < s.batches * s.m; i++, y += s.n) {
    int64_t a, b, row = i % s.m, a_zero = zero_point(n, in, 0, row);
    matmul_offsets(&s, i / s.m, &a, &b);
    for (int64_t j = 0; j < s.n; j++) sum[j] = 0;
    for (int64_t k = 0; k < s.k; k++) {
      int64_t v = get_int(n->in[0]->dtype, in[0], a + row * s.k + k) - a_zero;
      for (int64_t j = 0; j < s.n; j++)
        sum[j] += v * (get_int(n->in[1]->dtype, in[1], b + k * s.n + j) - zero_point(n, in, 1, j));
    }
    for (int64_t j = 0; j < s.n; j++) y[j] = (int32_t)(uint32_t)sum[j];
  }
  free(sum);
}

void infer_conv_integer(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  Window w;
  need_codes(n, 0), need_codes(n, 1);
  get_window(n, n->in[0], n->in[1], &w);
  check_zeros(n, 0, 1), check_zeros(n, 1, w.out_channels);
  set_window_type(n, DT_I32, &w, n->in[0]->layout);
}

/* The sum of output channel o at one position; x: the place of its first input channel. */
static int64_t sum_taps(const Node *n, const Window *w, const void *const *in, int64_t o, int64_t x, int64_t count,
                        const int64_t *offset, const int64_t *tap) {
  int64_t channels = w->channels / w->group, taps = window_taps(w), sum = 0;
  int64_t x_zero = zero_point(n, in, 0, 0), w_zero = zero_point(n, in, 1, o);
  for (int64_t k = 0; k < count; k++)
    for (int64_t c = 0; c < channels; c++)
      sum += (get_int(n->in[0]->dtype, in[0], x + c * w->in_channel_step + offset[k]) - x_zero) *
             (get_int(n->in[1]->dtype, in[1], (o * channels + c) * taps + tap[k]) - w_zero);
  return sum;
}

void eval_conv_integer(const Node *n, const void *const *in, void *const *out) {
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  widen_window(&w);
  int64_t taps = window_taps(&w), positions = window_positions(&w), per_group = w.out_channels / w.group;
  int64_t *offset = scratch(taps, sizeof *offset), *tap = scratch(taps, sizeof *tap);
  for (int64_t i = 0; i < w.batch * positions; i++) {
    int64_t batch = i / positions, count = valid_taps(&w, i % positions, offset, tap);
    for (int64_t o = 0; o < w.out_channels; o++) {
      int64_t first = o / per_group * (w.channels / w.group);
      int64_t x = batch * w.in_batch_step + first * w.in_channel_step;
      ((int32_t *)out[0])[batch * w.out_batch_step + i % positions * w.out_step[2] + o * w.out_channel_step] =
          (int32_t)(uint32_t)sum_taps(n, &w, in, o, x, count, offset, tap);
    }
  }
  free(offset);
  free(tap);
}
