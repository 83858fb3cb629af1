/* emit_select.c - calls of the kernels of runtime/select.h and nms.h, OneHot and NonZero. */
#include "codegen/emit_loop.h"

void emit_trilu(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  open_params(e, "qcc_trilu");
  field(e, "matrices", count_in(x, 0, x->rank - 2));
  field(e, "rows", x->dim[x->rank - 2]), field(e, "columns", x->dim[x->rank - 1]);
  field(e, "elem", dtype_bytes(x->dtype)), field(e, "upper", attr_int(n, "upper", 1) != 0);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, operand_pointer(e, n, 1), operand_pointer(e, n, 0),
       pointer_to(e, n->out[0]));
}

/* A loop in the generated code, because indices may be of any type. */
void emit_onehot(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const Tensor *index = n->in[0], *y = n->out[0];
  int axis = axis_of(n, y, -1);
  int64_t inner = count_in(y, axis + 1, y->rank), depth = y->dim[axis];
  int64_t dim[3] = {count_in(y, 0, axis), depth, inner};
  bool wide = dtype_is_float(index->dtype) || index->dtype == DT_U64;
  const char *at = arena_printf(e->a, "i0 * %lld + i2", (long long)inner);
  declare_operand(e, index, "x", 0);
  declare_operand(e, n->in[2], "v", 2);
  declare_output(e, y);
  open_nest(e, 0, 3, dim);
  fprintf(e->calls,
          "{\n          %s at = %s;\n"
          "          y[(i0 * %lld + i1) * %lld + i2] = at == i1 || at == i1 - %lld ? v[1] : v[0];\n"
          "        }\n",
          wide ? "double" : "int64_t", element_of(e, index->dtype, "x", at), (long long)depth,
          (long long)inner, (long long)depth);
}

/* A loop likewise: y[rank][elements of x], the places that were found first in each row, -1 behind them. */
void emit_nonzero(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const Tensor *x = n->in[0], *y = n->out[0];
  long long room = y->dim[1];
  declare_operand(e, x, "x", 0);
  declare_output(e, y);
  fprintf(e->calls, "    int32_t found = 0;\n    for (int32_t i = 0; i < %lld; i++)\n      if (%s != 0) {\n", room,
          element_of(e, x->dtype, "x", "i"));
  for (int d = 0; d < y->dim[0]; d++)
    fprintf(e->calls, "        y[%lld + found] = i / %lld %% %lld;\n", d * room, (long long)count_in(x, d + 1, x->rank),
            x->rank ? (long long)x->dim[d] : 1);
  fprintf(e->calls, "        found++;\n      }\n    for (int32_t i = found; i < %lld; i++)\n", room);
  fprintf(e->calls, "      for (int32_t d = 0; d < %lld; d++)\n        y[d * %lld + i] = -1;\n    *%s = found;\n",
          (long long)y->dim[0], room, pointer_to(e, n->out[1]));
}

void emit_reverse_sequence(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int batch = (int)attr_int(n, "batch_axis", 1);
  int64_t run = count_in(x, 2, x->rank) * dtype_bytes(x->dtype), step[2] = {x->dim[1] * run, run};
  open_params(e, "qcc_reverse");
  field(e, "batch", x->dim[batch]), field(e, "time", x->dim[1 - batch]);
  field(e, "batch_step", step[batch]), field(e, "time_step", step[1 - batch]);
  field(e, "run_bytes", run);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, operand_pointer(e, n, 1), operand_pointer(e, n, 0),
       pointer_to(e, n->out[0]));
}

void emit_nms(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *box = n->in[0], *score = optional_input(n, 4), *overlap = optional_input(n, 3);
  int64_t classes = n->in[1]->dim[1], lines = box->dim[0] * classes;
  open_params(e, "qcc_nms");
  field(e, "batches", box->dim[0]), field(e, "classes", classes), field(e, "boxes", box->dim[1]);
  field(e, "most", lines ? n->out[0]->dim[0] / lines : 0);
  field(e, "centered", attr_int(n, "center_point_box", 0) != 0), field(e, "scored", score != NULL);
  fprintf(e->calls, ".overlap = %s, .score = %s, ",
          double_text(e, overlap ? get_real(overlap->dtype, overlap->data, 0) : 0),
          double_text(e, score ? get_real(score->dtype, score->data, 0) : 0));
  close_params(e);
  call(e, "qcc_%s(&p, (uint8_t *)(%s), %s, %s, %s, %s)", k->name, scratch_place(e, n), operand_pointer(e, n, 0),
       operand_pointer(e, n, 1), pointer_to(e, n->out[0]), pointer_to(e, n->out[1]));
}
