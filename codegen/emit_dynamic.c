/* emit_dynamic.c - calls of the kernels on activations whose scales are found at run time. */
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

void write_x_scales(Emitter *e, const Node *n) {
  int64_t cols = n->in[1]->dim[0], depth = n_elements(n->in[1]) / cols;
  int64_t run = attr_int(n, "x_size", depth), runs = (depth + run - 1) / run;
  open_named(e, "qcc_x_scales", "t");
  field(e, "run", run);
  field(e, "runs", runs);
  field(e, "rows", n_elements(n->out[0]) / cols * runs / n_elements(n->in[5]));
  close_params(e);
}

static const char *bias_of(Emitter *e, const Node *n) {
  return n->in[2] ? constant_array(e, n->in[2], "b") : "NULL";
}

static void write_dynamic(Emitter *e, const Node *n, const Kernel *k, bool conv, bool row) {
  const char *multiple = write_layer(e, n, k, conv), *w = weight_array(e, n, k);
  if (!row) write_x_scales(e, n);
  const char *b = bias_of(e, n), *s = constant_array(e, n->in[3], "s");
  call(e, "qcc_%s(&p, &q, %s%s, %s, %s, %s, %s, %s, %s%s)", k->name, row ? "" : "&t, ",
       pointer_to(e, n->in[0]), w, multiple, b, s, pointer_to(e, n->in[5]),
       scratch_argument(e, n, k), pointer_to(e, n->out[0]));
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
