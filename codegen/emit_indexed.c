/* emit_indexed.c - calls of the kernels whose indices name places (runtime/indexed.h).  A scatter that
 * reduces is a loop in the generated code around the expression of loops.def for the element type. */
#include <string.h>

#include "codegen/emit_loop.h"

static void write_indexed(Emitter *e, const Node *n) {
  IndexedMove m;
  get_indexed_move(n, &m);
  open_params(e, "qcc_indexed");
  field(e, "rank", m.rank), field(e, "depth", m.depth);
  field(e, "entries", m.entries), field(e, "run", m.run);
  field(e, "elem", dtype_bytes(n->in[0]->dtype));
  field(e, "wide", n->in[1]->dtype == DT_I64);
  field_ints(e, "dim", m.rank, m.dim), field_ints(e, "step", m.rank, m.step);
  field_ints(e, "size", m.depth, m.size), field_ints(e, "stride", m.depth, m.stride);
  close_params(e);
}

void emit_gather_indexed(Emitter *e, const Node *n, const Kernel *k) {
  write_indexed(e, n);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, operand_pointer(e, n, 1), operand_pointer(e, n, 0),
       pointer_to(e, n->out[0]));
}

/* What is scattered into, unless the output lies over it. */
static void start_scatter(Emitter *e, const Node *n) {
  const char *from = operand_pointer(e, n, 0), *to = pointer_to(e, n->out[0]);
  if (strcmp(from, to) != 0)
    call(e, "qcc_copy(%s, %s, %lld)", to, from, (long long)tensor_bytes(n->in[0]));
}

void emit_scatter(Emitter *e, const Node *n, const Kernel *k) {
  write_indexed(e, n);
  start_scatter(e, n);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, operand_pointer(e, n, 1), operand_pointer(e, n, 2),
       pointer_to(e, n->out[0]));
}

void emit_scatter_reduce(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  IndexedMove m;
  get_indexed_move(n, &m);
  DType t = n->in[0]->dtype;
  use_header(e, "loop.h");
  write_indexed(e, n);
  start_scatter(e, n);
  declare_operand(e, n->in[2], "v", 2);
  declare_output(e, n->out[0]);
  Values v = values_of(n, element_of(e, t, "y", "start + i"),
                       element_of(e, t, "v", arena_printf(e->a, "e * %lld + i", (long long)m.run)));
  const char *result = expand_text(e, n, find_loop_of(scatter_step(n), numbers_of(n))->text, &v);
  fprintf(e->calls,
          "    struct qcc_entry_walk w = {{0, 0, 0, 0, 0, 0, 0, 0}, 0};\n"
          "    for (int32_t e = 0; e < %lld; e++) {\n"
          "      int32_t start = qcc_run_start(&p, &w, e, %s);\n"
          "      for (int32_t i = 0; i < %lld; i++)\n        y[start + i] = %s;\n"
          "      qcc_next_entry(&p, &w);\n    }\n",
          (long long)m.entries, operand_pointer(e, n, 1), (long long)m.run,
          stored_text(e, n, numbers_of(n) == NUMBERS_REALS, result));
}

void emit_tensor_scatter(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  int axis = axis_of(n, x, -2);
  start_scatter(e, n);
  open_params(e, "qcc_tensor_scatter");
  field(e, "batch", x->dim[0]), field(e, "middle", count_in(x, 1, axis));
  field(e, "size", x->dim[axis]), field(e, "count", n->in[1]->dim[axis]);
  field(e, "inner_bytes", count_in(x, axis + 1, x->rank) * dtype_bytes(x->dtype));
  field(e, "circular", strcmp(attr_str(n, "mode", "linear"), "circular") == 0);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, operand_pointer(e, n, 2), operand_pointer(e, n, 1),
       pointer_to(e, n->out[0]));
}
