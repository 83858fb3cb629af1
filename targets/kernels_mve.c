/* kernels_mve.c - conditions and working memory of the kernels in runtime/mve (Helium). */
#include "targets/kernels_mve.h"

#include <string.h>

/* Geometry of a convolution over one or two spatial dimensions, as the kernels see it. */
typedef struct Plane {
  int64_t batch, in_h, in_w, in_c, out_h, out_w, out_c, group;
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
} Plane;

static Plane plane_of(const Node *n) {
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  int h = 0, x = w.spatial - 1;
  Plane p = {w.batch, 1,       w.in[x],     w.channels, 1,           w.out[x], w.out_channels,
             w.group, 1,       w.kernel[x], 1,          w.stride[x], 1,        w.dilation[x],
             0,       w.pad[x]};
  if (w.spatial == 2) {
    p.in_h = w.in[h], p.out_h = w.out[h], p.kernel_h = w.kernel[h], p.stride_h = w.stride[h];
    p.dilation_h = w.dilation[h], p.pad_top = w.pad[h];
  }
  return p;
}

static int64_t span_of(const Plane *p) { return (p->kernel_h - 1) * p->dilation_h + 1; }

static int64_t columns_of(const Plane *p) {
  return (p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1;
}

static int64_t round16(int64_t n) { return (n + 15) / 16 * 16; }

static bool has_groups(const Node *n) { return n->n_in > 4 && n->in[4]; }

static bool is_nhwc(const Node *n) {
  return n->in[0]->layout == LAYOUT_NHWC && (n->in[0]->rank == 3 || n->in[0]->rank == 4);
}

static bool has_weights(const Node *n, DType t) {
  return n->n_in > 1 && n->in[1] && n->in[1]->dtype == t && is_const(n->in[1]) && !has_groups(n);
}

/* Does no output row, of `done` at a time, end behind the first input row that is still to be read,
 * the one at `keep` rows from the first of the next window? */
static bool stays_behind(const Plane *p, int64_t done, int64_t keep) {
  int64_t in_row = p->in_w * p->in_c, out_row = p->out_w * p->out_c;
  if (p->batch > 1 && p->out_h * out_row > p->in_h * in_row) return false;
  for (int64_t oy = done; oy < p->out_h; oy += done) {
    int64_t next = oy * p->stride_h - p->pad_top + keep;
    if (next < 0) next = 0;
    if (next < p->in_h && oy * out_row > next * in_row) return false;
  }
  return true;
}

/* ---- one group, or groups of several channels ------------------------------------------------------------------------------- */

static bool is_pointwise(const Plane *p) {
  return p->group == 1 && p->kernel_h == 1 && p->kernel_w == 1 && p->stride_h == 1 && p->stride_w == 1 &&
         p->pad_top == 0 && p->pad_left == 0 && p->out_h == p->in_h && p->out_w == p->in_w;
}

static bool is_image_conv(const Node *n, Plane *p) {
  if (!is_nhwc(n)) return false;
  *p = plane_of(n);
  return (p->group == 1 || p->group < p->in_c || p->group < p->out_c) && p->pad_top < span_of(p) &&
         p->pad_left < columns_of(p);
}

static bool is_conv(const Node *n, DType t, Plane *p) {
  return has_weights(n, t) && is_image_conv(n, p);
}

static bool is_conv1x1(const Node *n, DType t) {
  Plane p;
  return is_conv(n, t, &p) && is_pointwise(&p);
}

/* Rows of a window that stay in the ring for the next. */
static int64_t kept_rows(const Plane *p) {
  int64_t keep = span_of(p) - p->stride_h;
  return keep > 0 ? keep : 0;
}

static bool is_conv_over(const Node *n, DType t) {
  Plane p;
  return is_conv(n, t, &p) && stays_behind(&p, 1, kept_rows(&p));
}

static bool is_any_conv(const Node *n, DType t) {
  Plane p;
  return is_conv(n, t, &p);
}

static bool is_row(const Node *n, DType t) {
  return has_weights(n, t) && n_elements(n->out[0]) == n->in[1]->dim[0];
}

/* Runs of weights that have a multiple each are whole vectors. */
static bool has_runs(const Node *n, DType t) {
  return n->n_in > 1 && n->in[1]->dtype == t && is_const(n->in[1]) && has_groups(n) &&
         is_const(n->in[4]) && attr_int(n, "group_size", 0) % 16 == 0;
}

static bool is_conv_grouped(const Node *n, DType t, Plane *p) {
  return has_runs(n, t) && is_image_conv(n, p) && p->group == 1;
}

/* Any of the levels that vectors of bytes hold; a table of a tensor's own, 256 bytes, must be worth it. */
static bool is_looked_up(const Node *n) {
  const Tensor *w = n->in[1];
  return (is_kind(n, KIND_L8) || is_kind(n, KIND_L5)) && (!w->quant->book || n_elements(w) > 512);
}

#define DENSE(weights, type, more)                                                                \
  bool is_mve_conv1x1_##weights(const Node *n) { return is_conv1x1(n, type) && more; }            \
  bool is_mve_conv_##weights(const Node *n) { return is_any_conv(n, type) && more; }              \
  bool is_mve_conv_over_##weights(const Node *n) { return is_conv_over(n, type) && more; }        \
  bool is_mve_gemm_##weights(const Node *n) { return is_row(n, type) && more; }                   \
  bool is_mve_rows_##weights(const Node *n) { return has_weights(n, type) && more; }
#define GROUPED(weights, type, more)                                                              \
  bool is_mve_conv_grouped_##weights(const Node *n) {                                             \
    Plane p;                                                                                      \
    return is_conv_grouped(n, type, &p) && more;                                                  \
  }                                                                                               \
  bool is_mve_conv_over_grouped_##weights(const Node *n) {                                        \
    Plane p;                                                                                      \
    return is_conv_grouped(n, type, &p) && stays_behind(&p, 1, kept_rows(&p)) && more;            \
  }                                                                                               \
  bool is_mve_conv1x1_grouped_##weights(const Node *n) {                                          \
    Plane p;                                                                                      \
    return is_conv_grouped(n, type, &p) && is_pointwise(&p) && more;                              \
  }                                                                                               \
  bool is_mve_gemm_grouped_##weights(const Node *n) {                                             \
    int64_t channels = n->in[1]->dim[0];                                                          \
    return has_runs(n, type) && n_elements(n->out[0]) == channels && channels % 8 == 0 && more;   \
  }                                                                                               \
  bool is_mve_rows_grouped_##weights(const Node *n) { return has_runs(n, type) && more; }
DENSE(s8, DT_I8, true)
DENSE(s4, DT_I4, true)
DENSE(s2, DT_I2, true)
DENSE(l8, DT_I8, is_looked_up(n))
GROUPED(s8, DT_I8, true)
GROUPED(s4, DT_I4, true)
GROUPED(l8, DT_I8, is_looked_up(n))
#undef DENSE
#undef GROUPED

static int64_t padded_depth(const Node *n) {
  return round16(n_elements(n->in[1]) / n->in[1]->dim[0]);
}

int64_t mve_gemm_scratch(const Node *n) {
  int64_t padded = padded_depth(n);
  return padded * n->in[1]->dim[0] == n_elements(n->in[1]) ? 0 : padded;
}

int64_t mve_tile_scratch(const Node *n) { return 2 * padded_depth(n); }

int64_t mve_conv_scratch(const Node *n) {
  Plane p = plane_of(n);
  int64_t depth = round16(p.kernel_h * p.kernel_w * p.in_c / p.group);
  return 2 * (depth + 16) + span_of(&p) * columns_of(&p) * p.in_c + 16;
}

static int64_t runs_scratch(const Node *n) { return 16 * n->in[4]->dim[1]; }

int64_t mve_gemm_grouped_scratch(const Node *n) { return runs_scratch(n) + mve_gemm_scratch(n); }
int64_t mve_tile_grouped_scratch(const Node *n) { return runs_scratch(n) + mve_tile_scratch(n); }
int64_t mve_conv_grouped_scratch(const Node *n) { return runs_scratch(n) + mve_conv_scratch(n); }

/* ---- depthwise ------------------------------------------------------------------------------- */

static bool is_depthwise(const Node *n, DType t, Plane *p) {
  if (!has_weights(n, t) || !is_nhwc(n)) return false;
  *p = plane_of(n);
  return p->group == p->in_c && p->out_c == p->in_c && p->group > 1 &&
         p->pad_left < columns_of(p) && p->kernel_h * p->kernel_w <= 255;
}

static bool is_any_depthwise(const Node *n, DType t) {
  Plane p;
  return is_depthwise(n, t, &p);
}

static bool is_depthwise_over(const Node *n, DType t) {
  Plane p;
  return is_depthwise(n, t, &p) && stays_behind(&p, 1, 0);
}

static bool is_3x3(const Node *n, DType t, Plane *p) {
  return is_depthwise(n, t, p) && p->kernel_h == 3 && p->kernel_w == 3 && p->stride_h == 1 &&
         p->stride_w == 1 && p->dilation_h == 1 && p->dilation_w == 1;
}

static bool is_depthwise3x3(const Node *n, DType t) {
  Plane p;
  return is_3x3(n, t, &p);
}

static bool is_depthwise3x3_over(const Node *n, DType t) {
  Plane p;
  return is_3x3(n, t, &p) && stays_behind(&p, 2, 2);
}

bool is_mve_depthwise_s8(const Node *n) { return is_any_depthwise(n, DT_I8); }
bool is_mve_depthwise_s4(const Node *n) { return is_any_depthwise(n, DT_I4); }
bool is_mve_depthwise_s2(const Node *n) { return is_any_depthwise(n, DT_I2); }
bool is_mve_depthwise_over_s8(const Node *n) { return is_depthwise_over(n, DT_I8); }
bool is_mve_depthwise_over_s4(const Node *n) { return is_depthwise_over(n, DT_I4); }
bool is_mve_depthwise_over_s2(const Node *n) { return is_depthwise_over(n, DT_I2); }
bool is_mve_depthwise3x3_s8(const Node *n) { return is_depthwise3x3(n, DT_I8); }
bool is_mve_depthwise3x3_s4(const Node *n) { return is_depthwise3x3(n, DT_I4); }
bool is_mve_depthwise3x3_s2(const Node *n) { return is_depthwise3x3(n, DT_I2); }
bool is_mve_depthwise3x3_over_s8(const Node *n) { return is_depthwise3x3_over(n, DT_I8); }
bool is_mve_depthwise3x3_over_s4(const Node *n) { return is_depthwise3x3_over(n, DT_I4); }
bool is_mve_depthwise3x3_over_s2(const Node *n) { return is_depthwise3x3_over(n, DT_I2); }

static int64_t block_of(const Plane *p) { return p->in_c < 16 ? p->in_c : 16; }

/* A vector of the border, the taps of 16 channels, columns of 64 bytes. */
int64_t mve_depthwise_scratch(const Node *n) {
  Plane p = plane_of(n);
  int64_t bands = (p.kernel_h + 3) / 4, quads = (p.kernel_w + 3) / 4;
  int64_t cols = ((p.out_w + 3) / 4 * 4 - 1) * p.stride_w + (4 * quads - 1) * p.dilation_w + 1;
  return 16 + block_of(&p) * bands * quads * 16 + bands * cols * 64;
}

/* The same with a vector of zeros before the taps. */
int64_t mve_depthwise3x3_scratch(const Node *n) {
  Plane p = plane_of(n);
  return 32 + block_of(&p) * 16 + ((p.out_w + 1) / 2 * 2 + 2) * 64;
}

/* ---- floats ---------------------------------------------------------------------------------- */

static bool is_half(const Node *n) { return n->in[0]->dtype == DT_F16; }

/* Float16 sums of more taps than those of 7x7 lose too much. */
static bool has_few_taps(const Node *n) { return n_elements(n->in[1]) <= 49 * n->in[1]->dim[0]; }

static bool is_real_depthwise_over(const Node *n, DType t) {
  Plane p;
  return is_depthwise(n, t, &p) && stays_behind(&p, 1, kept_rows(&p));
}

bool is_mve_conv1x1_f32(const Node *n) { return is_conv1x1(n, DT_F32); }
bool is_mve_conv1x1_f16(const Node *n) { return is_half(n) && is_conv1x1(n, DT_F16); }
bool is_mve_conv_f32(const Node *n) { return is_any_conv(n, DT_F32); }
bool is_mve_conv_f16(const Node *n) { return is_half(n) && is_any_conv(n, DT_F16); }
bool is_mve_conv_over_f32(const Node *n) { return is_conv_over(n, DT_F32); }
bool is_mve_conv_over_f16(const Node *n) { return is_half(n) && is_conv_over(n, DT_F16); }
bool is_mve_gemm_f32(const Node *n) { return has_weights(n, DT_F32) && is_gemm_f32(n); }
bool is_mve_gemm_f16(const Node *n) { return has_weights(n, DT_F16) && is_gemm_f16(n); }
bool is_mve_depthwise_f32(const Node *n) { return is_any_depthwise(n, DT_F32); }
bool is_mve_depthwise_f16(const Node *n) {
  return is_half(n) && is_any_depthwise(n, DT_F16) && has_few_taps(n);
}
bool is_mve_depthwise_over_f32(const Node *n) { return is_real_depthwise_over(n, DT_F32); }
bool is_mve_depthwise_over_f16(const Node *n) {
  return is_half(n) && is_real_depthwise_over(n, DT_F16) && has_few_taps(n);
}

static int64_t element_bytes(const Node *n) { return dtype_bytes(n->in[1]->dtype); }

static int64_t ring_bytes(const Node *n, const Plane *p) {
  return element_bytes(n) * span_of(p) * columns_of(p) * p->in_c;
}

int64_t mve_gemm_scratch_real(const Node *n) {
  return 2 * ((element_bytes(n) * n_elements(n->in[1]) / n->in[1]->dim[0] + 3) / 4 * 4);
}

int64_t mve_conv_scratch_real(const Node *n) {
  Plane p = plane_of(n);
  int64_t patch = round16(element_bytes(n) * p.kernel_h * p.kernel_w * p.in_c / p.group) + 16;
  return 2 * patch + ring_bytes(n, &p) + 16;
}

int64_t mve_depthwise_scratch_real(const Node *n) {
  Plane p = plane_of(n);
  return ring_bytes(n, &p) + 16;
}

/* ---- products of activations ------------------------------------------------------------------ */

/* Is what the operand is multiplied by exactly a half? */
static bool is_halving(const Node *n, const char *m, const char *exponent) {
  return attr_int(n, m, 0) == 1 << 30 && attr_int(n, exponent, 0) == 0;
}

/* Codes have 9 bits with their sign, and 20 more: less than 2^(31 - right) for right up to 3 (products.c). */
static bool is_scaled(const Node *n, const char *m, const char *exponent) {
  int64_t e = attr_int(n, exponent, 0);
  return is_halving(n, m, exponent) || (e >= -3 && e <= -1);
}

bool is_mve_tadd(const Node *n) {
  int64_t e = attr_int(n, "exponent", 0);
  bool a = is_halving(n, "a_m", "a_exponent"), b = is_halving(n, "b_m", "b_exponent");
  return same_shape(n->in[0], n->in[1]) && same_shape(n->in[0], n->out[0]) && !attr_int(n, "subtract", 0) &&
         e >= -22 && e <= -1 && ((a && is_scaled(n, "b_m", "b_exponent")) || (b && is_scaled(n, "a_m", "a_exponent")));
}

bool is_mve_matmul(const Node *n) { return 8 * n->in[1]->dim[n->in[1]->rank - 1] <= UINT16_MAX; }

/* Four columns, and an int32 per row. */
int64_t mve_matmul_scratch(const Node *n) {
  const Tensor *a = n->in[0];
  return 4 * round16(a->dim[a->rank - 1]) + 4 * a->dim[a->rank - 2];
}

/* ---- views ------------------------------------------------------------------------------------ */

bool is_mve_view(const Node *n) {
  int64_t bytes = dtype_bytes(n->in[0]->dtype);
  return bytes == 1 || bytes == 4;
}
bool is_mve_view_4(const Node *n) { return is_mve_view(n) && n->in[0]->rank <= 4; }
bool is_mve_expand(const Node *n) { return is_mve_view(n) && n->out[0]->rank <= 6; }
