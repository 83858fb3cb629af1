/* sample.c - operators that read images between their elements, at places that are computed: GridSample,
 * RoiAlign and DeformConv.  Places are float32, as they are given; sums are in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

static bool is_word(const Node *n, const char *attribute, const char *otherwise, const char *word) {
  return strcmp(attr_str(n, attribute, otherwise), word) == 0;
}

static void need_word(const Node *n, const char *attribute, const char *otherwise, int count,
                      const char *const *words) {
  for (int i = 0; i < count; i++)
    if (is_word(n, attribute, otherwise, words[i])) return;
  error_at(n->loc, "%s: unknown %s '%s'", op_name(n), attribute, attr_str(n, attribute, otherwise));
}

/* ---- GridSample: x[batch][channels][size ..], grid[batch][points ..][dims] */

void infer_grid_sample(Graph *g, Node *n) {
  static const char *const modes[] = {"linear", "bilinear", "nearest", "cubic", "bicubic"};
  static const char *const paddings[] = {"zeros", "border", "reflection"};
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *grid = n->in[1];
  char a[DIMS_TEXT], b[DIMS_TEXT];
  need_float(n, 0), need_float(n, 1);
  need_word(n, "mode", "linear", 5, modes);
  need_word(n, "padding_mode", "zeros", 3, paddings);
  if (x->rank < 3 || x->rank > 5 || grid->rank != x->rank || grid->dim[0] != x->dim[0] ||
      grid->dim[grid->rank - 1] != x->rank - 2)
    error_at(n->loc, "GridSample: a grid of shape %s does not fit an input of shape %s",
             dims_text(a, sizeof a, grid), dims_text(b, sizeof b, x));
  for (int d = 2; d < x->rank; d++)
    if (x->dim[d] < 1) error_at(n->loc, "GridSample: dimension %d is empty", d);
  int64_t dim[MAX_RANK] = {x->dim[0], x->dim[1]};
  for (int d = 2; d < x->rank; d++) dim[d] = grid->dim[d - 1];
  set_type(n, 0, x->dtype, x->rank, dim, LAYOUT_NONE);
}

typedef struct Axis {
  float size, lo, hi;      /* elements, and the ends at which places are thrown back */
  bool border, reflection, corners;
  int taps;                /* 1, 2 or 4 */
} Axis;

/* A place thrown back at both ends as often as it takes: a wave of period 2 (hi - lo). */
static float reflect(float v, float lo, float hi) {
  float span = hi - lo;
  if (v >= lo && v <= hi) return v;
  if (span <= 0) return lo;
  float over = fmodf(v < lo ? lo - v : v - hi, 2 * span), rest = over < span ? over : over - span;
  return (v < lo) == (over < span) ? lo + rest : hi - rest;
}

/* Elements along one dimension and their weights; -1 for none. */
static void find_taps(const Axis *a, float at, int64_t *from, double *weight) {
  float v = a->corners ? (at + 1) * 0.5f * (a->size - 1) : ((at + 1) * a->size - 1) * 0.5f;
  v = v > -1e8f ? fminf(v, 1e8f) : -1e8f;
  if (a->taps == 1) v = rintf(v);
  bool outside = v < a->lo || v > a->hi;
  if (outside && a->border) v = v < 0 ? 0 : a->size - 1;
  if (outside && a->reflection) v = reflect(v, a->lo, a->hi);
  float first = floorf(v) - (a->taps == 4);
  for (int k = 0; k < a->taps; k++) {
    float i = first + (float)k;
    double d = fabs((double)v - (double)i);
    bool inside = i >= 0 && i <= a->size - 1;
    if (a->reflection) i = reflect(i, a->lo, a->hi);
    from[k] = !inside && !a->border && !a->reflection ? -1 : (int64_t)fmaxf(0, fminf(i, a->size - 1));
    if (a->taps < 4) weight[k] = a->taps == 1 ? 1 : 1 - d;
    else weight[k] = d <= 1 ? (1.25 * d - 2.25) * d * d + 1 : ((-0.75 * d + 3.75) * d - 6) * d + 3;
  }
}

void eval_grid_sample(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *y = n->out[0], *grid = n->in[1];
  int dims = x->rank - 2;
  bool cubic = is_word(n, "mode", "linear", "cubic") || is_word(n, "mode", "linear", "bicubic");
  Axis a = {0, 0, 0, is_word(n, "padding_mode", "zeros", "border"),
            is_word(n, "padding_mode", "zeros", "reflection"), attr_int(n, "align_corners", 0) != 0,
            is_word(n, "mode", "linear", "nearest") ? 1 : cubic ? 4 : 2};
  int64_t points = dims_product(y->dim, 2, y->rank), plane = dims_product(x->dim, 2, x->rank);
  int64_t total = 1;
  for (int d = 0; d < dims; d++) total *= a.taps;
  for (int64_t p = 0; p < x->dim[0] * points; p++) {
    int64_t from[3][4];
    double weight[3][4];
    for (int d = 0; d < dims; d++) {
      float edge = a.corners ? 0 : 0.5f;
      a.size = (float)x->dim[2 + d], a.lo = -edge, a.hi = a.size - 1 + edge;
      find_taps(&a, (float)get_real(grid->dtype, in[1], p * dims + dims - 1 - d), from[d], weight[d]);
    }
    for (int64_t c = 0; c < x->dim[1]; c++) {
      double sum = 0;
      int64_t image = p / points * x->dim[1] + c;
      for (int64_t k = 0; k < total; k++) {
        int64_t at = 0, rest = k;
        double w = 1;
        for (int d = 0; d < dims; d++, rest /= a.taps) {
          int64_t i = from[d][rest % a.taps];
          w *= i < 0 ? 0 : weight[d][rest % a.taps];
          at = at * x->dim[2 + d] + (i < 0 ? 0 : i);
        }
        if (w != 0) sum += w * get_real(x->dtype, in[0], image * plane + at);
      }
      set_real(y->dtype, out[0], image * points + p % points, sum);
    }
  }
}

/* An element of a plane [h][w], 0 outside. */
static double element(DType t, const void *x, int64_t plane, int64_t h, int64_t w, int64_t i, int64_t j) {
  return i >= 0 && i < h && j >= 0 && j < w ? get_real(t, x, (plane * h + i) * w + j) : 0;
}

/* Between four elements; max: the greatest of what each of them adds. */
static double between(DType t, const void *x, int64_t plane, int64_t h, int64_t w, double y, double v, bool max) {
  int64_t i = (int64_t)floor(y), j = (int64_t)floor(v);
  double sy = y - (double)i, sv = v - (double)j, sum = 0, most = -INFINITY;
  for (int k = 0; k < 4; k++) {
    double part = (k / 2 ? sy : 1 - sy) * (k % 2 ? sv : 1 - sv) * element(t, x, plane, h, w, i + k / 2, j + k % 2);
    sum += part, most = fmax(most, part);
  }
  return max ? most : sum;
}

/* ---- RoiAlign: x[batch][channels][h][w], rois[n][4], number of each region's image */

enum { MAX_SAMPLES = 1024 };

void infer_roi_align(Graph *g, Node *n) {
  static const char *const modes[] = {"avg", "max"}, *const coordinates[] = {"half_pixel", "output_half_pixel"};
  if (g->opset > 0 && g->opset < 16 && !find_attr(n, "coordinate_transformation_mode"))
    set_str(g, n, "coordinate_transformation_mode", "output_half_pixel");
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *roi = n->in[1];
  int64_t h = attr_int(n, "output_height", 1), w = attr_int(n, "output_width", 1);
  int64_t samples = attr_int(n, "sampling_ratio", 0);
  need_float(n, 0), need_float(n, 1), need_type(n, 2, DT_I64);
  need_word(n, "mode", "avg", 2, modes);
  need_word(n, "coordinate_transformation_mode", "half_pixel", 2, coordinates);
  if (x->rank != 4 || roi->rank != 2 || roi->dim[1] != 4)
    error_at(n->loc, "RoiAlign: expected images of four dimensions and regions of four numbers");
  need_vector(n, 2, "batch_indices", roi->dim[0]);
  if (h < 1 || w < 1 || h > INT32_MAX || w > INT32_MAX || samples < 0 || samples > MAX_SAMPLES)
    error_at(n->loc, "RoiAlign: an output of %lld times %lld with %lld samples is not possible", (long long)h,
             (long long)w, (long long)samples);
  if (x->dim[0] < 1 || x->dim[2] < 1 || x->dim[3] < 1) error_at(n->loc, "RoiAlign: the images are empty");
  set_type(n, 0, x->dtype, 4, (int64_t[]){roi->dim[0], x->dim[1], h, w}, LAYOUT_NONE);
}

typedef struct Side {
  double start, bin;
  int64_t samples, size;
} Side;

static Side find_side(const Node *n, double from, double to, int64_t bins, int64_t size) {
  bool half = is_word(n, "coordinate_transformation_mode", "half_pixel", "half_pixel");
  double scale = attr_float(n, "spatial_scale", 1), length = (to - from) * scale;
  if (!half && !(length >= 1)) length = 1;
  Side s = {from * scale - (half ? 0.5 : 0), length / (double)bins, attr_int(n, "sampling_ratio", 0), size};
  if (s.samples == 0) s.samples = s.bin > 0 ? (int64_t)fmin(ceil(s.bin), (double)(2 * size + 2)) : 0;
  return s;
}

/* Where sample k of bin i is, within the image; false where there is nothing. */
static bool sample_place(const Side *s, int64_t i, int64_t k, double *at) {
  *at = s->start + s->bin * ((double)i + ((double)k + 0.5) / (double)s->samples);
  bool inside = *at >= -1 && *at <= (double)s->size;
  *at = fmax(0, fmin(*at, (double)(s->size - 1)));
  return inside;
}

void eval_roi_align(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *y = n->out[0], *roi = n->in[1];
  bool max = is_word(n, "mode", "avg", "max");
  for (int64_t i = 0; i < n_elements(y); i++) {
    int64_t column = i % y->dim[3], row = i / y->dim[3] % y->dim[2], plane = i / y->dim[3] / y->dim[2];
    int64_t r = plane / y->dim[1], image = ((const int64_t *)in[2])[r];
    image = image < 0 ? 0 : image < x->dim[0] ? image : x->dim[0] - 1;
    double corner[4];
    for (int k = 0; k < 4; k++) corner[k] = get_real(roi->dtype, in[1], r * 4 + k);
    Side v = find_side(n, corner[1], corner[3], y->dim[2], x->dim[2]);
    Side h = find_side(n, corner[0], corner[2], y->dim[3], x->dim[3]);
    double sum = 0, most = v.samples > 0 && h.samples > 0 ? -INFINITY : 0;
    for (int64_t k = 0; k < v.samples * h.samples; k++) {
      double at, to, value = 0;
      bool in_v = sample_place(&v, row, k / h.samples, &at), in_h = sample_place(&h, column, k % h.samples, &to);
      if (in_v && in_h)
        value = between(x->dtype, in[0], image * x->dim[1] + plane % y->dim[1], x->dim[2], x->dim[3], at, to, max);
      sum += value;
      most = fmax(most, value);
    }
    int64_t count = v.samples * h.samples;
    set_real(y->dtype, out[0], i, max ? most : sum / (double)(count ? count : 1));
  }
}

/* ---- DeformConv: x, weights, offset[batch][offset groups * taps * 2][h][w], bias, mask */

void infer_deform_conv(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *offset = n->in[2], *mask = in_tensor(n, 4);
  for (int i = 0; i < n->n_in; i++) need_float(n, i);
  if (x->rank != 4) error_at(n->loc, "DeformConv: the input has %d dimensions, only 4 are supported", x->rank);
  Window w;
  get_window(n, x, n->in[1], &w);
  check_conv_bias(n, 3, "bias", w.out_channels);
  int64_t groups = attr_int(n, "offset_group", 1), taps = w.kernel[0] * w.kernel[1];
  if (groups < 1 || w.channels % groups)
    error_at(n->loc, "DeformConv: %lld channels can't be divided in %lld groups of offsets",
             (long long)w.channels, (long long)groups);
  const Tensor *given[] = {offset, mask};
  for (int i = 0; i < 2; i++) {
    const Tensor *t = given[i];
    char text[DIMS_TEXT];
    int64_t rows = mul_size(groups * (i ? 1 : 2), taps);
    if (t && (t->rank != 4 || t->dim[0] != w.batch || t->dim[1] != rows || t->dim[2] != w.out[0] ||
              t->dim[3] != w.out[1]))
      error_at(n->loc, "DeformConv: %s has shape %s, expected [%lld,%lld,%lld,%lld]", i ? "mask" : "offset",
               dims_text(text, sizeof text, t), (long long)w.batch, (long long)rows, (long long)w.out[0],
               (long long)w.out[1]);
  }
  set_window_type(n, x->dtype, &w, LAYOUT_NONE);
}

void eval_deform_conv(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *weights = n->in[1], *y = n->out[0];
  const void *bias = in_data(n, in, 3), *mask = in_data(n, in, 4);
  Window w;
  get_window(n, x, weights, &w);
  int64_t groups = attr_int(n, "offset_group", 1), taps = w.kernel[0] * w.kernel[1], depth = w.channels / w.group;
  int64_t plane = w.out[0] * w.out[1];
  for (int64_t i = 0; i < n_elements(y); i++) {
    int64_t at = i % plane, o = i / plane % w.out_channels, b = i / plane / w.out_channels;
    int64_t row = at / w.out[1] * w.stride[0] - w.pad[0], column = at % w.out[1] * w.stride[1] - w.pad[1];
    double sum = bias ? get_real(n->in[3]->dtype, bias, o) : 0;
    for (int64_t k = 0; k < depth * taps; k++) {
      int64_t c = o / (w.out_channels / w.group) * depth + k / taps, tap = k % taps;
      int64_t own = (b * groups + c / (w.channels / groups)) * taps + tap;
      double v = (double)(row + tap / w.kernel[1] * w.dilation[0]) +
                 get_real(n->in[2]->dtype, in[2], 2 * own * plane + at);
      double h = (double)(column + tap % w.kernel[1] * w.dilation[1]) +
                 get_real(n->in[2]->dtype, in[2], (2 * own + 1) * plane + at);
      if (!(v > -1 && v < (double)w.in[0] && h > -1 && h < (double)w.in[1])) continue;
      double value = between(x->dtype, in[0], b * w.channels + c, w.in[0], w.in[1], v, h, false);
      if (mask) value *= get_real(n->in[4]->dtype, mask, own * plane + at);
      sum += value * get_real(weights->dtype, in[1], o * depth * taps + k);
    }
    set_real(y->dtype, out[0], i, sum);
  }
}
