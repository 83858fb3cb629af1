/* kernels_dsp.c - which nodes the kernels of runtime/dsp/ compute, and their working memory.
 *
 * Their weights carry two (int8) or four (int4, int2) output channels in one halfword.  The sum of
 * the uppermost channel is recovered modulo 2^24 (2^20, 2^26), those of the others modulo no less
 * than 2^24: sums must stay within, which follows from the weights. */
#include "targets/kernels_dsp.h"

#include <stdlib.h>

/* A window with its first spatial dimension added where the image has one only. */
typedef struct Plane {
  int64_t in_h, in_w, in_c, out_h, out_w, out_c;
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int64_t pad_top, pad_left, group;
} Plane;

static bool has_plane(const Node *n) {
  const Tensor *x = n->in[0];
  return x->layout == LAYOUT_NHWC && (x->rank == 3 || x->rank == 4);
}

static Plane plane_of(const Node *n) {
  const Tensor *x = n->in[0], *y = n->out[0];
  Window w;
  get_window(n, x, n->in[1], &w);
  int h = 0, v = w.spatial - 1;
  bool flat = w.spatial == 1;
  return (Plane){.in_h = flat ? 1 : w.in[h],
                 .in_w = w.in[v],
                 .in_c = w.channels,
                 .out_h = flat ? 1 : w.out[h],
                 .out_w = w.out[v],
                 .out_c = y->dim[y->rank - 1],
                 .kernel_h = flat ? 1 : w.kernel[h],
                 .kernel_w = w.kernel[v],
                 .stride_h = flat ? 1 : w.stride[h],
                 .stride_w = w.stride[v],
                 .dilation_h = flat ? 1 : w.dilation[h],
                 .dilation_w = w.dilation[v],
                 .pad_top = flat ? 0 : w.pad[h],
                 .pad_left = w.pad[v],
                 .group = w.group};
}

static bool has_plain_weights(const Node *n, DType type) {
  const Tensor *w = n->in[1];
  return w->dtype == type && is_const(w) && is_const(n->in[2]) && !(n->n_in > 4 && n->in[4]);
}

/* Do the sums of two channels, or four, in a halfword fit in the bits that are kept of them?
 * Narrow weights of three channels of four are kept larger by an offset: their sums must fit with it
 * and without, and what it adds may lose no bits but zeros when it is shifted. */
static bool fits_sums(const Node *n, DType type) {
  int offset = type == DT_I4 ? 8 : type == DT_I2 ? 2 : 0;
  int least_shift = type == DT_I4 ? -3 : type == DT_I2 ? -1 : -12;
  if (!has_plain_weights(n, type) || attr_int(n, "shift", 0) < least_shift) return false;
  const int8_t *w = n->in[1]->data;
  int64_t channels = n->in[1]->dim[0], depth = n_elements(n->in[1]) / channels;
  int64_t per_group = channels / attr_int(n, "group", 1);
  for (int64_t o = 0; o < channels; o++) {
    bool is_top = o % per_group % 4 == 0;
    int64_t sum = 0, limit = type == DT_I4 && is_top ? 1 << 19 : 1 << 23;
    for (int64_t i = 0; i < depth; i++, w++) {
      int raised = is_top ? 0 : abs(*w + offset), plain = abs(*w);
      sum += raised > plain ? raised : plain;
    }
    if (128 * sum + llabs(get_int(DT_I32, n->in[2]->data, o)) >= limit) return false;
  }
  return true;
}

/* 256 * -128 + b may be beyond a halfword. */
static bool has_least(const Node *n) {
  const int8_t *w = n->in[1]->data;
  for (int64_t i = 0; i < n_elements(n->in[1]); i++)
    if (w[i] == -128) return true;
  return false;
}

static bool fits_blocks(const Node *n, DType type) { return fits_sums(n, type) && !has_least(n); }

/* 256 * -128 + b + 128 is not beyond it. */
static bool fits_raised(const Node *n) { return fits_sums(n, DT_I8) && has_least(n); }

/* Runs of weights that have a multiple each are whole steps, and their sums fit in any case. */
static bool has_runs(const Node *n) {
  const Tensor *w = n->in[1];
  int64_t size = attr_int(n, "group_size", 0);
  return n->n_in > 4 && n->in[4] && is_const(n->in[4]) && w->dtype == DT_I4 && is_const(w) &&
         is_const(n->in[2]) && size % 4 == 0 && size <= 256;
}

/* ---- conditions ------------------------------------------------------------------------------ */

static bool is_1x1(const Node *n) {
  if (!has_plane(n)) return false;
  Plane p = plane_of(n);
  return p.group == 1 && p.kernel_h * p.kernel_w == 1 && p.in_h == p.out_h && p.in_w == p.out_w &&
         p.stride_h == 1 && p.stride_w == 1 && p.pad_top == 0;
}

static bool is_pointwise(const Node *n, DType type) { return fits_blocks(n, type) && is_1x1(n); }

static bool is_any_depthwise(const Node *n, DType type) {
  if (!has_plane(n) || !has_plain_weights(n, type)) return false;
  Plane p = plane_of(n);
  return p.group > 1 && p.group == p.in_c && p.out_c == p.in_c;
}

static bool is_depthwise(const Node *n, DType type) {
  if (!is_any_depthwise(n, type)) return false;
  Plane p = plane_of(n);
  return p.kernel_h == 3 && p.kernel_w == 3 && p.dilation_h == 1 && p.dilation_w == 1 &&
         p.stride_h <= 2 && p.stride_w <= 2;
}

/* No output may lie behind the rows that have been read. */
static bool keeps_image(const Node *n) {
  Plane p = plane_of(n);
  return p.out_h <= p.in_h && p.out_w <= p.in_w && p.pad_top <= (p.kernel_h - 1) * p.dilation_h;
}

static bool is_depthwise_over(const Node *n, DType type) {
  return is_depthwise(n, type) && keeps_image(n);
}

static bool is_any_depthwise_over(const Node *n, DType type) {
  return is_any_depthwise(n, type) && keeps_image(n);
}

static bool is_no_depthwise(const Node *n) {
  if (!has_plane(n)) return false;
  Plane p = plane_of(n);
  return p.group == 1 || p.group < p.in_c || p.group < p.out_c;
}

static bool is_conv(const Node *n, DType type) {
  return is_no_depthwise(n) && fits_blocks(n, type);
}

/* Output rows must not reach image rows that are not in the ring yet. */
static bool lags_behind(const Node *n) {
  Plane p = plane_of(n);
  int64_t reach = (p.kernel_h - 1) * p.dilation_h + 1;
  return p.out_w * p.out_c <= p.in_w * p.in_c * p.stride_h && p.pad_top <= reach - p.stride_h &&
         p.out_h * p.out_w * p.out_c <= p.in_h * p.in_w * p.in_c;
}

static bool is_conv_over(const Node *n, DType type) { return is_conv(n, type) && lags_behind(n); }

static bool is_row(const Node *n) { return n_elements(n->out[0]) == n->in[1]->dim[0]; }

static bool is_one_row(const Node *n, DType type) { return is_row(n) && fits_blocks(n, type); }

bool is_pointwise_raised_dsp(const Node *n) { return fits_raised(n) && is_1x1(n); }
bool is_conv_raised_dsp(const Node *n) { return is_no_depthwise(n) && fits_raised(n); }
bool is_conv_over_raised_dsp(const Node *n) { return is_conv_raised_dsp(n) && lags_behind(n); }
bool is_one_row_raised_dsp(const Node *n) { return is_row(n) && fits_raised(n); }
bool is_rows_raised_dsp(const Node *n) { return fits_raised(n); }

bool is_pointwise_grouped_dsp(const Node *n) { return has_runs(n) && is_1x1(n); }
bool is_conv_grouped_dsp(const Node *n) {
  return has_runs(n) && has_plane(n) && attr_int(n, "group", 1) == 1;
}
bool is_conv_over_grouped_dsp(const Node *n) { return is_conv_grouped_dsp(n) && lags_behind(n); }
bool is_one_row_grouped_dsp(const Node *n) { return has_runs(n) && is_row(n); }
bool is_rows_grouped_dsp(const Node *n) { return has_runs(n); }

bool is_pointwise_dsp_s8(const Node *n) { return is_pointwise(n, DT_I8); }
bool is_depthwise_dsp_s8(const Node *n) { return is_depthwise(n, DT_I8); }
bool is_depthwise_over_dsp_s8(const Node *n) { return is_depthwise_over(n, DT_I8); }
bool is_any_depthwise_dsp_s8(const Node *n) { return is_any_depthwise(n, DT_I8); }
bool is_any_depthwise_dsp_s4(const Node *n) { return is_any_depthwise(n, DT_I4); }
bool is_any_depthwise_dsp_s2(const Node *n) { return is_any_depthwise(n, DT_I2); }
bool is_any_depthwise_over_dsp_s8(const Node *n) { return is_any_depthwise_over(n, DT_I8); }
bool is_any_depthwise_over_dsp_s4(const Node *n) { return is_any_depthwise_over(n, DT_I4); }
bool is_any_depthwise_over_dsp_s2(const Node *n) { return is_any_depthwise_over(n, DT_I2); }
bool is_conv_dsp_s8(const Node *n) { return is_conv(n, DT_I8); }
bool is_conv_over_dsp_s8(const Node *n) { return is_conv_over(n, DT_I8); }
bool is_one_row_dsp_s8(const Node *n) { return is_one_row(n, DT_I8); }
bool is_rows_dsp_s8(const Node *n) { return fits_blocks(n, DT_I8); }
bool is_pointwise_dsp_s4(const Node *n) { return is_pointwise(n, DT_I4); }
bool is_pointwise_dsp_s2(const Node *n) { return is_pointwise(n, DT_I2); }
bool is_depthwise_dsp_s4(const Node *n) { return is_depthwise(n, DT_I4); }
bool is_depthwise_dsp_s2(const Node *n) { return is_depthwise(n, DT_I2); }
bool is_depthwise_over_dsp_s4(const Node *n) { return is_depthwise_over(n, DT_I4); }
bool is_depthwise_over_dsp_s2(const Node *n) { return is_depthwise_over(n, DT_I2); }
bool is_conv_dsp_s4(const Node *n) { return is_conv(n, DT_I4); }
bool is_conv_dsp_s2(const Node *n) { return is_conv(n, DT_I2); }
bool is_conv_over_dsp_s4(const Node *n) { return is_conv_over(n, DT_I4); }
bool is_conv_over_dsp_s2(const Node *n) { return is_conv_over(n, DT_I2); }
bool is_one_row_dsp_s4(const Node *n) { return is_one_row(n, DT_I4); }
bool is_one_row_dsp_s2(const Node *n) { return is_one_row(n, DT_I2); }
bool is_rows_dsp_s4(const Node *n) { return fits_blocks(n, DT_I4); }
bool is_rows_dsp_s2(const Node *n) { return fits_blocks(n, DT_I2); }

/* ---- working memory, in bytes --------------------------------------------------------------- */

static int64_t steps_of(const Node *n) { return (n_elements(n->in[1]) / n->in[1]->dim[0] + 3) / 4; }

/* A pair of pixels, widened. */
int64_t pointwise_scratch_dsp(const Node *n) { return 16 * steps_of(n); }

int64_t gemm_scratch_dsp(const Node *n) { return 8 * steps_of(n); }

/* Pairs of columns of all groups, and one group's window in codes. */
int64_t conv_scratch_dsp(const Node *n) { return (16 * attr_int(n, "group", 1) + 4) * steps_of(n); }

int64_t ring_scratch_dsp(const Node *n) {
  Plane p = plane_of(n);
  int64_t rows = (p.kernel_h - 1) * p.dilation_h + 1;
  return conv_scratch_dsp(n) + (rows < p.in_h ? rows : p.in_h) * ((p.in_w * p.in_c + 3) / 4 * 4);
}

/* And per run of weights a word for each pixel. */
static int64_t runs_scratch(const Node *n) { return 4 * n->in[4]->dim[1]; }

int64_t pointwise_grouped_scratch_dsp(const Node *n) {
  return 2 * runs_scratch(n) + pointwise_scratch_dsp(n);
}
int64_t conv_grouped_scratch_dsp(const Node *n) {
  return 2 * runs_scratch(n) + conv_scratch_dsp(n);
}
int64_t ring_grouped_scratch_dsp(const Node *n) {
  return 2 * runs_scratch(n) + ring_scratch_dsp(n);
}
int64_t gemm_grouped_scratch_dsp(const Node *n) { return runs_scratch(n) + gemm_scratch_dsp(n); }

/* Two pairs of rows of four channels, and two sums per output column. */
int64_t depthwise_scratch_dsp(const Node *n) {
  Plane p = plane_of(n);
  int64_t reach = (p.out_w - 1) * p.stride_w + 3, wide = p.pad_left + p.in_w;
  return 32 * (reach > wide ? reach : wide) + 8 * p.out_w;
}

static bool is_pool(const Node *n, DType t) {
  const Tensor *x = n->in[0];
  return x->dtype == t && has_plane(n) && n->n_out == 1 && x->dim[x->rank - 1] >= 4;
}

static bool is_within(const Node *n, const char *exponent, int least, int most) {
  int64_t e = attr_int(n, exponent, 0);
  return e >= least && e <= most;
}

/* Right shifts only, by so little that what they round by fits beside the numbers. */
bool is_tadd_dsp(const Node *n) {
  return is_within(n, "a_exponent", -24, 0) && is_within(n, "b_exponent", -24, 0) && is_within(n, "exponent", -22, 0);
}

bool is_same_tadd_dsp(const Node *n) {
  return is_tadd_dsp(n) && same_shape(n->in[0], n->in[1]) && same_shape(n->in[0], n->out[0]);
}

bool is_pool_dsp_s8(const Node *n) { return is_pool(n, DT_I8); }
bool is_pool_dsp_u8(const Node *n) { return is_pool(n, DT_U8); }

/* A pointer and four words per pair of taps, a row, and the ring of planes. */
int64_t any_depthwise_scratch_dsp(const Node *n) {
  Plane p = plane_of(n);
  int64_t pairs = (p.kernel_w + 1) / 2, slots = (p.kernel_h - 1) * p.dilation_h + 1;
  int64_t phase = (p.out_w + 3) / 4 * 4 + 2 * (pairs - 1) * p.dilation_w / p.stride_w;
  int64_t channel = p.stride_w * phase;
  return 4 * (5 * p.kernel_h * pairs + channel + p.dilation_w + (slots + 1) * 4 * channel);
}

/* Four columns in 16 bits. */
int64_t matmul_scratch_dsp(const Node *n) {
  return 8 * ((n->in[0]->dim[n->in[0]->rank - 1] + 3) / 4 * 4);
}
