/* kernels_x86.c - which layers the kernels of runtime/avx512 and runtime/avx2 can compute, and the
 * bytes of their working memory: the staged copy of the image, or of a block of rows. */
#include "targets/kernels_x86.h"

enum {
  STAGED_ROWS = 48,
  SLACK = 128
}; /* rows of a block in gemm.h; bytes for alignment, and read beyond the end */

static bool has_weights(const Node *n, WeightKind t) {
  bool real = is_op(n, "DGemm") || is_op(n, "DConv"); /* where the bias may be absent */
  return is_kind(n, t) && is_const(n->in[1]) && n->in[1]->data &&
         ((real && !n->in[2]) || is_const(n->in[2])) && is_const(n->in[3]);
}

/* With integers of fewer than eight bits the sums are kept as if the weights reached -128. */
static bool fits_widened(const Node *n, WeightKind t) {
  return (t != KIND_S4 && t != KIND_S2) || n_elements(n->in[1]) / n->in[1]->dim[0] <= 65000;
}

/* Weights that share a multiple, and the runs that are cut into them, are whole loads. */
static bool has_whole_groups(const Node *n, WeightKind t, int64_t run) {
  if (n->n_in <= 4 || !n->in[4]) return true;
  int64_t load = t == KIND_S2 ? 16 : 8;
  return run % load == 0 && attr_int(n, "group_size", 0) % load == 0 && is_const(n->in[4]);
}

static bool is_image(const Node *n) {
  return n->in[0]->layout == LAYOUT_NHWC && (n->in[0]->rank == 3 || n->in[0]->rank == 4);
}

/* Groups other than those of a depthwise convolution are taken one by one, without multiples. */
static bool has_parts(const Window *w) {
  return w->group > 1 && (w->group < w->channels || w->group < w->out_channels);
}

/* apart: each tap is a run of its own. */
static bool is_conv(const Node *n, WeightKind t, bool apart) {
  if (!is_image(n) || !has_weights(n, t)) return false;
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  int64_t run = apart ? w.channels : w.channels * w.kernel[w.spatial - 1];
  bool is_apart = w.dilation[w.spatial - 1] > 1 && w.kernel[w.spatial - 1] > 1;
  if (has_parts(&w)) return apart && !(n->n_in > 4 && n->in[4]) && fits_widened(n, t);
  return w.group == 1 && is_apart == apart && has_whole_groups(n, t, run) && fits_widened(n, t);
}

static bool is_pointwise(const Node *n, WeightKind t) {
  if (!is_conv(n, t, false)) return false;
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  for (int i = 0; i < w.spatial; i++)
    if (w.kernel[i] != 1 || w.stride[i] != 1 || w.pad[i] || w.pad_end[i]) return false;
  return true;
}

static bool is_gemm(const Node *n, WeightKind t) {
  return n->in[1]->rank == 2 && has_weights(n, t) && has_whole_groups(n, t, n->in[1]->dim[1]) &&
         fits_widened(n, t);
}

/* With one scale of run time for a row, or for several. */
static bool is_reals(const Node *n, WeightKind t) {
  return !attr_int(n, "x_size", 0) && (is_op(n, "DGemm") ? is_gemm(n, t) : is_pointwise(n, t));
}

#define DENSE(weights, kind)                                                                      \
  bool is_x86_conv_##weights(const Node *n) { return is_conv(n, kind, false); }                   \
  bool is_x86_dilated_##weights(const Node *n) { return is_conv(n, kind, true); }                 \
  bool is_x86_pointwise_##weights(const Node *n) { return is_pointwise(n, kind); }                \
  bool is_x86_gemm_##weights(const Node *n) { return is_gemm(n, kind); }                          \
  bool is_x86_reals_##weights(const Node *n) { return is_reals(n, kind); }
DENSE(s8, KIND_S8)
DENSE(s4, KIND_S4)
DENSE(s2, KIND_S2)
DENSE(l8, KIND_L8)
DENSE(l5, KIND_L5)
#undef DENSE

bool is_x86_depthwise(const Node *n) {
  if (!is_image(n) || !has_weights(n, KIND_S8)) return false;
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  return w.group == w.channels && w.out_channels == w.channels && !(n->n_in > 4 && n->in[4]);
}

static bool is_joined(const Node *n, int64_t width) {
  if (!is_x86_depthwise(n)) return false;
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  return w.stride[w.spatial - 1] == 1 && w.channels < width && width % w.channels == 0;
}

bool is_x86_joined_16(const Node *n) { return is_joined(n, 16); }
bool is_x86_joined_64(const Node *n) { return is_joined(n, 64); }

/* ---- floats */

static bool has_float_weights(const Node *n) {
  bool bias = n->n_in < 3 || !n->in[2] || (is_const(n->in[2]) && n->in[2]->dtype == DT_F32);
  return n->in[0]->dtype == DT_F32 && n->in[1]->dtype == DT_F32 && is_const(n->in[1]) && bias;
}

static bool is_float_conv(const Node *n, Window *w) {
  if (!is_image(n) || !has_float_weights(n)) return false;
  get_window(n, n->in[0], n->in[1], w);
  return true;
}

bool is_x86_conv_f32(const Node *n) {
  Window w;
  return is_float_conv(n, &w) && (w.group == 1 || has_parts(&w));
}

/* Transforming pays where many products share it. */
static bool is_winograd(const Node *n, int64_t lanes) {
  Window w;
  if (!is_float_conv(n, &w) || w.group != 1 || w.spatial != 2) return false;
  for (int i = 0; i < 2; i++)
    if (w.kernel[i] != 3 || w.stride[i] != 1 || w.dilation[i] != 1 || w.out[i] < 2) return false;
  return w.channels % lanes == 0 && w.channels >= 16 && w.out_channels >= 16;
}

bool is_x86_winograd_16(const Node *n) { return is_winograd(n, 16); }
bool is_x86_winograd_8(const Node *n) { return is_winograd(n, 8); }

bool is_x86_depthwise_f32(const Node *n) {
  Window w;
  return is_float_conv(n, &w) && w.group == w.channels && w.out_channels == w.channels &&
         w.group > 1;
}

bool is_x86_pointwise_f32(const Node *n) {
  Window w;
  if (!is_float_conv(n, &w) || w.group != 1) return false;
  for (int i = 0; i < w.spatial; i++)
    if (w.kernel[i] != 1 || w.stride[i] != 1 || w.pad[i] || w.pad_end[i]) return false;
  return true;
}

bool is_x86_gemm_f32(const Node *n) {
  const Tensor *c = n->n_in > 2 ? n->in[2] : NULL;
  return has_float_weights(n) && attr_int(n, "transB", 0) && !attr_int(n, "transA", 0) &&
         attr_float(n, "alpha", 1) == 1 && attr_float(n, "beta", 1) == 1 &&
         (!c || (c->rank == 1 && c->dim[0] == n->out[0]->dim[1]));
}

/* ---- working memory */

/* Elements of the image that all windows cover. */
static int64_t staged(const Node *n) {
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  int64_t count = w.batch * w.channels;
  for (int i = 0; i < w.spatial; i++)
    count *= (w.out[i] - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1;
  return count;
}

int64_t winograd_tiles(const Node *n) {
  int64_t rows = n->out[0]->dim[1], columns = n->out[0]->dim[2];
  int64_t count = (rows + 1) / 2 * ((columns + 1) / 2);
  int64_t most = n->in[0]->dim[3] + n->out[0]->dim[3] > 256 ? 12 : 24;
  return count < most ? count : most;
}

/* The image with a border up to whole tiles, its transformed tiles, their products, and zeros. */
int64_t winograd_scratch(const Node *n) {
  const int64_t *x = n->in[0]->dim, *y = n->out[0]->dim;
  int64_t copy = x[0] * ((y[1] + 1) / 2 * 2 + 2) * ((y[2] + 1) / 2 * 2 + 2) * x[3];
  return 4 * (copy + 16 * winograd_tiles(n) * (x[3] + y[3]) + y[3] + 32) + SLACK;
}

int64_t staged_u8(const Node *n) { return staged(n) + SLACK; }
int64_t staged_f32(const Node *n) { return 4 * staged(n) + SLACK; }
int64_t staged_s16(const Node *n) { return 2 * staged(n) + SLACK; }

static int64_t staged_rows(const Node *n) {
  int64_t depth = n_elements(n->in[1]) / n->in[1]->dim[0], rows = n_elements(n->in[0]) / depth;
  return (rows < STAGED_ROWS ? rows : STAGED_ROWS) * depth;
}

int64_t staged_rows_u8(const Node *n) { return staged_rows(n) + SLACK; }
int64_t staged_rows_s16(const Node *n) { return 2 * staged_rows(n) + SLACK; }
