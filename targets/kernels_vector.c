/* kernels_vector.c - what the kernels of 64-bit Arm and RISC-V ask of a node, and the scratch that
 * they want: runtime/lines.h has the same arithmetic. */
#include "targets/kernels_vector.h"

enum { MAX_LINES = 64, MAX_DEPTH_S4 = 65536 };

static bool has_weights(const Node *n, WeightKind kind) {
  const Tensor *w = n->in[1];
  bool narrow = kind == KIND_S4 || kind == KIND_S2;
  return is_kind(n, kind) && is_const(w) && (!narrow || n_elements(w) / w->dim[0] <= MAX_DEPTH_S4);
}

/* Without multiples. */
static bool is_plain(const Node *n, WeightKind kind) {
  return has_weights(n, kind) && !(n->n_in > 4 && n->in[4]);
}

/* The window as two dimensions; false when it is none. */
static bool get_plane(const Node *n, Window *w) {
  const Tensor *x = n->in[0];
  if (!(is_op(n, "QConv") || is_op(n, "Conv") || is_op(n, "DConv")) || x->layout != LAYOUT_NHWC ||
      (x->rank != 3 && x->rank != 4))
    return false;
  get_window(n, x, n->in[1], w);
  if (w->spatial == 2) return true;
  int64_t *const field[] = {w->in, w->out, w->kernel, w->stride, w->dilation, w->pad, w->pad_end};
  static const int64_t one[] = {1, 1, 1, 1, 1, 0, 0};
  for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
    field[i][1] = field[i][0];
    field[i][0] = one[i];
  }
  return true;
}

/* Is each tap a line of its own? */
static bool has_apart_taps(const Window *w) { return w->dilation[1] > 1 && w->kernel[1] > 1; }

/* Groups other than those of a depthwise convolution are taken one by one. */
static bool has_parts(const Window *w) {
  return w->group > 1 && (w->group < w->channels || w->group < w->out_channels);
}

static bool is_lines(const Node *n) {
  Window w;
  return get_plane(n, &w) && (w.group == 1 || has_parts(&w)) &&
         w.kernel[0] * (has_apart_taps(&w) ? w.kernel[1] : 1) <= MAX_LINES;
}

static bool is_product(const Node *n) {
  Window w;
  if (is_op(n, "QGemm") || is_op(n, "Gemm") || is_op(n, "DGemm")) return true;
  if (!get_plane(n, &w) || w.group != 1) return false;
  for (int i = 0; i < 2; i++)
    if (w.kernel[i] != 1 || w.stride[i] != 1 || w.pad[i] || w.pad_end[i]) return false;
  return true;
}

static int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

/* Codes of a run, and pixels that read it side by side. */
static bool fills_mmla(int64_t run, int64_t pixels) {
  return pixels >= 2 && 4 * round_up(run, 8) <= 5 * run;
}

/* Codes of a line that a pixel reads. */
static int64_t run_of(const Window *w) {
  return (has_apart_taps(w) ? 1 : w->kernel[1]) * w->channels / w->group;
}

static bool is_mmla_lines(const Node *n) {
  Window w;
  if (!is_lines(n)) return false;
  get_plane(n, &w);
  return fills_mmla(run_of(&w), w.out[1]);
}

static int64_t depth_of(const Node *n) { return n_elements(n->in[1]) / n->in[1]->dim[0]; }
static int64_t rows_of(const Node *n) { return n_elements(n->in[0]) / depth_of(n); }

static bool is_mmla_product(const Node *n) {
  return is_product(n) && fills_mmla(depth_of(n), rows_of(n));
}

/* Are the rows of x under one scale of run time each, or several under one? */
static bool has_row_scales(const Node *n) { return !attr_int(n, "x_size", 0); }

static bool has_multiples(const Node *n, WeightKind kind) {
  return has_weights(n, kind) && n->n_in > 4 && n->in[4] && is_const(n->in[4]);
}

/* Runs of weights that have a multiple each are whole steps. */
static bool is_grouped_product(const Node *n, WeightKind kind) {
  return has_multiples(n, kind) && attr_int(n, "group_size", 0) % 16 == 0 && is_product(n);
}

static int64_t greatest_divisor(int64_t a, int64_t b) { return b ? greatest_divisor(b, a % b) : a; }

int64_t lines_group_size(const Node *n) {
  Window w;
  int64_t size = attr_int(n, "group_size", 0);
  return is_product(n) || !get_plane(n, &w) ? size : greatest_divisor(run_of(&w), size);
}

/* Those of a convolution, which has one group then, are cut where lines end. */
static bool is_grouped_lines(const Node *n, WeightKind kind) {
  Window w;
  if (!has_multiples(n, kind) || !is_lines(n)) return false;
  get_plane(n, &w);
  int64_t size = lines_group_size(n);
  return w.group == 1 && (size % 16 == 0 || size == run_of(&w));
}

static bool is_symmetric(const Node *n) {
  const Tensor *w = n->in[1];
  if (!is_plain(n, KIND_S8)) return false;
  const int8_t *code = w->data;
  for (int64_t i = 0; i < n_elements(w); i++)
    if (code[i] == -128) return false;
  return true;
}

bool is_symmetric_lines_s8(const Node *n) { return is_lines(n) && is_symmetric(n); }
bool is_symmetric_product_s8(const Node *n) { return is_product(n) && is_symmetric(n); }
bool is_symmetric_reals_s8(const Node *n) { return is_symmetric_product_s8(n) && has_row_scales(n); }

static bool is_depthwise(const Node *n) {
  Window w;
  return get_plane(n, &w) && w.group == w.channels && w.out_channels == w.channels && w.group > 1 &&
         w.kernel[0] <= MAX_LINES;
}

bool is_code_channels(const Node *n) {
  bool narrow = is_plain(n, KIND_S4) || is_plain(n, KIND_S2);
  return (narrow || is_plain(n, KIND_S8)) && is_depthwise(n);
}

bool is_vector_channels_s8(const Node *n) { return is_symmetric(n) && is_depthwise(n); }
bool is_vector_channels_s4(const Node *n) { return is_plain(n, KIND_S4) && is_depthwise(n); }
bool is_vector_channels_s2(const Node *n) { return is_plain(n, KIND_S2) && is_depthwise(n); }

static bool is_floats(const Node *n) {
  const Tensor *w = n->in[1];
  return n->in[0]->dtype == DT_F32 && w->dtype == DT_F32 && is_const(w) &&
         (!is_op(n, "Gemm") || is_gemm_f32(n));
}

bool is_lines_f32(const Node *n) { return is_floats(n) && is_lines(n); }
bool is_product_f32(const Node *n) { return is_floats(n) && is_product(n); }
bool is_vector_channels_f32(const Node *n) { return is_floats(n) && is_depthwise(n); }

bool is_matmul_f32(const Node *n) {
  const Tensor *a = n->in[0], *b = n->in[1];
  return a->dtype == DT_F32 && b->dtype == DT_F32 && a->rank >= 2 && b->rank >= 2;
}

bool is_wide_matmul_f32(const Node *n) {
  return is_matmul_f32(n) && n->in[1]->dim[n->in[1]->rank - 1] >= 4;
}

/* Does every row that an output row overwrites lie in the ring, or is no longer needed? */
static bool lags_behind(const Node *n) {
  Window w;
  if (!get_plane(n, &w) || w.batch != 1 || has_parts(&w)) return false;
  int64_t slots = (w.kernel[0] - 1) * w.dilation[0] + 1;
  return w.out[1] * w.out_channels <= w.stride[0] * w.in[1] * w.channels &&
         slots - w.pad[0] >= w.stride[0];
}

#define DENSE(weights, kind)                                                                      \
  bool is_product_##weights(const Node *n) { return is_plain(n, kind) && is_product(n); }         \
  bool is_lines_##weights(const Node *n) { return is_plain(n, kind) && is_lines(n); }             \
  bool is_lagging_lines_##weights(const Node *n) { return is_lines_##weights(n) && lags_behind(n); } \
  bool is_mmla_product_##weights(const Node *n) { return is_plain(n, kind) && is_mmla_product(n); } \
  bool is_reals_##weights(const Node *n) { return is_product_##weights(n) && has_row_scales(n); } \
  bool is_mmla_reals_##weights(const Node *n) {                                                   \
    return is_mmla_product_##weights(n) && has_row_scales(n);                                     \
  }                                                                                               \
  bool is_mmla_lines_##weights(const Node *n) { return is_plain(n, kind) && is_mmla_lines(n); }   \
  bool is_lagging_mmla_lines_##weights(const Node *n) {                                           \
    return is_mmla_lines_##weights(n) && lags_behind(n);                                          \
  }
#define GROUPED(weights, kind)                                                                    \
  bool is_grouped_product_##weights(const Node *n) { return is_grouped_product(n, kind); }        \
  bool is_grouped_lines_##weights(const Node *n) { return is_grouped_lines(n, kind); }            \
  bool is_lagging_grouped_lines_##weights(const Node *n) {                                        \
    return is_grouped_lines(n, kind) && lags_behind(n);                                           \
  }                                                                                               \
  bool is_mmla_grouped_product_##weights(const Node *n) {                                         \
    return is_grouped_product(n, kind) && is_mmla_product(n);                                     \
  }                                                                                               \
  bool is_grouped_reals_##weights(const Node *n) {                                                \
    return is_grouped_product_##weights(n) && has_row_scales(n);                                  \
  }                                                                                               \
  bool is_mmla_grouped_reals_##weights(const Node *n) {                                           \
    return is_mmla_grouped_product_##weights(n) && has_row_scales(n);                             \
  }                                                                                               \
  bool is_mmla_grouped_lines_##weights(const Node *n) {                                           \
    return is_grouped_lines(n, kind) && is_mmla_lines(n);                                         \
  }                                                                                               \
  bool is_lagging_mmla_grouped_lines_##weights(const Node *n) {                                   \
    return is_mmla_grouped_lines_##weights(n) && lags_behind(n);                                  \
  }
DENSE(s8, KIND_S8)
DENSE(s4, KIND_S4)
DENSE(s2, KIND_S2)
DENSE(l8, KIND_L8)
DENSE(l5, KIND_L5)
GROUPED(s8, KIND_S8)
GROUPED(s4, KIND_S4)
GROUPED(l8, KIND_L8)
GROUPED(l5, KIND_L5)
#undef DENSE
#undef GROUPED

bool is_lagging_symmetric_lines_s8(const Node *n) {
  return is_symmetric_lines_s8(n) && lags_behind(n);
}
bool is_lagging_code_channels(const Node *n) { return is_code_channels(n) && lags_behind(n); }
bool is_lagging_channels_s8(const Node *n) { return is_vector_channels_s8(n) && lags_behind(n); }
bool is_lagging_channels_s4(const Node *n) { return is_vector_channels_s4(n) && lags_behind(n); }
bool is_lagging_channels_s2(const Node *n) { return is_vector_channels_s2(n) && lags_behind(n); }
bool is_lagging_lines_f32(const Node *n) { return is_lines_f32(n) && lags_behind(n); }
bool is_lagging_channels_f32(const Node *n) { return is_vector_channels_f32(n) && lags_behind(n); }

int64_t lines_scratch(const Node *n) {
  Window w;
  get_plane(n, &w);
  int64_t channels = has_parts(&w) ? w.channels / w.group : w.channels;
  int64_t codes = ((w.out[1] - 1) * w.stride[1] + (w.kernel[1] - 1) * w.dilation[1] + 1) * channels;
  int64_t line = (codes + 3 * w.stride[1] * channels + 31) / 16 * 16;
  return ((w.kernel[0] - 1) * w.dilation[0] + 2) * line +
         (has_parts(&w) ? w.out[1] * w.out_channels / w.group : 0);
}

int64_t product_scratch(const Node *n) {
  int64_t rows = rows_of(n);
  return (rows < 4 ? rows : 4) * round_up(depth_of(n), 16);
}

int64_t lines_scratch_f32(const Node *n) { return 4 * lines_scratch(n); }
int64_t product_scratch_f32(const Node *n) { return 4 * product_scratch(n); }
