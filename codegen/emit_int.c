/* emit_int.c - calls of the integer kernels. */
#include "codegen/emit.h"
#include "targets/kernels_vector.h"

#include <string.h>

/* Ends the structure of groups that is open with the bits of their multiples, v [rows][n]; the array of these. */
const char *write_plain_multiples(Emitter *e, const uint8_t *v, int64_t rows, int64_t n) {
  int bits = multiple_bits(v, rows * n);
  int64_t bytes = multiple_bytes(v, rows, n), row = bytes / rows;
  int64_t *out = arena_alloc(e->a, (bytes + 1) * (int64_t)sizeof *out);
  if (bits < 8) field(e, "bits", bits);
  close_params(e);
  for (int64_t i = 0; i < rows * n; i++) {
    int64_t at = i % n * bits, byte = i / n * row + at / 8;
    int shifted = v[i] << at % 8;
    out[byte] |= shifted & 255;
    if (shifted > 255) out[byte + 1] |= shifted >> 8;
  }
  return int_array(e, "s", "uint8_t", bytes, out);
}

const char *write_groups(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *multiple = n->in[4];
  bool lines = k->packing >= PACK_DOT && k->packing <= PACK_PAIRS;
  int64_t depth = n_elements(n->in[1]) / n->in[1]->dim[0];
  int64_t size = lines ? lines_group_size(n) : attr_int(n, "group_size", 0);
  open_named(e, "qcc_groups", "q");
  fprintf(e->calls, ".w = {");
  write_packing(e, n, k);
  fprintf(e->calls, "}, ");
  field(e, "size", size);
  int64_t n_groups = (depth + size - 1) / size;
  field(e, "n_groups", n_groups);
  if (k->packing == PACK_OHWI || k->packing == PACK_OWN)
    return write_plain_multiples(e, multiple->data, multiple->dim[0], n_groups);
  close_params(e);
  int64_t count, *v = pack_multiples(e->a, n, size, k, &count);
  return int_array(e, "s", "uint8_t", count, v);
}

const char *write_outliers(Emitter *e, const Node *n) {
  static const char *const field_name[] = {"count", "column", "value"}, *const kind[] = {"en", "ec", "ev"};
  int at = outlier_input(n);
  if (!at) return "";
  const char *array[3];
  for (int i = 0; i < 3; i++) array[i] = constant_array(e, n->in[at + i], kind[i]);
  open_named(e, "qcc_outliers", "s");
  for (int i = 0; i < 3; i++) fprintf(e->calls, ".%s = %s, ", field_name[i], array[i]);
  close_params(e);
  return "&s, ";
}

/* Biases; of int4 weights whose channels share bytes, as runtime/mve/gemm.h begins with them. */
static const char *bias_array(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *b = n->in[2];
  if (k->packing != PACK_MVE_EIGHTS || n->in[1]->dtype != DT_I4 || optional_input(n, 4))
    return constant_array(e, b, "b");
  int64_t channels = n_elements(b), *v = arena_alloc(e->a, (channels + 1) * (int64_t)sizeof *v);
  for (int64_t o = 0; o < channels; o++) {
    v[o] = get_int(b->dtype, b->data, o);
    if (o % 2 == 1 && o < channels / 8 * 8)
      v[o] = (int32_t)(uint32_t)(v[o] + 16 * get_int(b->dtype, b->data, o - 1));
  }
  return int_array(e, "b", "int32_t", channels, v);
}

/* Do the node's kernels follow rule tflite by two products? */
static bool has_products(const Node *n, const Kernel *k) { return k->isa && follows_tflite(n); }

/* Have factors blocks that no group shares? */
static bool has_blocks(const Kernel *k) { return k->packing == PACK_MVE_EIGHTS || k->packing == PACK_MVE_QUADS; }

/* Channels whose first factors lie together, the second ones behind them: of the `channels` of a group, `o` of which
 * come before.  Blocks are whole. */
static int64_t factor_block(const Kernel *k, int64_t channels, int64_t o) {
  if (k->packing == PACK_MVE_EIGHTS) return o < channels / 8 * 8 ? 8 : 4;
  return k->packing == PACK_MVE_QUADS ? 4 : channels;
}

/* Multipliers, by rule tflite with exponents behind them or, for vectors, as factors in blocks. */
static const char *factor_array(Emitter *e, const Node *n, const Kernel *k) {
  if (!has_products(n, k)) return constant_array(e, n->in[3], "m");
  int64_t channels = n->in[1]->dim[0], groups = has_parts(n) && has_blocks(k) ? attr_int(n, "group", 1) : 1;
  int64_t count = channels / groups, at = 0;
  int32_t *factor = arena_alloc(e->a, 2 * channels * (int64_t)sizeof *factor);
  int64_t *v = arena_alloc(e->a, (2 * (channels + 8 * groups) + 1) * (int64_t)sizeof *v);
  tflite_products(n, 31, factor);
  for (int64_t g = 0; g < groups; g++, factor += 2 * count)
    for (int64_t o = 0, block; o < count; o += block, at += 2 * block) {
      block = factor_block(k, count, o);
      for (int64_t i = 0; i < block && o + i < count; i++)
        v[at + i] = factor[2 * (o + i)], v[at + block + i] = factor[2 * (o + i) + 1];
    }
  return int_array(e, "m", "int32_t", at, v);
}

static void write_rule(Emitter *e, const Node *n, const Kernel *k) {
  int64_t channels = n->in[1]->dim[0];
  if (has_products(n, k)) write_products(e, n, 0, factor_block(k, channels, channels));
  else write_rescale(e, n);
}

/* What stands before and behind the arguments that all kernels with weights have. */
typedef enum { WITH_TABLE, WITH_PACKING_AND_TABLE, WITHOUT_TABLE } Arguments;

/* [packing], parameters, [groups], [outliers], input, weights, [levels], [multiples], bias, multipliers, [table],
 * [scratch],
 * output. */
static void call_weighted(Emitter *e, const Node *n, const Kernel *k, Arguments with) {
  const char *groups = optional_input(n, 4) ? write_groups(e, n, k) : NULL, *w = weight_array(e, n, k);
  const char *beside = write_outliers(e, n);
  const char *b = bias_array(e, n, k), *m = factor_array(e, n, k);
  const char *packing = "", *table = "", *levels = "";
  if (k->indices) levels = arena_printf(e->a, ", %s", level_array(e, n, k));
  if (with == WITH_PACKING_AND_TABLE) {
    open_named(e, "qcc_packed", "q");
    write_packing(e, n, k);
    close_params(e);
    packing = "&q, ";
  }
  if (with != WITHOUT_TABLE)
    table = arena_printf(e->a, "%s, ", optional_input(n, 5) ? constant_array(e, n->in[5], "t") : "NULL");
  call(e, "qcc_%s(%s&p, %s%s%s, %s%s, %s%s%s, %s, %s%s%s)", k->name, packing, groups ? "&q, " : "",
       beside, pointer_to(e, n->in[0]), w, levels, groups ? groups : "", groups ? ", " : "", b, m, table,
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

static void write_qconv(Emitter *e, const Node *n, const Kernel *k, Arguments with) {
  open_params(e, "qcc_conv");
  write_window(e, n, n->in[1]);
  write_group(e, n, k);
  field(e, "x_zero", attr_int(n, "x_zero", 0));
  write_rule(e, n, k);
  close_params(e);
  call_weighted(e, n, k, with);
}

static void write_qgemm(Emitter *e, const Node *n, const Kernel *k, Arguments with) {
  int64_t cols = n->in[1]->dim[0], depth = n_elements(n->in[1]) / cols;
  open_params(e, "qcc_gemm");
  field(e, "rows", n_elements(n->out[0]) / cols);
  field(e, "depth", depth);
  field(e, "cols", cols);
  write_rule(e, n, k);
  close_params(e);
  call_weighted(e, n, k, with);
}

void emit_qconv(Emitter *e, const Node *n, const Kernel *k) { write_qconv(e, n, k, WITH_TABLE); }
void emit_qgemm(Emitter *e, const Node *n, const Kernel *k) { write_qgemm(e, n, k, WITH_TABLE); }
void emit_qconv_s16(Emitter *e, const Node *n, const Kernel *k) { write_qconv(e, n, k, WITHOUT_TABLE); }
void emit_qgemm_s16(Emitter *e, const Node *n, const Kernel *k) { write_qgemm(e, n, k, WITHOUT_TABLE); }

void emit_qconv_packed(Emitter *e, const Node *n, const Kernel *k) {
  write_qconv(e, n, k, WITH_PACKING_AND_TABLE);
}

void emit_qgemm_packed(Emitter *e, const Node *n, const Kernel *k) {
  write_qgemm(e, n, k, WITH_PACKING_AND_TABLE);
}

void emit_qmatmul(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *a = n->in[0], *b = n->in[1];
  open_params(e, "qcc_matmul_s8");
  write_matmul(e, n);
  field(e, "a_zero", attr_int(n, "a_zero", 0)), field(e, "b_zero", attr_int(n, "b_zero", 0));
  field(e, "m", attr_int(n, "m", 0));
  write_rescale(e, n);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s%s)", k->name, pointer_to(e, a), pointer_to(e, b),
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

/* Two operands, of equal shapes (count) or broadcast (&s). */
void call_binary(Emitter *e, const Node *n, const Kernel *k) {
  bool broadcast = strstr(k->name, "broadcast") != NULL;
  if (broadcast) write_broadcast(e, n);
  const char *shape =
      broadcast ? "&s" : arena_printf(e->a, "%lld", (long long)n_elements(n->out[0]));
  const char *a = is_const(n->in[0]) ? constant_array(e, n->in[0], "ca") : pointer_to(e, n->in[0]);
  const char *b = is_const(n->in[1]) ? constant_array(e, n->in[1], "cb") : pointer_to(e, n->in[1]);
  call(e, "qcc_%s(&p, %s, %s, %s, %s)", k->name, shape, a, b, pointer_to(e, n->out[0]));
}

void emit_qadd(Emitter *e, const Node *n, const Kernel *k) {
  static const char *const names[] = {"a_mul", "b_mul", "c", "shift", "lo", "hi"};
  open_params(e, "qcc_add");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    field(e, names[i], attr_int(n, names[i], 0));
  close_params(e);
  call_binary(e, n, k);
}

void emit_qadd_float(Emitter *e, const Node *n, const Kernel *k) {
  static const char *const integers[] = {"a_zero", "b_zero", "y_zero", "lo", "hi"},
                           *const reals[] = {"a_scale", "b_scale", "y_scale"};
  open_params(e, "qcc_float_add");
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
    field(e, integers[i], attr_int(n, integers[i], 0));
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    fprintf(e->calls, ".%s = %s, ", reals[i], float_text(e, attr_float(n, reals[i], 1)));
  close_params(e);
  call_binary(e, n, k);
}

void emit_qmul(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_mul");
  field(e, "a_zero", attr_int(n, "a_zero", 0)), field(e, "b_zero", attr_int(n, "b_zero", 0));
  field(e, "m", attr_int(n, "m", 0));
  write_rescale(e, n);
  close_params(e);
  call_binary(e, n, k);
}

void emit_qaveragepool(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_avgpool");
  write_window(e, n, NULL);
  field(e, "x_zero", attr_int(n, "x_zero", 0));
  field(e, "m_by_count", n_elements(n->in[1]) > 1);
  write_rescale(e, n);
  close_params(e);
  const char *m = constant_array(e, n->in[1], "m");
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, pointer_to(e, n->in[0]), m, pointer_to(e, n->out[0]));
}

void emit_maxpool(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_window");
  write_window_fields(e, n, NULL);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s)", k->name, pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
  finish_activation(e, n);
}

void emit_qsoftmax(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int64_t count = x->dim[x->rank - 1];
  const char *table = constant_array(e, n->in[1], "t");
  bool scaled = n_elements(n->in[1]) == 512;
  const char *zero = scaled ? arena_printf(e->a, "%lld, ", (long long)attr_int(n, "y_zero", 0)) : "";
  call(e, "qcc_%s(%lld, %lld, %s%s, %s, %s)", k->name, (long long)(n_elements(x) / count),
       (long long)count, zero, table, pointer_to(e, x), pointer_to(e, n->out[0]));
}

void emit_flip_sign(Emitter *e, const Node *n, const Kernel *k) {
  call(e, "qcc_%s(%lld, %s, %s)", k->name, (long long)n_elements(n->in[0]), pointer_to(e, n->in[0]),
       pointer_to(e, n->out[0]));
}

void emit_lookup(Emitter *e, const Node *n, const Kernel *k) {
  const char *table = constant_array(e, n->in[1], "t");
  call(e, "qcc_%s(%lld, %s, %s, %s)", k->name, (long long)n_elements(n->in[0]), table,
       pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
}

void emit_lookup_channels(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int64_t channels = x->dim[x->rank - 1];
  const char *table = constant_array(e, n->in[1], "t");
  call(e, "qcc_%s(%lld, %lld, %s, %s, %s)", k->name, (long long)(n_elements(x) / channels),
       (long long)channels, table, pointer_to(e, x), pointer_to(e, n->out[0]));
}

void emit_lookup_s16(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int64_t channels = n->in[1]->rank == 2 ? n->in[1]->dim[0] : 1;
  const char *table = constant_array(e, n->in[1], "t");
  call(e, "qcc_%s(%lld, %lld, %d, %s, %s, %s)", k->name, (long long)(n_elements(x) / channels),
       (long long)channels, x->dtype == DT_I8 ? 128 : 0, table, pointer_to(e, x),
       pointer_to(e, n->out[0]));
}

void emit_qrequantize(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_requantize");
  field(e, "m", attr_int(n, "m", 0));
  write_rescale(e, n);
  close_params(e);
  call(e, "qcc_%s(&p, %lld, %s, %s)", k->name, (long long)n_elements(n->in[0]),
       pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
}

/* Quantize, Dequantize, and Cast from codes (scale 1, zero 0). */
void emit_quantize(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *codes = is_op(n, "Quantize") ? n->out[0] : n->in[0];
  const QuantSpec *q = is_op(n, "Cast") ? NULL : codes->quant;
  open_params(e, "qcc_quantize");
  fprintf(e->calls, ".scale = %s, ", float_text(e, q ? q->scale[0] : 1));
  field(e, "zero", q ? q->zero[0] : 0);
  if (is_op(n, "Quantize")) field(e, "lo", q->format->lo), field(e, "hi", q->format->hi);
  close_params(e);
  call(e, "qcc_%s(&p, %lld, %s, %s)", k->name, (long long)n_elements(codes),
       pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
}
