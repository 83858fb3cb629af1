/* resize.c - Resize and Upsample: nearest, linear and cubic, in any set of dimensions.
 *
 * The interpolation is separable: for each dimension that changes, every output place has a few
 * input places (taps) with weights, and the dimensions are done one after the other. Nearest is
 * an index map, so it moves elements of any type. Coordinates are computed in float32, as scales
 * are: a scale of 0.6f maps place 3 to 5.0 then, not to 4.9999998.
 *
 * Operators older than opset 11 have fixed modes; infer() writes them into the node as
 * attributes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

typedef struct Scaling {
  float scale[MAX_RANK];
  int64_t dim[MAX_RANK];    /* of the output */
} Scaling;

/* ---- sizes of the output */

/* Scales by attribute (Upsample before opset 9) or input; how many, INTS_ABSENT or INTS_UNKNOWN. */
static int get_scales(const Node *n, const void *const *in, float *v) {
  bool inputs = in_tensor(n, 2) || in_tensor(n, 3);
  const Attr *a = find_attr(n, "scales");
  if (a && a->kind == ATTR_FLOATS && a->n <= MAX_RANK) {
    for (int i = 0; i < a->n; i++) v[i] = (float)a->floats[i];
    return a->n;
  }
  int from = inputs ? 2 : 1;
  const Tensor *t = in_tensor(n, from);
  if (!t) return INTS_ABSENT;
  const void *data = in ? in[from] : t->data;
  if (has_static_shape(t) && n_elements(t) == 0) return INTS_ABSENT;
  if (!data || !has_static_shape(t)) return INTS_UNKNOWN;
  need_float(n, from);
  if (n_elements(t) > MAX_RANK)
    error_at(n->loc, "%s: scales has %lld elements", op_name(n), (long long)n_elements(t));
  for (int64_t i = 0; i < n_elements(t); i++) v[i] = (float)get_real(t->dtype, data, i);
  return (int)n_elements(t);
}

/* The dimensions that scales or sizes are for: attribute axes, else all; how many. */
static int get_axes(const Node *n, int rank, int *axes) {
  int64_t given[MAX_RANK];
  int count = attr_ints(n, "axes", given, MAX_RANK);
  for (int i = 0; i < count; i++) axes[i] = get_axis(n, given[i], rank);
  for (int d = 0; count == 0 && d < rank; d++) axes[d] = d;
  return count ? count : rank;
}

static void check_count(const Node *n, const char *what, int count, int axes) {
  if (count != axes)
    error_at(n->loc, "%s: %s has %d values, expected %d", op_name(n), what, count, axes);
}

static void apply_scales(const Node *n, const float *scales, int count, const int *axes,
                         Scaling *s) {
  for (int i = 0; i < count; i++) {
    float scale = scales[i];
    int d = axes[i];
    float size = floorf((float)s->dim[d] * scale);
    if (!(scale > 0) || !(size < 0x1p31f))
      error_at(n->loc, "%s: scale %g is not possible", op_name(n), (double)scale);
    s->scale[d] = scale;
    if (scale != 1) s->dim[d] = (int64_t)size;
  }
}

static void apply_sizes(const Node *n, const int64_t *sizes, int count, const int *axes,
                        Scaling *s) {
  const char *policy = attr_str(n, "keep_aspect_ratio_policy", "stretch");
  bool smaller = strcmp(policy, "not_larger") == 0, larger = strcmp(policy, "not_smaller") == 0;
  float common = smaller ? INFINITY : 0;
  for (int i = 0; i < count; i++) {
    int64_t size = s->dim[axes[i]];
    if (sizes[i] < 1 || sizes[i] > INT32_MAX || size < 1)
      error_at(n->loc, "%s: a dimension of %lld can't become %lld", op_name(n), (long long)size,
               (long long)sizes[i]);
    float scale = (float)sizes[i] / (float)size;
    s->scale[axes[i]] = scale;
    common = smaller ? fminf(common, scale) : fmaxf(common, scale);
  }
  for (int i = 0; i < count; i++) {
    int64_t *size = &s->dim[axes[i]];
    if (smaller || larger) s->scale[axes[i]] = common;
    *size = smaller || larger ? (int64_t)floorf(common * (float)*size + 0.5f) : sizes[i];
  }
}

/* False while scales and sizes are unknown. */
static bool get_scaling(const Node *n, const void *const *in, Scaling *s) {
  const Tensor *x = n->in[0];
  float scales[MAX_RANK];
  int64_t sizes[MAX_RANK];
  int axes[MAX_RANK], n_axes = get_axes(n, x->rank, axes);
  for (int d = 0; d < x->rank; d++) {
    s->scale[d] = 1;
    s->dim[d] = x->dim[d];
  }
  int count = get_scales(n, in, scales);
  if (count == INTS_UNKNOWN) return false;
  if (count >= 0) {
    check_count(n, "scales", count, n_axes);
    apply_scales(n, scales, count, axes, s);
    return true;
  }
  count = get_ints(n, NULL, 3, in, sizes, MAX_RANK);
  if (count == INTS_UNKNOWN) return false;
  if (count == INTS_ABSENT) error_at(n->loc, "%s: neither scales nor sizes", op_name(n));
  check_count(n, "sizes", count, n_axes);
  apply_sizes(n, sizes, count, axes, s);
  return true;
}

/* ---- modes */

typedef enum Mode { NEAREST, LINEAR, CUBIC } Mode;

static Mode get_mode(const Node *n) {
  const char *mode = attr_str(n, "mode", "nearest");
  if (strcmp(mode, "nearest") == 0) return NEAREST;
  if (strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0) return LINEAR;
  if (strcmp(mode, "cubic") == 0) return CUBIC;
  error_at(n->loc, "%s: unknown mode '%s'", op_name(n), mode);
}

typedef struct Line {
  int64_t in, out;    /* elements along the dimension */
  float scale;
  float from, to;     /* of tf_crop_and_resize: the part that is read, 0 to 1 for all */
} Line;

typedef float Coordinate(const Line *l, float i);

/* Size of the output before it is rounded to elements. */
static float resized(const Line *l) { return l->scale * (float)l->in; }

static float half_pixel(const Line *l, float i) { return (i + 0.5f) / l->scale - 0.5f; }
static float asymmetric(const Line *l, float i) { return i / l->scale; }
static float tf_half_pixel(const Line *l, float i) { return (i + 0.5f) / l->scale; }

static float pytorch_half_pixel(const Line *l, float i) {
  return l->out > 1 ? half_pixel(l, i) : 0;
}

static float align_corners(const Line *l, float i) {
  return l->out > 1 ? i * (float)(l->in - 1) / (resized(l) - 1) : 0;
}

static float half_pixel_symmetric(const Line *l, float i) {
  float adjustment = (float)l->out / resized(l);
  return (float)l->in / 2 * (1 - adjustment) + half_pixel(l, i);
}

static float crop_and_resize(const Line *l, float i) {
  float size = (float)(l->in - 1);
  return l->out > 1 ? l->from * size + i * (l->to - l->from) * size / (float)(l->out - 1)
                    : 0.5f * (l->from + l->to) * size;
}

static const struct { const char *name; Coordinate *f; } coordinates[] = {
    {"half_pixel", half_pixel},       {"asymmetric", asymmetric},
    {"align_corners", align_corners}, {"pytorch_half_pixel", pytorch_half_pixel},
    {"half_pixel_symmetric", half_pixel_symmetric}, {"tf_half_pixel_for_nn", tf_half_pixel},
    {"tf_crop_and_resize", crop_and_resize},
};

static Coordinate *find_coordinate(const Node *n) {
  const char *name = attr_str(n, "coordinate_transformation_mode", "half_pixel");
  for (size_t i = 0; i < sizeof coordinates / sizeof *coordinates; i++)
    if (strcmp(coordinates[i].name, name) == 0) return coordinates[i].f;
  error_at(n->loc, "%s: unknown coordinate_transformation_mode '%s'", op_name(n), name);
}

static bool is_crop(const Node *n) { return find_coordinate(n) == crop_and_resize; }

/* The line of dimension d; in: values of the inputs, or NULL for those of constants. */
static Line get_line(const Node *n, const void *const *in, const Scaling *s, int d) {
  Line l = {n->in[0]->dim[d], s->dim[d], s->scale[d], 0, 1};
  const Tensor *roi = in_tensor(n, 1);
  const void *data = roi ? (in ? in[1] : roi->data) : NULL;
  int axes[MAX_RANK], count = get_axes(n, n->in[0]->rank, axes);
  for (int i = 0; i < count && data && is_crop(n); i++)
    if (axes[i] == d) {
      l.from = (float)get_real(roi->dtype, data, i);
      l.to = (float)get_real(roi->dtype, data, count + i);
    }
  return l;
}

/* Does every element stay where it is? */
static bool stays(const Line *l) { return l->in == l->out && l->scale == 1 && l->from == 0 && l->to == 1; }

static void check_roi(const Node *n) {
  const Tensor *roi = in_tensor(n, 1);
  int axes[MAX_RANK], count = get_axes(n, n->in[0]->rank, axes);
  if (!is_crop(n)) return;
  if (!roi || !dtype_is_float(roi->dtype) || roi->rank != 1 || roi->dim[0] != 2 * count)
    error_at(n->loc, "%s: expected a roi of %d float values for tf_crop_and_resize", op_name(n), 2 * count);
}

typedef float Rounding(float x);

static float prefer_floor(float x) { return ceilf(x - 0.5f); }
static float prefer_ceil(float x) { return floorf(x + 0.5f); }

static const struct { const char *name; Rounding *f; } roundings[] = {
    {"round_prefer_floor", prefer_floor}, {"round_prefer_ceil", prefer_ceil},
    {"floor", floorf}, {"ceil", ceilf},
};

static Rounding *find_rounding(const Node *n) {
  const char *name = attr_str(n, "nearest_mode", "round_prefer_floor");
  for (size_t i = 0; i < sizeof roundings / sizeof *roundings; i++)
    if (strcmp(roundings[i].name, name) == 0) return roundings[i].f;
  error_at(n->loc, "%s: unknown nearest_mode '%s'", op_name(n), name);
}

void infer_resize(Graph *g, Node *n) {
  const Tensor *x = n->in[0];
  Scaling s;
  if (is_op(n, "Upsample") || (g->opset > 0 && g->opset < 11)) {
    set_str(g, n, "coordinate_transformation_mode", "asymmetric");
    set_str(g, n, "nearest_mode", "floor");
  }
  if (!has_static_shape(x) || !get_scaling(n, NULL, &s)) return;
  check_roi(n);
  find_rounding(n);
  if (get_mode(n) != NEAREST && !dtype_is_int(x->dtype)) need_float(n, 0);
  for (int d = 0; d < x->rank; d++)
    if (s.dim[d] < 1)
      error_at(n->loc, "%s: dimension %d becomes %lld", op_name(n), d, (long long)s.dim[d]);
  set_type(n, 0, x->dtype, x->rank, s.dim, x->layout);
}

/* ---- interpolation */

static int64_t limit(int64_t v, int64_t hi) { return v < 0 ? 0 : v > hi ? hi : v; }

/* Where an element of the output is read, -1: outside of what there is. */
static int64_t nearest_place(const Node *n, const Line *l, int64_t i) {
  float at = find_coordinate(n)(l, (float)i);
  if (is_crop(n) && !(at >= 0 && at <= (float)(l->in - 1))) return -1;
  return limit((int64_t)find_rounding(n)(at), l->in - 1);
}

static void resize_nearest(const Node *n, const void *const *in, const Scaling *s, void *y) {
  const Tensor *t = n->in[0];
  int64_t *map[MAX_RANK];
  uint8_t fill[16] = {0};
  set_real(t->dtype, fill, 0, attr_float(n, "extrapolation_value", 0));
  for (int d = 0; d < t->rank; d++) {
    Line l = get_line(n, in, s, d);
    map[d] = scratch(l.out, sizeof *map[d]);
    for (int64_t i = 0; i < l.out; i++) map[d][i] = stays(&l) ? i : nearest_place(n, &l, i);
  }
  copy_mapped(y, in[0], (size_t)dtype_bytes(t->dtype), t->rank, s->dim, t->dim, map, fill);
  for (int d = 0; d < t->rank; d++) free(map[d]);
}

/* Keys' cubic convolution at distance d. */
static double cubic_weight(double a, double d) {
  if (d >= 2) return 0;
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

/* By how much the taps of a line lie closer than its elements, so that none is passed over. */
static double tap_scale(const Node *n, const Line *l) {
  return attr_int(n, "antialias", 0) && l->scale < 1 ? (double)l->scale : 1;
}

/* Taps on each side of an output place. */
static int64_t half_taps(const Node *n, Mode mode, const Line *l) {
  double reach = (mode == CUBIC ? 2 : 1) / tap_scale(n, l);
  return mode == NEAREST ? 0 : -(int64_t)floor(-reach);
}

static int64_t tap_count(const Node *n, Mode mode, const Line *l) {
  return mode == NEAREST ? 1 : 2 * half_taps(n, mode, l);
}

/* Input places of output place i and their weights; from[0] is -1 outside of what there is. */
static void find_line_taps(const Node *n, Mode mode, const Line *l, int64_t i, int64_t *from, double *weight) {
  int64_t taps = tap_count(n, mode, l);
  if (mode == NEAREST) {
    from[0] = nearest_place(n, l, i), weight[0] = 1;
    return;
  }
  double at = (double)find_coordinate(n)(l, (float)i), scale = tap_scale(n, l), sum = 0;
  bool outside = is_crop(n) && !(at >= 0 && at <= (double)(l->in - 1));
  if (outside) at = 0;
  int64_t base = (int64_t)ceil(at) - half_taps(n, mode, l);
  for (int64_t k = 0; k < taps; k++) {
    double d = fabs((double)(base + k) - at) * scale;
    weight[k] = mode == CUBIC ? cubic_weight(attr_float(n, "cubic_coeff_a", -0.75), d) : d < 1 ? 1 - d : 0;
    if (attr_int(n, "exclude_outside", 0) && (base + k < 0 || base + k >= l->in)) weight[k] = 0;
    from[k] = limit(base + k, l->in - 1);
    sum += weight[k];
  }
  for (int64_t k = 0; k < taps && sum != 0; k++) weight[k] /= sum;
  if (outside) from[0] = -1;
}

/* One dimension: x is [outer][l->in][inner], the result [outer][l->out][inner]; frees x. */
static double *resize_line(const Node *n, Mode mode, const Line *l, int64_t outer, int64_t inner,
                           double *x) {
  double *y = scratch(mul_size(mul_size(outer, l->out), inner), sizeof *y);
  int64_t taps = tap_count(n, mode, l), *from = scratch(taps, sizeof *from);
  double *weight = scratch(taps, sizeof *weight), fill = attr_float(n, "extrapolation_value", 0);
  for (int64_t i = 0; i < l->out; i++) {
    find_line_taps(n, mode, l, i, from, weight);
    for (int64_t o = 0; o < outer; o++)
      for (int64_t k = 0; k < inner; k++) {
        double sum = from[0] < 0 ? fill : 0;
        for (int64_t tap = 0; tap < taps && from[0] >= 0; tap++)
          if (weight[tap] != 0) sum += weight[tap] * x[(o * l->in + from[tap]) * inner + k];
        y[(o * l->out + i) * inner + k] = sum;
      }
  }
  free(x);
  free(from);
  free(weight);
  return y;
}

void eval_resize(const Node *n, const void *const *in, void *const *out) {
  const Tensor *t = n->in[0];
  Mode mode = get_mode(n);
  Scaling s;
  if (n_elements(n->out[0]) == 0 || n_elements(t) == 0 || !get_scaling(n, in, &s)) return;
  if (mode == NEAREST) {
    resize_nearest(n, in, &s, out[0]);
    return;
  }
  double *x = scratch(n_elements(t), sizeof *x);
  for (int64_t i = 0; i < n_elements(t); i++) x[i] = get_real(t->dtype, in[0], i);
  for (int d = 0; d < t->rank; d++) {
    Line l = get_line(n, in, &s, d);
    if (!stays(&l))
      x = resize_line(n, mode, &l, dims_product(s.dim, 0, d), dims_product(t->dim, d + 1, t->rank), x);
  }
  for (int64_t i = 0; i < n_elements(n->out[0]); i++) set_real(t->dtype, out[0], i, x[i]);
  free(x);
}

/* ---- for code that does one dimension after the other */

int resize_lines(const Node *n, Arena *a, ResizeLine *v) {
  const Tensor *t = n->in[0];
  Mode mode = get_mode(n);
  Scaling s;
  int count = 0;
  if (!get_scaling(n, NULL, &s) || (is_crop(n) && !n->in[1]->data)) return -1;
  for (int d = 0; d < t->rank; d++) {
    Line l = get_line(n, NULL, &s, d);
    if (stays(&l)) continue;
    ResizeLine *to = &v[count++];
    *to = (ResizeLine){dims_product(s.dim, 0, d), l.in, l.out, dims_product(t->dim, d + 1, t->rank),
                       tap_count(n, mode, &l), NULL, NULL};
    if (!a) continue;
    double *weight = arena_alloc(a, to->taps * (int64_t)sizeof *weight);
    to->from = arena_alloc(a, l.out * to->taps * (int64_t)sizeof *to->from);
    to->weight = arena_alloc(a, l.out * to->taps * (int64_t)sizeof *to->weight);
    for (int64_t i = 0; i < l.out; i++) {
      find_line_taps(n, mode, &l, i, to->from + i * to->taps, weight);
      for (int64_t k = 0; k < to->taps; k++) to->weight[i * to->taps + k] = (float)weight[k];
    }
  }
  return count;
}
