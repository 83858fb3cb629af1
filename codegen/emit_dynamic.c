/* emit_dynamic.c - calls of the kernels on activations whose scales are found at run time, and on those that are
 * floats of 8 bits. */
#include "codegen/emit.h"

static void write_rows(Emitter *e, const Node *n) {
  int64_t all = n_elements(n->in[0]), row = attr_int(n, "row", all);
  open_params(e, "qcc_quantize_rows");
  field(e, "rows", all / row);
  field(e, "row", row);
  field(e, "size", attr_int(n, "size", row));
  field(e, "hi", attr_int(n, "hi", 127));
  fprintf(e->calls, ".clip = %s", float_text(e, attr_float(n, "clip", 1)));
  close_params(e);
}

void emit_quantize_rows(Emitter *e, const Node *n, const Kernel *k) {
  write_rows(e, n);
  const Tensor *list = optional_input(n, 1);
  const char *skip = "";
  if (list)
    skip = arena_printf(e->a, "%lld, %s, ", (long long)n_elements(list), constant_array(e, list, "i"));
  call(e, "qcc_%s(&p, %s%s, %s, %s)", k->name, skip, pointer_to(e, n->in[0]),
       pointer_to(e, n->out[0]), pointer_to(e, n->out[1]));
}

void emit_dequantize_rows(Emitter *e, const Node *n, const Kernel *k) {
  write_rows(e, n);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, pointer_to(e, n->in[0]), pointer_to(e, n->in[1]),
       pointer_to(e, n->out[0]));
}

/* The parameters of the float layer, and how its weights are grouped; the array of multiples. */
static const char *write_layer(Emitter *e, const Node *n, const Kernel *k, bool conv) {
  if (conv) {
    open_params(e, "qcc_conv_f32");
    write_window(e, n, n->in[1]);
    field(e, "group", attr_int(n, "group", 1));
    write_activation(e, n);
    close_params(e);
  } else {
    write_gemm(e, n);
  }
  if (n->in[4]) return write_groups(e, n, k);
  open_named(e, "qcc_groups", "q");
  fprintf(e->calls, ".w = {");
  write_packing(e, n, k);
  fprintf(e->calls, "}, ");
  close_params(e);
  return "NULL";
}

static void open_x_scales(Emitter *e, const Node *n, const char *type) {
  int64_t cols = n->in[1]->dim[0], depth = n_elements(n->in[1]) / cols;
  int64_t run = attr_int(n, "x_size", depth), runs = (depth + run - 1) / run;
  open_named(e, type, "t");
  field(e, "run", run);
  field(e, "runs", runs);
  field(e, "rows", n_elements(n->out[0]) / cols * runs / n_elements(n->in[5]));
}

void write_x_scales(Emitter *e, const Node *n) {
  open_x_scales(e, n, "qcc_x_scales");
  close_params(e);
}

static const char *bias_of(Emitter *e, const Node *n) {
  return n->in[2] ? constant_array(e, n->in[2], "b") : "NULL";
}

/* `static const struct qcc_zeros z = {...}` where x has a zero point; "&z, X_ZERO", or "NULL, NULL". */
const char *write_zeros(Emitter *e, const Node *n) {
  const Tensor *w = n->in[1], *x_zero = optional_input(n, 6);
  if (!x_zero) return "NULL, NULL";
  int64_t channels = w->dim[0], depth = n_elements(w) / channels;
  int64_t *sum = arena_alloc(e->a, channels * 8), *zero = arena_alloc(e->a, channels * 8);
  bool any = false;
  for (int64_t o = 0; o < channels; o++) {
    zero[o] = w->quant && w->quant->group == 0 ? w->quant->zero[w->quant->n > 1 ? o : 0] : 0;
    sum[o] = weight_sum(n, o) - zero[o] * depth;
    any |= zero[o] != 0;
  }
  const char *w_sum = int_array(e, "zs", "int32_t", channels, sum);
  const char *w_zero = any ? int_array(e, "z", "int32_t", channels, zero) : "NULL";
  open_named(e, "qcc_zeros", "z");
  fprintf(e->calls, ".w_sum = %s, .w_zero = %s, ", w_sum, w_zero);
  close_params(e);
  return arena_printf(e->a, "&z, %s", pointer_to(e, x_zero));
}

static void write_dynamic(Emitter *e, const Node *n, const Kernel *k, bool conv, bool row) {
  const char *multiple = write_layer(e, n, k, conv), *w = weight_array(e, n, k);
  if (!row) write_x_scales(e, n);
  const char *b = bias_of(e, n), *s = constant_array(e, n->in[3], "s"), *zeros = write_zeros(e, n);
  call(e, "qcc_%s(&p, &q, %s%s, %s, %s, %s, %s, %s, %s, %s%s)", k->name, row ? "" : "&t, ",
       pointer_to(e, n->in[0]), w, multiple, b, s, pointer_to(e, n->in[5]), zeros,
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

/* The scale of the codes that n's outputs are, or 0. */
static void write_y_scale(Emitter *e, const Node *n) {
  const QuantSpec *q = n->out[0]->quant;
  fprintf(e->calls, ".y_scale = %s, ", float_text(e, q ? (double)q->scale[0] : 0));
}

static void write_fp8(Emitter *e, const Node *n, const Kernel *k, bool conv) {
  const char *multiple = write_layer(e, n, k, conv), *w = weight_array(e, n, k);
  open_x_scales(e, n, "qcc_fp8");
  double unit = has_floats(n->in[1]->quant->format) ? 0x1p-18 : 0x1p-9;
  fprintf(e->calls, ".unit = %s, ", float_text(e, unit));
  write_y_scale(e, n);
  close_params(e);
  const Tensor *xs = n->in[5];
  const char *b = bias_of(e, n), *s = constant_array(e, n->in[3], "s");
  call(e, "qcc_%s(&p, &q, &t, %s, %s, %s, %s, %s, %s, %s%s)", k->name, pointer_to(e, n->in[0]), w,
       multiple, b, s, is_const(xs) ? constant_array(e, xs, "s") : pointer_to(e, xs),
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}

void emit_conv_fp8(Emitter *e, const Node *n, const Kernel *k) { write_fp8(e, n, k, true); }

void emit_gemm_fp8(Emitter *e, const Node *n, const Kernel *k) { write_fp8(e, n, k, false); }

void emit_matmul_fp8(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *a = n->in[0], *b = n->in[1];
  open_params(e, "qcc_matmul_fp8");
  write_matmul(e, n);
  fprintf(e->calls, ".scale = %s, ", float_text(e, attr_float(n, "scale", 1) * 0x1p-18));
  write_y_scale(e, n);
  write_activation(e, n);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, pointer_to(e, a), pointer_to(e, b),
       pointer_to(e, n->out[0]));
}

void emit_quantize_fp8(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *codes = is_op(n, "Quantize") ? n->out[0] : n->in[0];
  call(e, "qcc_%s(%s, %lld, %s, %s)", k->name, float_text(e, (double)codes->quant->scale[0]),
       (long long)n_elements(codes), pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
}

void emit_conv_dynamic(Emitter *e, const Node *n, const Kernel *k) {
  write_dynamic(e, n, k, true, false);
}

void emit_gemm_dynamic(Emitter *e, const Node *n, const Kernel *k) {
  write_dynamic(e, n, k, false, false);
}

void emit_gemm_dynamic_row(Emitter *e, const Node *n, const Kernel *k) {
  write_dynamic(e, n, k, false, true);
}

/* Products whose sums a kernel for an instruction set makes. */
void emit_line_reals(Emitter *e, const Node *n, const Kernel *k) {
  write_gemm(e, n);
  const char *multiple = n->in[4] ? write_groups(e, n, k) : NULL, *w = weight_array(e, n, k);
  const char *levels = k->indices ? arena_printf(e->a, ", %s", level_array(e, n, k)) : "";
  write_x_scales(e, n);
  const char *b = bias_of(e, n), *s = constant_array(e, n->in[3], "s"), *zeros = write_zeros(e, n);
  call(e, "qcc_%s(&p, %s&t, %s, %s%s%s%s, %s, %s, %s, %s, %s%s)", k->name, multiple ? "&q, " : "",
       pointer_to(e, n->in[0]), w, levels, multiple ? ", " : "", multiple ? multiple : "", b, s,
       pointer_to(e, n->in[5]), zeros, scratch_argument(e, n, k), pointer_to(e, n->out[0]));
}
