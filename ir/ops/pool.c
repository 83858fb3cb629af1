/* pool.c - MaxPool, AveragePool, LpPool and their global forms.  For each output position the taps that are
 * inside the input are found once and used for every channel.  MaxPool also takes integers, so it
 * works on int8 and uint8 codes: padding never wins. */
#include <math.h>
#include <stdlib.h>

#include "ir/ops/ops.h"

void infer_pool(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  bool max = is_op(n, "MaxPool") || is_op(n, "GlobalMaxPool");
  if (!max || !dtype_is_int(n->in[0]->dtype)) need_float(n, 0);
  int64_t p = attr_int(n, "p", 2);
  if (p < 1 || p > 64) error_at(n->loc, "%s: p is %lld, expected 1 to 64", op_name(n), (long long)p);
  Window w;
  get_window(n, n->in[0], NULL, &w);
  set_window_type(n, n->in[0]->dtype, &w, n->in[0]->layout);
  if (has_out(n, 1)) set_type(n, 1, DT_I64, n->out[0]->rank, n->out[0]->dim, n->out[0]->layout);
}

/* What a pool makes of one channel's taps, x[offset[0..n)]. */
typedef struct Pool {
  DType type;
  const void *x;
  int64_t n;              /* valid taps */
  const int64_t *offset;
  int64_t divisor;        /* of averages */
  double p;               /* of norms */
} Pool;

typedef void Reduce(const Pool *p, int64_t from, void *y, int64_t at);

static void max_float(const Pool *p, int64_t from, void *y, int64_t at) {
  const float *x = (const float *)p->x + from;
  float max = -INFINITY;
  for (int64_t k = 0; k < p->n; k++)
    if (!(x[p->offset[k]] <= max)) max = x[p->offset[k]];
  ((float *)y)[at] = max;
}

static void max_int8(const Pool *p, int64_t from, void *y, int64_t at) {
  const int8_t *x = (const int8_t *)p->x + from;
  int8_t max = INT8_MIN;
  for (int64_t k = 0; k < p->n; k++)
    if (x[p->offset[k]] > max) max = x[p->offset[k]];
  ((int8_t *)y)[at] = max;
}

static void max_any(const Pool *p, int64_t from, void *y, int64_t at) {
  double max = -INFINITY;
  for (int64_t k = 0; k < p->n; k++) {
    double v = get_real(p->type, p->x, from + p->offset[k]);
    if (!(v <= max)) max = v;
  }
  set_real(p->type, y, at, max);
}

static void average(const Pool *p, int64_t from, void *y, int64_t at) {
  double sum = 0;
  if (p->type == DT_F32)
    for (int64_t k = 0; k < p->n; k++) sum += (double)((const float *)p->x)[from + p->offset[k]];
  else
    for (int64_t k = 0; k < p->n; k++) sum += get_real(p->type, p->x, from + p->offset[k]);
  set_real(p->type, y, at, p->divisor ? sum / (double)p->divisor : 0);
}

static void norm(const Pool *p, int64_t from, void *y, int64_t at) {
  double sum = 0;
  for (int64_t k = 0; k < p->n; k++)
    sum += pow(fabs(get_real(p->type, p->x, from + p->offset[k])), p->p);
  set_real(p->type, y, at, pow(sum, 1 / p->p));
}

/* Taps at position p that are in the input or its declared padding; what ceil_mode adds behind the
 * padding does not count. */
static int64_t padded_taps(const Window *w, int64_t p) {
  int64_t product = 1;
  for (int d = 2; d >= 0; d--) {
    int64_t first = p % w->out[d] * w->stride[d] - w->pad[d], count = 0;
    p /= w->out[d];
    for (int64_t k = 0; k < w->kernel[d]; k++)
      count += first + k * w->dilation[d] < w->in[d] + w->pad_end[d];
    product *= count;
  }
  return product;
}

int64_t average_divisor(const Node *n, const Window *w, int64_t p) {
  bool counts_pads = is_op(n, "AveragePool") && attr_int(n, "count_include_pad", 0);
  if (counts_pads) return padded_taps(w, p);
  int64_t product = 1;
  for (int d = 2; d >= 0; d--) {
    int64_t first = p % w->out[d] * w->stride[d] - w->pad[d], count = 0;
    p /= w->out[d];
    for (int64_t k = 0; k < w->kernel[d]; k++) {
      int64_t at = first + k * w->dilation[d];
      count += at >= 0 && at < w->in[d];
    }
    product *= count;
  }
  return product;
}

static void run_pool(const Node *n, Reduce *reduce, bool count_pads, const void *x, void *y) {
  Window w;
  get_window(n, n->in[0], NULL, &w);
  widen_window(&w);
  int64_t positions = window_positions(&w), *offset = scratch(window_taps(&w), sizeof *offset);
  Pool pool = {n->in[0]->dtype, x, 0, offset, 0, (double)attr_int(n, "p", 2)};
  for (int64_t p = 0; p < positions; p++) {
    pool.n = valid_taps(&w, p, offset, NULL);
    pool.divisor = count_pads ? padded_taps(&w, p) : pool.n;
    for (int64_t b = 0; b < w.batch; b++)
      for (int64_t c = 0; c < w.channels; c++)
        reduce(&pool, b * w.in_batch_step + c * w.in_channel_step, y,
               b * w.out_batch_step + p * w.out_step[2] + c * w.out_channel_step);
  }
  free(offset);
}

/* Place of an element among all, counted as [batch][channels][..], or with storage_order 1 with the first
 * spatial dimension innermost; `offset` is where it is in its plane. */
static int64_t place_of(const Node *n, const Window *w, int64_t plane, int64_t offset) {
  int64_t i[3], place = 0;
  for (int d = 0; d < 3; d++) i[d] = offset / (w->in_step[d] ? w->in_step[d] : 1) % w->in[d];
  for (int k = 0; k < 3; k++) {
    int d = attr_int(n, "storage_order", 0) ? 2 - k : k;
    place = place * w->in[d] + i[d];
  }
  return plane * w->in[0] * w->in[1] * w->in[2] + place;
}

static void find_places(const Node *n, const void *x, int64_t *place) {
  Window w;
  DType t = n->in[0]->dtype;
  get_window(n, n->in[0], NULL, &w);
  widen_window(&w);
  int64_t *offset = scratch(window_taps(&w), sizeof *offset);
  for (int64_t p = 0; p < window_positions(&w); p++) {
    int64_t taps = valid_taps(&w, p, offset, NULL);
    for (int64_t plane = 0; plane < w.batch * w.channels; plane++) {
      int64_t b = plane / w.channels, c = plane % w.channels, best = 0;
      int64_t from = b * w.in_batch_step + c * w.in_channel_step;
      for (int64_t k = 1; k < taps; k++)
        if (!(get_real(t, x, from + offset[k]) <= get_real(t, x, from + offset[best]))) best = k;
      place[b * w.out_batch_step + p * w.out_step[2] + c * w.out_channel_step] =
          place_of(n, &w, plane, taps ? offset[best] : 0);
    }
  }
  free(offset);
}

void eval_max_pool(const Node *n, const void *const *in, void *const *out) {
  DType t = n->in[0]->dtype;
  run_pool(n, t == DT_F32 ? max_float : t == DT_I8 ? max_int8 : max_any, false, in[0], out[0]);
  if (has_out(n, 1)) find_places(n, in[0], out[1]);
}

void eval_lp_pool(const Node *n, const void *const *in, void *const *out) {
  run_pool(n, norm, false, in[0], out[0]);
}

void eval_average_pool(const Node *n, const void *const *in, void *const *out) {
  bool count_pads = is_op(n, "AveragePool") && attr_int(n, "count_include_pad", 0);
  run_pool(n, average, count_pads, in[0], out[0]);
}

/* ---- MaxPoolGrad: inputs as of the MaxPool, and one number for each of its outputs, which goes to the first
 * of the window's greatest elements */

void infer_max_pool_grad(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  Window w;
  get_window(n, n->in[0], NULL, &w);
  need_type(n, 1, DT_F32);
  if (n_elements(n->in[1]) != w.batch * w.channels * window_positions(&w))
    error_at(n->loc, "MaxPoolGrad: the second input does not have an element for each window");
  set_type(n, 0, DT_F32, n->in[0]->rank, n->in[0]->dim, n->in[0]->layout);
}

void eval_max_pool_grad(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  const float *d = in[1];
  Window w;
  get_window(n, x, NULL, &w);
  widen_window(&w);
  int64_t *offset = scratch(window_taps(&w), sizeof *offset);
  double *sums = scratch(n_elements(x), sizeof *sums);
  for (int64_t p = 0; p < window_positions(&w); p++) {
    int64_t taps = valid_taps(&w, p, offset, NULL);
    for (int64_t b = 0; b < w.batch; b++)
      for (int64_t c = 0; c < w.channels; c++) {
        int64_t from = b * w.in_batch_step + c * w.in_channel_step, best = from + offset[0];
        for (int64_t k = 1; k < taps; k++)
          if (get_real(x->dtype, in[0], from + offset[k]) > get_real(x->dtype, in[0], best))
            best = from + offset[k];
        sums[best] += (double)d[b * w.out_batch_step + p * w.out_step[2] + c * w.out_channel_step];
      }
  }
  for (int64_t i = 0; i < n_elements(x); i++) ((float *)out[0])[i] = (float)sums[i];
  free(sums);
  free(offset);
}
