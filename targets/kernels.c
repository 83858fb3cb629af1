/* kernels.c - which kernel computes a node: the rows of kernels.def and the conditions they
 * name. */
#include "targets/kernels.h"
#include "targets/kernels_dsp.h"
#include "targets/kernels_mve.h"
#include "targets/kernels_x86.h"
#include "targets/kernels_vector.h"
#include "targets/kernels_rows.h"

#include <stdlib.h>
#include <string.h>

/* Weights of an output channel. */
static int64_t row_of(const Node *n) { return n_elements(n->in[1]) / n->in[1]->dim[0]; }

/* ---- conditions ------------------------------------------------------------------------------ */

static DType in_type(const Node *n, int i) {
  return i < n->n_in && n->in[i] ? n->in[i]->dtype : DT_NONE;
}

static bool is_f32(const Node *n) { return in_type(n, 0) == DT_F32; }
static bool is_f16(const Node *n) { return in_type(n, 0) == DT_F16; }
static bool is_both_f32(const Node *n) { return is_f32(n) && in_type(n, 1) == DT_F32; }
static bool is_both_f64(const Node *n) { return in_type(n, 0) == DT_F64 && in_type(n, 1) == DT_F64; }
static bool is_both_f16(const Node *n) { return is_f16(n) && in_type(n, 1) == DT_F16; }

static bool has_groups(const Node *n) { return n->n_in > 4 && n->in[4]; }

static bool has_s8_weights(const Node *n) { return in_type(n, 1) == DT_I8; }

static bool has_s4_weights(const Node *n) { return in_type(n, 1) == DT_I4; }

static bool has_s2_weights(const Node *n) { return in_type(n, 1) == DT_I2; }

static bool is_narrow(const Node *n) { return has_s4_weights(n) || has_s2_weights(n); }

/* The levels of a format or of a tensor's only codebook; none where there are more than a table holds. */
static int list_levels(const QuantSpec *q, const int8_t **levels) {
  bool book = q->n_book == 1 && !has_sums(q->format);
  int count = book ? q->format->book_size : q->format->n_levels;
  *levels = book ? q->book : q->format->levels;
  return count <= N_LEVELS ? count : 0;
}

bool level_table(const QuantSpec *q, int8_t *table) {
  const int8_t *levels;
  int count = list_levels(q, &levels), zero = 0;
  while (zero < count && levels[zero] != 0) zero++;
  bool has_zero = zero < N_LEVELS;
  memset(table, 0, N_LEVELS);
  for (int i = 0; i < count; i++) table[has_zero ? i ^ zero : i] = levels[i];
  return has_zero;
}

/* Indices are stored in four bits; where weights are to be `compact`, so are those of the format.  Depths are
 * filled up with 0s: where that is no level, channels must not need it. */
static int largest_level(const Node *n) {
  const Tensor *w = n->in[1];
  const int8_t *levels;
  int8_t table[N_LEVELS];
  int count = w->quant ? list_levels(w->quant, &levels) : 0, most = 0;
  if (count == 0 || (attr_int(n, "compact", 0) && w->quant->format->bits < 4)) return 0;
  if (!level_table(w->quant, table) && w->dim[w->rank - 1] % 16 != 0) return 0;
  for (int i = 0; i < count; i++) most = abs(levels[i]) > most ? abs(levels[i]) : most;
  return most;
}

bool is_kind(const Node *n, WeightKind kind) {
  static const DType types[] = {DT_I8, DT_I4, DT_I2, DT_I8, DT_I8};
  const Tensor *w = n->in[1];
  if (w->dtype != types[kind]) return false;
  if (kind < KIND_L8) return true;
  int most = largest_level(n);
  if (most == 0 || most > 127) return false;
  return (kind == KIND_L5) == (most <= 16 && !w->quant->book); /* what a book has, no packing knows */
}

/* Are the codes bytes of which a few values only are used? */
static bool is_levels(const Node *n) {
  return n->in[1]->quant && has_spare_bits(n->in[1]->quant->format);
}

/* Are the codes floats of 8 bits? */
static bool is_minifloat(const Node *n) {
  return n->in[1]->quant && has_floats(n->in[1]->quant->format);
}

/* Do neighbours in a row share a code?  Kernels that want another order than the rows' have no use for it. */
static bool has_vectors(const Node *n) {
  return n->in[1]->quant && n->in[1]->quant->format->vector > 1;
}

/* Weights that the policy wants packed as their format has it, where their type has another way. */
static bool is_compact(const Node *n) {
  const QuantSpec *q = n->in[1]->quant;
  return q && q->format->packing && q->format->packing != format_of(n->in[1]->dtype)->packing &&
         attr_int(n, "compact", 0);
}

/* Weights of which only those are stored that are not 0. */
static bool is_sparse(const Node *n) {
  return attr_int(n, "sparse", 0) && !has_groups(n) && (has_s8_weights(n) || has_s4_weights(n));
}

static bool is_compact_groups(const Node *n) { return is_compact(n) && has_groups(n); }
static bool is_levels_groups(const Node *n) { return is_levels(n) && has_groups(n); }

/* Do weights lie beside the codes? */
static bool has_outliers(const Node *n) { return outlier_input(n) > 0; }

/* A matrix product of several rows, for which it pays to unpack the weights first. */
static bool has_groups_rows(const Node *n) {
  return has_groups(n) && n_elements(n->out[0]) > n->in[1]->dim[0];
}

static bool has_outliers_rows(const Node *n) { return has_outliers(n) && has_groups_rows(n); }
static bool is_compact_groups_rows(const Node *n) { return is_compact(n) && has_groups_rows(n); }
static bool is_levels_groups_rows(const Node *n) { return is_levels(n) && has_groups_rows(n); }

/* A row of x that has one scale, found at run time. */
static bool is_row(const Node *n) {
  return n_elements(n->out[0]) == n->in[1]->dim[0] && n_elements(n->in[5]) == 1;
}
/* Some columns are left out. */
static bool is_but(const Node *n) { return n->n_in > 1 && n->in[1]; }
static bool has_scaled_table(const Node *n) { return n_elements(n->in[1]) == 512; }
static bool has_zero_point(const Node *n) { return n->n_out > 2 && n->out[2]; }
static bool has_zero_input(const Node *n) { return n->n_in > 2 && n->in[2]; }
static bool is_compact_row(const Node *n) { return is_compact(n) && is_row(n); }
static bool is_levels_row(const Node *n) { return is_levels(n) && is_row(n); }

static bool is_2d_nhwc(const Node *n) {
  return n->in[0]->layout == LAYOUT_NHWC && (n->in[0]->rank == 3 || n->in[0]->rank == 4);
}

static bool is_pointwise(const Node *n) {
  if (!is_2d_nhwc(n)) return false;
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  for (int i = 0; i < w.spatial; i++)
    if (w.kernel[i] != 1 || w.stride[i] != 1 || w.pad[i] || w.pad_end[i]) return false;
  return w.group == 1;
}

static bool is_depthwise(const Node *n) {
  if (!is_2d_nhwc(n)) return false;
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  return w.group == w.channels && w.out_channels == w.channels && w.group > 1;
}

static bool is_pointwise_s8(const Node *n) { return has_s8_weights(n) && is_pointwise(n); }
static bool is_pointwise_groups(const Node *n) { return has_groups(n) && is_pointwise(n); }
static bool is_pointwise_narrow(const Node *n) { return is_narrow(n) && is_pointwise(n); }
static bool is_pointwise_compact(const Node *n) { return is_compact(n) && is_pointwise(n); }
static bool is_pointwise_sparse(const Node *n) { return is_sparse(n) && is_pointwise(n); }
static bool is_pointwise_levels(const Node *n) { return is_levels(n) && is_pointwise(n); }
static bool is_pointwise_outliers(const Node *n) { return has_outliers(n) && is_pointwise(n); }
static bool is_pointwise_compact_groups(const Node *n) {
  return is_compact(n) && is_pointwise_groups(n);
}
static bool is_pointwise_levels_groups(const Node *n) {
  return is_levels(n) && is_pointwise_groups(n);
}
/* Real numbers x and w of these types, a bias of float32. */
static bool is_real(const Node *n, DType x, DType w) {
  bool bias = n->n_in > 2 && n->in[2];
  return in_type(n, 0) == x && in_type(n, 1) == w && (!bias || in_type(n, 2) == DT_F32);
}

static bool is_real_pointwise(const Node *n, DType x, DType w) {
  return is_real(n, x, w) && is_const(n->in[1]) && is_pointwise(n);
}
static bool is_pointwise_f32(const Node *n) { return is_real_pointwise(n, DT_F32, DT_F32); }
static bool is_pointwise_f16(const Node *n) { return is_real_pointwise(n, DT_F16, DT_F16); }
static bool is_pointwise_w16(const Node *n) { return is_real_pointwise(n, DT_F32, DT_F16); }
static bool is_pointwise_wb16(const Node *n) { return is_real_pointwise(n, DT_F32, DT_BF16); }
static bool is_depthwise_s8(const Node *n) { return has_s8_weights(n) && is_depthwise(n); }
static bool is_depthwise_narrow(const Node *n) { return is_narrow(n) && is_depthwise(n); }
/* Taps of all channels lie together: no vectors along a channel, one codebook at most. */
static bool is_depthwise_by_taps(const Node *n) {
  return is_depthwise(n) && !has_vectors(n) && n->in[1]->quant->n_book < 2;
}
static bool is_depthwise_compact(const Node *n) { return is_compact(n) && is_depthwise_by_taps(n); }
static bool is_depthwise_levels(const Node *n) { return is_levels(n) && is_depthwise_by_taps(n); }
static bool is_real_depthwise(const Node *n, DType x, DType w) {
  return is_real(n, x, w) && is_const(n->in[1]) && is_depthwise(n);
}
static bool is_depthwise_f32(const Node *n) { return is_real_depthwise(n, DT_F32, DT_F32); }
static bool is_depthwise_f16(const Node *n) { return is_real_depthwise(n, DT_F16, DT_F16); }
static bool is_depthwise_w16(const Node *n) { return is_real_depthwise(n, DT_F32, DT_F16); }
static bool is_depthwise_wb16(const Node *n) { return is_real_depthwise(n, DT_F32, DT_BF16); }
static bool is_conv_s8(const Node *n) { return has_s8_weights(n) && is_2d_nhwc(n); }
/* int16 activations whose sums fit 32 bits. */
static bool is_narrow_s16(const Node *n) { return has_s8_weights(n) && !attr_int(n, "wide", 0); }
static bool is_pointwise_s16(const Node *n) { return is_narrow_s16(n) && is_pointwise(n); }
static bool is_depthwise_s16(const Node *n) { return is_narrow_s16(n) && is_depthwise(n); }
static bool is_conv_s16(const Node *n) { return is_narrow_s16(n) && is_2d_nhwc(n); }
/* Tiles of pixels by channels: an ungrouped convolution, and a product of whole words. */
static bool is_tiles_s16(const Node *n) {
  return is_conv_s16(n) && is_const(n->in[1]) && attr_int(n, "group", 1) == 1;
}
static bool is_words_s16(const Node *n) {
  return is_narrow_s16(n) && is_const(n->in[1]) && row_of(n) % 4 == 0;
}
static bool is_pointwise_words_s16(const Node *n) { return is_words_s16(n) && is_pointwise(n); }
/* The windows of two pixels, to whole words. */
static int64_t tiles_scratch_s16(const Node *n) { return 2 * 2 * ((row_of(n) + 3) & ~(int64_t)3); }
/* Of four pixels, to whole pairs. */
static int64_t pairs_scratch_s16(const Node *n) { return 4 * 2 * ((row_of(n) + 1) & ~(int64_t)1); }
static bool is_to_s16(const Node *n) { return n->out[0]->dtype == DT_I16; }
static bool is_conv_narrow(const Node *n) { return is_narrow(n) && is_2d_nhwc(n); }
static bool is_conv_compact(const Node *n) { return is_compact(n) && is_2d_nhwc(n); }
static bool is_conv_minifloat(const Node *n) { return is_minifloat(n) && is_2d_nhwc(n); }
static bool is_conv_sparse(const Node *n) { return is_sparse(n) && is_2d_nhwc(n); }
static bool is_conv_levels(const Node *n) { return is_levels(n) && is_2d_nhwc(n); }
static bool is_conv_f32(const Node *n) { return is_real(n, DT_F32, DT_F32) && is_2d_nhwc(n); }
static bool is_conv_f16(const Node *n) { return is_real(n, DT_F16, DT_F16) && is_2d_nhwc(n); }
static bool is_conv_w16(const Node *n) { return is_real(n, DT_F32, DT_F16) && is_2d_nhwc(n); }
static bool is_conv_wb16(const Node *n) { return is_real(n, DT_F32, DT_BF16) && is_2d_nhwc(n); }

static bool is_same_shape(const Node *n) {
  return same_shape(n->in[0], n->in[1]) && same_shape(n->in[0], n->out[0]);
}

static bool is_same_by_float(const Node *n) { return has_float_rule(n) && is_same_shape(n); }

/* Factors of 16 bits: those of an imported network may have more. */
static bool has_short_factors(const Node *n) {
  int64_t a = attr_int(n, "a_mul", 0), b = attr_int(n, "b_mul", 0);
  return a <= INT16_MAX && b <= INT16_MAX && a >= INT16_MIN && b >= INT16_MIN;
}
static bool is_same_short(const Node *n) { return is_same_shape(n) && has_short_factors(n); }

static bool is_table(const Node *n, DType t, int rank) {
  return in_type(n, 0) == t && in_type(n, 1) != DT_I16 && n->in[1]->rank == rank;
}
static bool is_lookup_s16(const Node *n) { return in_type(n, 1) == DT_I16; }
static bool is_lookup_s8(const Node *n) { return is_table(n, DT_I8, 1); }
static bool is_lookup_u8(const Node *n) { return is_table(n, DT_U8, 1); }
static bool is_channels_s8(const Node *n) { return is_table(n, DT_I8, 2); }
static bool is_channels_u8(const Node *n) { return is_table(n, DT_U8, 2); }

/* The table that only moves the zero point from uint8 to int8. */
static bool is_flip_sign(const Node *n) {
  const int8_t *table = n->in[1]->data;
  if (!is_lookup_u8(n) || !table) return false;
  for (int i = 0; i < 256; i++)
    if (table[i] != i - 128) return false;
  return true;
}

static bool is_pool_s8(const Node *n) {
  return in_type(n, 0) == DT_I8 && is_2d_nhwc(n) && n->n_out == 1;
}
static bool is_pool_u8(const Node *n) {
  return in_type(n, 0) == DT_U8 && is_2d_nhwc(n) && n->n_out == 1;
}
static bool is_pool_s16(const Node *n) {
  return in_type(n, 0) == DT_I16 && is_2d_nhwc(n) && n->n_out == 1;
}
static bool is_pool_f32(const Node *n) { return is_f32(n) && is_2d_nhwc(n) && n->n_out == 1; }
static bool is_pool_f16(const Node *n) { return is_f16(n) && is_2d_nhwc(n) && n->n_out == 1; }
/* Of any number of dimensions, and layout. */
static bool is_conv3_f32(const Node *n) { return is_real(n, DT_F32, DT_F32); }
static bool is_conv3_f16(const Node *n) { return is_real(n, DT_F16, DT_F16); }
static bool is_s8(const Node *n) { return in_type(n, 0) == DT_I8; }
static bool is_u8(const Node *n) { return in_type(n, 0) == DT_U8; }
static bool is_f32_nhwc(const Node *n) { return is_f32(n) && n->in[0]->layout == LAYOUT_NHWC; }

static bool one_scale(const Tensor *t, DType type) {
  return t->dtype == type && t->quant && t->quant->n == 1;
}
static bool is_quantize_s8(const Node *n) { return one_scale(n->out[0], DT_I8); }
static bool is_quantize_u8(const Node *n) { return one_scale(n->out[0], DT_U8); }
static bool is_quantize_s16(const Node *n) { return one_scale(n->out[0], DT_I16); }
static bool is_fp8(const Tensor *t) { return t->quant && has_floats(t->quant->format); }
static bool is_to_fp8(const Node *n) { return is_fp8(n->out[0]); }
static bool is_from_fp8(const Node *n) { return is_fp8(n->in[0]) && n->out[0]->dtype == DT_F32; }
static bool is_rows_fp8(const Node *n) { return has_floats(find_format(attr_str(n, "format", "int8"))); }
static bool is_but_fp8(const Node *n) { return is_but(n) && is_rows_fp8(n); }
static bool is_dequantize_f16(const Node *n, DType t) {
  return one_scale(n->in[0], t) && n->out[0]->dtype == DT_F16;
}
static bool is_dequantize_s16_f16(const Node *n) { return is_dequantize_f16(n, DT_I16); }
static bool is_dequantize_s8_f16(const Node *n) { return is_dequantize_f16(n, DT_I8); }
static bool is_dequantize_u8_f16(const Node *n) { return is_dequantize_f16(n, DT_U8); }
static bool is_dequantize_s16(const Node *n) { return one_scale(n->in[0], DT_I16); }
static bool is_dequantize_s8(const Node *n) { return one_scale(n->in[0], DT_I8); }
static bool is_dequantize_u8(const Node *n) { return one_scale(n->in[0], DT_U8); }
static bool is_cast_s8(const Node *n) {
  return in_type(n, 0) == DT_I8 && n->out[0]->dtype == DT_F32;
}
static bool is_narrow_f16(const Node *n) { return is_f32(n) && n->out[0]->dtype == DT_F16; }
static bool is_widen_f16(const Node *n) { return is_f16(n) && n->out[0]->dtype == DT_F32; }
static bool is_cast_u8(const Node *n) {
  return in_type(n, 0) == DT_U8 && n->out[0]->dtype == DT_F32;
}

/* Rows of weights and a flat bias; only the product's right side may be an activation. */
static bool is_gemm(const Node *n) {
  const Tensor *c = n->n_in > 2 ? n->in[2] : NULL;
  return attr_int(n, "transB", 0) && !attr_int(n, "transA", 0) &&
         attr_float(n, "alpha", 1) == 1 && attr_float(n, "beta", 1) == 1 &&
         (!c || (c->rank == 1 && c->dim[0] == n->out[0]->dim[1]));
}
bool is_gemm_f32(const Node *n) { return is_real(n, DT_F32, DT_F32) && is_gemm(n); }
bool is_gemm_f16(const Node *n) { return is_real(n, DT_F16, DT_F16) && is_gemm(n); }
static bool is_gemm_w16(const Node *n) { return is_real(n, DT_F32, DT_F16) && is_gemm(n); }
static bool is_gemm_wb16(const Node *n) { return is_real(n, DT_F32, DT_BF16) && is_gemm(n); }

static bool is_binary_f32(const Node *n) {
  return n->n_in == 2 && is_f32(n) && in_type(n, 1) == DT_F32;
}
static bool is_same_f32(const Node *n) { return is_binary_f32(n) && is_same_shape(n); }

static bool is_same_f16(const Node *n) { return is_both_f16(n) && is_same_shape(n); }
static bool is_clamped_f16(const Node *n) {
  const char *activation = attr_str(n, "activation", "Clip");
  return is_same_f16(n) && strcmp(activation, "Clip") == 0;
}

static bool is_last_axis(const Node *n) {
  int64_t axis = attr_int(n, "axis", -1);
  return n->n_out == 1 && (axis == -1 || axis == n->in[0]->rank - 1);
}

static bool is_float_norm(const Node *n) { return is_f32(n) && in_type(n, 1) == DT_F32; }
static bool is_plain_norm(const Node *n) { return is_float_norm(n) && n->n_out == 1; }
/* Scale and shift are float32. */
static bool is_f16_norm(const Node *n) { return is_real(n, DT_F16, DT_F32); }
static bool is_last_axis_f16(const Node *n) { return is_f16_norm(n) && is_last_axis(n); }
static bool is_nhwc_f16(const Node *n) { return is_f16_norm(n) && n->in[0]->layout == LAYOUT_NHWC; }

static bool is_mode(const Node *n, const char *mode) {
  return strcmp(attr_str(n, "mode", "nearest"), mode) == 0;
}

/* Only height and width change, and the roi is not read. */
static bool is_2d_resize(const Node *n) {
  const Tensor *x = n->in[0], *y = n->out[0];
  return x->layout == LAYOUT_NHWC && x->rank == 4 && x->dim[0] == y->dim[0] &&
         x->dim[3] == y->dim[3] &&
         strcmp(attr_str(n, "coordinate_transformation_mode", "half_pixel"),
                "tf_crop_and_resize") != 0;
}
static bool is_nearest_nhwc(const Node *n) { return is_2d_resize(n) && is_mode(n, "nearest"); }
static bool is_linear(const Node *n) {
  return is_2d_resize(n) && is_mode(n, "linear") && !attr_int(n, "antialias", 0);
}
static bool is_linear_nhwc(const Node *n) { return is_f32(n) && is_linear(n); }
static bool is_linear_f16(const Node *n) { return is_f16(n) && is_linear(n); }

/* One dimension after the other, whatever they are. */
static bool is_resize_by_lines(const Node *n, int most) {
  ResizeLine l[MAX_RANK];
  int count = resize_lines(n, NULL, l);
  return count >= 0 && count <= most;
}
static bool is_resize_f32(const Node *n) { return is_f32(n) && is_resize_by_lines(n, MAX_RANK); }
static bool is_resize_f16(const Node *n) { return is_f16(n) && is_resize_by_lines(n, 1); } /* rounded once */
static bool is_resize_any(const Node *n) { return is_mode(n, "nearest") && is_resize_by_lines(n, MAX_RANK); }

/* The rows of loops.def by what their operands are. */
static bool has_loop(const Node *n, Numbers numbers) {
  const Loop *loop = find_loop(n);
  return loop && loop->numbers == numbers;
}
static bool has_ANY_loop(const Node *n) { return has_loop(n, NUMBERS_ANY); }
static bool has_SIGNED_loop(const Node *n) { return has_loop(n, NUMBERS_SIGNED); }
static bool has_UNSIGNED_loop(const Node *n) { return has_loop(n, NUMBERS_UNSIGNED); }
static bool has_BOOLS_loop(const Node *n) { return has_loop(n, NUMBERS_BOOLS); }
static bool has_REALS_loop(const Node *n) { return has_loop(n, NUMBERS_REALS); }
/* Bounds that are known; those that are computed are for loops. */
static bool has_known_bounds(const Node *n) {
  for (int i = 1; i < n->n_in; i++)
    if (n->in[i] && !is_const(n->in[i])) return false;
  return true;
}
static bool is_clip_f32(const Node *n) { return is_f32(n) && has_known_bounds(n); }
static bool is_clip_f16(const Node *n) { return is_f16(n) && has_known_bounds(n); }
static bool is_elements(const Node *n) { return has_elements(in_type(n, 0)) && !n->in[0]->quant; }

static bool is_rank_4(const Node *n) { return n->in[0]->rank <= 4; }
static bool is_rank_6(const Node *n) { return n->out[0]->rank <= 6; }
static bool is_gather_i64(const Node *n) { return in_type(n, 1) == DT_I64; }
static bool is_gather_i32(const Node *n) { return in_type(n, 1) == DT_I32; }
static bool is_wide_real(const Node *n) { return is_f32(n) || in_type(n, 0) == DT_F64; }
/* A Where that takes one of two tensors whole. */
static bool is_choice(const Node *n) {
  return n_elements(n->in[0]) == 1 && same_shape(n->in[1], n->out[0]) && same_shape(n->in[2], n->out[0]);
}
static bool has_room(const Node *n) { return attr_int(n, "capacity", 0) && n->n_out == 2 && n->out[1]; }
static bool has_places(const Node *n) { return is_elements(n) && has_room(n); }
static bool is_scatter(const Node *n) { return !scatter_step(n); }
static bool is_scatter_reduce(const Node *n) {
  return is_elements(n) && scatter_step(n) && find_loop_of(scatter_step(n), numbers_of(n));
}
static bool is_onehot(const Node *n) {
  return is_elements(n) && has_elements(n->out[0]->dtype);
}
static bool is_scan(const Node *n) {
  return is_elements(n) && is_const(n->in[1]) && find_loop_of(scan_step(n), numbers_of(n));
}

/* One decoded output channel of the weights, in floats. */
static int64_t row_scratch(const Node *n) { return row_of(n) * 4; }

/* Unpacked output channels of the weights, a byte each: two of conv1x1_packed.h, four of
 * conv_packed.h, a block of depthwise_packed.h. */
static int64_t rows_scratch(const Node *n, int64_t rows) {
  int64_t channels = n->in[1]->dim[0];
  return row_of(n) * (channels < rows ? channels : rows);
}
/* An output channel of the weights in 16 bits, folded.h. */
static int64_t folded_scratch(const Node *n) { return row_of(n) * 2; }
/* An output channel of dynamic.h. */
static int64_t dynamic_scratch(const Node *n) {
  const QuantSpec *q = n->in[1]->quant;
  bool bytes = n->in[1]->dtype == DT_I8 && !(q && has_spare_bits(q->format));
  for (int64_t i = 0; q && q->group == 0 && i < q->n; i++)
    if (q->zero[i]) return folded_scratch(n);
  return has_groups(n) ? folded_scratch(n) : bytes ? 0 : row_of(n);
}
/* Of fp8.h. */
static int64_t fp8_scratch(const Node *n) { return row_of(n) * 4; }
static int64_t two_rows_scratch(const Node *n) { return rows_scratch(n, 2); }
static int64_t four_rows_scratch(const Node *n) { return rows_scratch(n, 4); }
static int64_t block_scratch(const Node *n) { return rows_scratch(n, 32); }

/* Float32 sums of the last dimension of the output, of a softmax, of all outputs. */
static int64_t sums_scratch(const Node *n) { return 4 * n->out[0]->dim[n->out[0]->rank - 1]; }
/* What LoopEnd keeps while it writes over the states that it comes from. */
static int64_t states_scratch(const Node *n) {
  LoopShape l = loop_shape(n);
  int64_t bytes = 0;
  for (int i = 0; i < l.states; i++)
    if (takes_other_state(n, i)) bytes += stored_bytes(n->in[l.next + i]);
  return bytes;
}
static int64_t box_scratch(const Node *n) { return n->in[0]->dim[1]; }
/* A matrix of float64. */
static int64_t square_scratch(const Node *n) {
  int64_t size = n->in[0]->dim[n->in[0]->rank - 1];
  return 8 * size * size;
}
static int64_t output_scratch(const Node *n) { return 4 * n_elements(n->out[0]); }
static int64_t softmax_scratch(const Node *n) {
  const Tensor *x = n->in[0];
  int axis = axis_of(n, x, -1);
  int64_t count = x->dim[axis];
  for (int d = axis + 1; attr_int(n, "flat", 0) && d < x->rank; d++) count *= x->dim[d];
  return 4 * count;
}

/* State, cell, a state in between and the sums of the gates. */
static int64_t recurrent_scratch(const Node *n) {
  Recurrent r;
  get_recurrent(n, &r);
  return 4 * (3 + r.gates) * r.hidden;
}

/* The gates of one step, int16. */
static int64_t tlstm_scratch(const Node *n) { return 8 * n->in[2]->dim[1]; }

/* What is between the dimensions of a Resize: every second result at the beginning, the others behind. */
static int64_t resize_scratch(const Node *n) {
  ResizeLine l[MAX_RANK];
  int64_t most[2] = {0, 0};
  int count = resize_lines(n, NULL, l);
  for (int i = 0; i < count - 1; i++) {
    int64_t bytes = l[i].outer * l[i].out * l[i].inner * dtype_bytes(n->in[0]->dtype);
    if (bytes > most[i % 2]) most[i % 2] = bytes;
  }
  return ((most[0] + 15) & ~(int64_t)15) + most[1];
}

/* ---- the table ------------------------------------------------------------------------------- */

static const Kernel table[] = {
#define KERNEL(op, name, header, isa, match, packing, scratch, in_place, call) \
  KERNEL_INPLACE(op, name, header, isa, match, packing, scratch, in_place, 0, call)
#define KERNEL_INPLACE(op, name, header, isa, match, packing, scratch, in_place, grow, call) \
  {#op, #name, header, isa, match, (packing) & (PACK_INDICES - 1), ((packing) & PACK_INDICES) > 0, \
   scratch, in_place, grow, #call},
#include "targets/kernels.def"
#undef KERNEL
#undef KERNEL_INPLACE
};

/* The first rows: of integer operators with int16 activations. */
enum {
  N_S16 = 0
#define KERNEL(...) +1
#include "targets/kernels_s16.def"
#undef KERNEL
};

bool sums_in_half(const Node *n) {
  const Kernel *k = n->kernel;
  return k && k->isa && strcmp(k->isa, "mve_f") == 0 && in_type(n, 0) == DT_F16 &&
         (is_op(n, "Conv") || is_op(n, "Gemm"));
}

int n_kernels(void) { return (int)(sizeof table / sizeof *table); }

const Kernel *kernel_at(int i) { return &table[i]; }

/* "FEATURE", or "FEATURE+fast": also not where code is to be small. */
static bool has_isa(const Target *t, const char *isa) {
  size_t len = strcspn(isa, "+");
  for (int i = 0; i < t->n_isa; i++)
    if (strncmp(t->isa[i], isa, len) == 0 && !t->isa[i][len]) return !isa[len] || !t->is_small;
  return false;
}

/* Do kernels follow the node's rule?  All in plain C know all; those of an instruction set rule q31, and some of
 * them tflite, by two products. */
static bool knows_rule(const Kernel *k, const Node *n) {
  if (k->isa && has_float_rule(n)) return false;
  if (!k->isa || !follows_tflite(n)) return true;
  static const char *const isas[] = {"mve", "neon", "dotprod", "i8mm"};
  int bits = strncmp(k->isa, "dsp", 3) == 0 ? 32 : 0;
  for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
    if (strncmp(k->isa, isas[i], strlen(isas[i])) == 0) bits = 31;
  return bits > 0 && !k->indices && tflite_products(n, bits, NULL);
}

const Kernel *choose_kernel(const Target *t, const Node *n) {
  bool s16 = (n->op->flags & OP_INTEGER) && in_type(n, 0) == DT_I16;
  for (int i = s16 ? 0 : N_S16; i < (s16 ? N_S16 : n_kernels()); i++) {
    const Kernel *k = &table[i];
    if (strcmp(k->op, n->op->name) == 0 && (!k->isa || has_isa(t, k->isa)) &&
        (!k->match || k->match(n)) && knows_rule(k, n))
      return k;
  }
  return NULL;
}

bool set_kernel(const Graph *g, const Target *t, Node *n) {
  if (is_view(n)) return true;
  n->n_variant = t->n_variant;
  n->variant = arena_alloc(g->arena, (t->n_variant + 1) * (int64_t)sizeof *n->variant);
  for (int v = 0; v < t->n_variant; v++)
    if (!(n->variant[v] = choose_kernel(t->variant[v].target, n))) return false;
  n->kernel = t->n_variant ? n->variant[0] : choose_kernel(t, n);
  return n->kernel != NULL;
}

int n_variants_of(const Node *n) { return n->n_variant ? n->n_variant : 1; }

const Kernel *variant_kernel(const Node *n, int v) {
  return n->n_variant ? n->variant[v] : n->kernel;
}

/* Does a permutation keep the order of the dimensions that are not 1? */
static bool keeps_order(const Node *n) {
  int64_t perm[MAX_RANK], last = -1;
  int rank = attr_ints(n, "perm", perm, MAX_RANK);
  for (int i = 0; i < rank; i++) {
    if (n->in[0]->dim[perm[i]] == 1) continue;
    if (perm[i] < last) return false;
    last = perm[i];
  }
  return rank > 0;
}

static int64_t row_bytes(const Tensor *t, int axis) {
  int64_t bytes = dtype_bytes(t->dtype);
  for (int d = axis + 1; d < t->rank; d++) bytes *= t->dim[d];
  return bytes;
}

/* Is each index of dimension `axis` one run of bytes? */
static bool has_rows(const Tensor *t, int axis) {
  if (n_elements(t) <= 0) return false;
  for (int d = 0; d < axis; d++)
    if (t->dim[d] != 1) return false;
  return true;
}

/* Where the elements that a Slice keeps begin, in bytes; -1 when they are not one run. */
static int64_t slice_offset(const Node *n) {
  const Tensor *x = n->in[0], *y = n->out[0];
  int64_t start[MAX_RANK], step[MAX_RANK], offset = 0;
  if (n_elements(x) <= 0 || !get_slice_range(n, start, step)) return -1;
  int cut = x->rank - 1;     /* the last dimension that is not kept whole */
  while (cut > 0 && y->dim[cut] == x->dim[cut]) cut--;
  if (!has_rows(y, cut)) return -1;
  for (int d = 0; d < x->rank; d++) {
    if (y->dim[d] > 1 && step[d] != 1) return -1;
    offset += start[d] * row_bytes(x, d);
  }
  return offset;
}

static int64_t split_offset(const Node *n, int j) {
  int axis = axis_of(n, n->in[0], 0);
  int64_t offset = 0;
  if (!has_rows(n->in[0], axis)) return -1;
  for (int i = 0; i < n->n_out; i++) {
    if (!n->out[i]) return -1;
    if (i < j) offset += stored_bytes(n->out[i]);
  }
  return offset;
}

bool is_view(const Node *n) {
  if (n->n_in == 0 || !n->in[0] || is_const(n->in[0])) return false;
  if (is_op(n, "Transpose")) return keeps_order(n);
  if (is_op(n, "Slice")) return slice_offset(n) >= 0;
  if (is_op(n, "Split")) return split_offset(n, 0) >= 0;
  return is_op(n, "Reshape") || is_op(n, "Flatten") || is_op(n, "Squeeze") || is_op(n, "Unsqueeze") ||
         is_op(n, "BitCast");
}

int64_t view_offset(const Node *n, int j) {
  return is_op(n, "Slice") ? slice_offset(n) : is_op(n, "Split") ? split_offset(n, j) : 0;
}

bool takes_other_state(const Node *end, int i) {
  LoopShape l = loop_shape(end);
  const Tensor *t = end->in[l.next + i];
  while (t->def && is_view(t->def)) t = t->def->in[0];
  return t->def == loop_begin(end) && t != end->in[2 + i];
}

int64_t part_offset(const Node *n, int i) {
  int axis = axis_of(n, n->out[0], 1);
  int64_t offset = 0;
  if (!is_op(n, "Concat") || !has_rows(n->out[0], axis)) return -1;
  for (int j = 0; j < i; j++) offset += stored_bytes(n->in[j]);
  return offset;
}
