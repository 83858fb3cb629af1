/* norm.c - normalizations with statistics: BatchNormalization (in inference),
 * InstanceNormalization, LayerNormalization, RMSNormalization, and LRN across channels. Sums are in
 * double. */
#include <math.h>

#include "ir/ops/ops.h"

/* Elements of an activation: outer * channels * inner, for both layouts. */
typedef struct Planes {
  int64_t outer, channels, inner;
  int64_t batch, plane;            /* samples; spatial elements of each channel */
} Planes;

static Planes get_planes(const Tensor *x) {
  int axis = channel_axis(x);
  Planes p = {dims_product(x->dim, 0, axis), x->dim[axis], dims_product(x->dim, axis + 1, x->rank),
              x->dim[0], 0};
  p.plane = dims_product(x->dim, 1, axis) * p.inner;
  return p;
}

static void need_channels(const Node *n) {
  char text[DIMS_TEXT];
  const Tensor *x = n->in[0];
  if (x->rank < 2)
    error_at(n->loc, "%s: input has shape %s, expected at least 2 dimensions", op_name(n),
             dims_text(text, sizeof text, x));
}

/* ---- BatchNormalization */

void infer_batch_norm(Graph *g, Node *n) {
  static const char *const what[] = {"input", "scale", "bias", "mean", "variance"};
  (void)g;
  if (!inputs_ready(n)) return;
  need_channels(n);
  if (attr_int(n, "training_mode", 0))
    error_at(n->loc, "BatchNormalization: training_mode 1 is not supported");
  if (attr_int(n, "spatial", 1) == 0)
    error_at(n->loc, "BatchNormalization: spatial 0 is not supported");
  for (int i = 1; i < n->n_out; i++)
    if (has_out(n, i))
      error_at(n->loc, "BatchNormalization: output %d exists in training only", i + 1);
  for (int i = 0; i < 5; i++) need_float(n, i);
  for (int i = 1; i < 5; i++) need_vector(n, i, what[i], n->in[0]->dim[channel_axis(n->in[0])]);
  set_like(n, 0, n->in[0]);
}

void eval_batch_norm(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  double epsilon = attr_float(n, "epsilon", (double)1e-5f);
  Planes p = get_planes(x);
  for (int64_t c = 0; c < p.channels; c++) {
    double factor = get_real(n->in[1]->dtype, in[1], c) /
                    sqrt(get_real(n->in[4]->dtype, in[4], c) + epsilon);
    double bias = get_real(n->in[2]->dtype, in[2], c), mean = get_real(n->in[3]->dtype, in[3], c);
    for (int64_t o = 0; o < p.outer; o++)
      for (int64_t i = 0; i < p.inner; i++) {
        int64_t at = (o * p.channels + c) * p.inner + i;
        if (x->dtype == DT_F32) {  /* the usual type, without a call per element */
          double real = (double)((const float *)in[0])[at];
          ((float *)out[0])[at] = (float)((real - mean) * factor + bias);
        } else {
          set_real(x->dtype, out[0], at, (get_real(x->dtype, in[0], at) - mean) * factor + bias);
        }
      }
  }
}

/* ---- InstanceNormalization */

void infer_instance_norm(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_channels(n);
  int64_t channels = n->in[0]->dim[channel_axis(n->in[0])];
  for (int i = 0; i < 3; i++) need_float(n, i);
  need_vector(n, 1, "scale", channels);
  need_vector(n, 2, "bias", channels);
  set_like(n, 0, n->in[0]);
}

typedef struct Run {
  int64_t from, count, step;   /* elements from, from + step, ... */
} Run;

/* Mean and 1 / sqrt(variance + epsilon) of a run; not `centred`: 0 instead of the mean. */
static void get_statistics(DType t, const void *x, Run r, bool centred, double epsilon,
                           double *mean, double *inverse) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; centred && i < r.count; i++) sum += get_real(t, x, r.from + i * r.step);
  *mean = sum / (double)r.count;
  for (int64_t i = 0; i < r.count; i++) {
    double d = get_real(t, x, r.from + i * r.step) - *mean;
    squares += d * d;
  }
  *inverse = 1 / sqrt(squares / (double)r.count + epsilon);
}

void eval_instance_norm(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  DType t = x->dtype;
  double epsilon = attr_float(n, "epsilon", (double)1e-5f);
  Planes p = get_planes(x);
  int64_t step = x->layout == LAYOUT_NHWC ? p.channels : 1;
  int64_t channel_step = x->layout == LAYOUT_NHWC ? 1 : p.plane;
  for (int64_t b = 0; b < p.batch; b++)
    for (int64_t c = 0; c < p.channels; c++) {
      Run r = {b * p.channels * p.plane + c * channel_step, p.plane, step};
      double mean, inverse;
      get_statistics(t, in[0], r, true, epsilon, &mean, &inverse);
      double scale = get_real(n->in[1]->dtype, in[1], c);
      double bias = get_real(n->in[2]->dtype, in[2], c);
      for (int64_t i = 0; i < r.count; i++) {
        int64_t at = r.from + i * r.step;
        set_real(t, out[0], at, (get_real(t, in[0], at) - mean) * inverse * scale + bias);
      }
    }
}

/* ---- LayerNormalization: outputs Y, and optionally mean and 1 / deviation; RMSNormalization: Y */

void infer_layer_norm(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  int axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  for (int i = 0; i < n->n_in; i++) need_float(n, i);
  int64_t count = dims_product(x->dim, axis, x->rank);
  for (int i = 1; i < 3; i++)
    if (in_tensor(n, i) && n_elements(n->in[i]) != count)
      error_at(n->loc, "%s: %s has %lld elements, expected %lld", op_name(n),
               i == 1 ? "scale" : "bias", (long long)n_elements(n->in[i]), (long long)count);
  set_like(n, 0, x);
  int64_t dim[MAX_RANK];
  for (int d = 0; d < x->rank; d++) dim[d] = d < axis ? x->dim[d] : 1;
  for (int i = 1; i < 3; i++)
    if (has_out(n, i)) set_type(n, i, DT_F32, x->rank, dim, x->layout);
}

void eval_layer_norm(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  DType t = x->dtype;
  int axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  double epsilon = attr_float(n, "epsilon", (double)1e-5f);
  int64_t rows = dims_product(x->dim, 0, axis), count = dims_product(x->dim, axis, x->rank);
  const void *bias = in_data(n, in, 2);
  bool centred = is_op(n, "LayerNormalization");
  for (int64_t r = 0; r < rows; r++) {
    double mean, inverse;
    get_statistics(t, in[0], (Run){r * count, count, 1}, centred, epsilon, &mean, &inverse);
    for (int64_t i = 0; i < count; i++) {
      double y = (get_real(t, in[0], r * count + i) - mean) * inverse;
      y = y * get_real(n->in[1]->dtype, in[1], i) + (bias ? get_real(n->in[2]->dtype, bias, i) : 0);
      set_real(t, out[0], r * count + i, y);
    }
    if (has_out(n, 1)) ((float *)out[1])[r] = (float)mean;
    if (has_out(n, 2)) ((float *)out[2])[r] = (float)inverse;
  }
}

/* ---- LRN: x / (bias + alpha / size * sum of squares of the neighbouring channels) ^ beta */

void infer_lrn(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  need_channels(n);
  need_float(n, 0);
  if (attr_int(n, "size", 0) < 1) error_at(n->loc, "LRN: size is missing or not positive");
  set_like(n, 0, n->in[0]);
}

void eval_lrn(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t size = attr_int(n, "size", 1);
  double alpha = attr_float(n, "alpha", (double)1e-4f), beta = attr_float(n, "beta", 0.75);
  double bias = attr_float(n, "bias", 1);
  Planes p = get_planes(x);
  int64_t before = (size - 1) / 2, after = size - 1 - before;
  for (int64_t o = 0; o < p.outer; o++)
    for (int64_t c = 0; c < p.channels; c++)
      for (int64_t i = 0; i < p.inner; i++) {
        int64_t row = o * p.channels * p.inner + i, first = c > before ? c - before : 0;
        double sum = 0;
        for (int64_t k = first; k < p.channels && k - c <= after; k++) {
          double v = get_real(x->dtype, in[0], row + k * p.inner);
          sum += v * v;
        }
        double v = get_real(x->dtype, in[0], row + c * p.inner);
        set_real(x->dtype, out[0], row + c * p.inner,
                 v / pow(bias + alpha / (double)size * sum, beta));
      }
}
